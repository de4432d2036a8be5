"""What a training step costs, without Spark and without what else a job does, on one rank or several.

    python benchmarks/step.py FOLDER [--batch-size 128] [--passes 8]
    horovodrun -np 2 --gloo python benchmarks/step.py FOLDER

8,000 tweets of FOLDER (ids.csv and texts.parquet), their evidence and labels drawn at random, as costs do
not depend on them; one thread a rank. Each batch counts by its fastest pass, so that other work on the
machine spoils little.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
from model import vocabulary
from tweets import read_tweets

from adc.model.encoder import Encoder
from adc.session import TENSORFLOW_ENVIRONMENT
from adc.settings_layers import load_settings
from adc.training.batches import Examples, epoch_batches
from adc.training.encoding import network_spec
from adc.training.plan import Plan
from adc.training.rank import Rank

ROWS, CLASSES = 8_000, 18


def drawn(folder: Path) -> tuple[int, Examples]:
    """The size of the vocabulary of all tweets, and some of them as examples."""
    texts = read_tweets(folder)["clean"]
    encoder = Encoder(vocabulary(texts, most=40_000, min_count=2), max_tokens=56)
    tokens = encoder.tokens(texts.head(ROWS).tolist())
    draw = np.random.default_rng(0)
    labels = draw.integers(0, CLASSES, ROWS)
    return encoder.size, Examples(
        tokens=tokens.flat.astype(np.int32),
        offsets=np.concatenate([[0], np.cumsum(tokens.lengths)]),
        evidence=draw.normal(0, 1, (len(tokens.flat), 2 * CLASSES)).astype(np.float16),
        labels=labels.astype(np.int32),
        targets=np.eye(CLASSES, dtype=np.float32)[labels],
        linear=np.zeros((ROWS, 0), np.float32),
        weights=np.ones(ROWS, np.float32),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--passes", type=int, default=8)
    arguments = parser.parse_args()
    os.environ.update(TENSORFLOW_ENVIRONMENT)
    import horovod.tensorflow as hvd
    import tensorflow as tf

    hvd.init()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    size, examples = drawn(arguments.folder)
    settings = load_settings(overrides=[f"train.batch_size={arguments.batch_size}"])
    labels = tuple(f"L{number}" for number in range(CLASSES))
    spec = network_spec(settings.model, size, CLASSES, evidence=2 * CLASSES)
    plan = Plan.of(settings, labels, spec, "", "", threads=1)
    rank = Rank(plan, hvd, tf)
    batches = epoch_batches(examples.lengths, plan.batch_size, seed=0, epoch=1)
    rank.batch_weight = float(plan.batch_size)
    rank.steps_in_all = len(batches) * arguments.passes
    room = examples.most_words(batches)
    seconds = np.full(len(batches), np.inf)
    cpu = time.process_time()
    for _ in range(arguments.passes):
        for number, rows in enumerate(batches):
            started = time.perf_counter()
            own = examples.batch(rows[hvd.rank() :: hvd.size()], plan.xla)
            rank._step(own, examples.words(rows), room)
            seconds[number] = min(seconds[number], time.perf_counter() - started)
    cpu = (time.process_time() - cpu) / len(batches) / arguments.passes
    if hvd.rank() == 0:
        print(
            f"{hvd.size()} ranks, batches of {plan.batch_size}: {1e3 * seconds.mean():.1f} ms a step, "
            f"{ROWS / seconds.sum():,.0f} examples/s; {1e3 * cpu:.1f} ms of processor time a rank",
            flush=True,
        )


if __name__ == "__main__":
    main()
