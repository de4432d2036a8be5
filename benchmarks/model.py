"""Train a model on a folder of labelled tweets in one process, without Spark, and print its figures.

    python benchmarks/model.py FOLDER [--more extra,slice,open] [--set model.cell=lstm]… [--repeat 2]

Prints accuracy and macro-F1 (%) on the validation split for each seed, of the average of their
probabilities, and of the last seed with other shares of the linear models in the answer. The linear fits are
kept in --cache, by what they were made of, so that networks over the same fits are compared quickly.
--second-teacher stacks networks, each trained without a fold, with the linear models, and teaches by that.
"""

import argparse
import hashlib
import os
import pickle
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from submit import megabytes
from tweets import read_tweets

from adc.cleaning import load_profile
from adc.dialects import DIALECTS
from adc.metrics import score_rows
from adc.model.bundle import Bundle, load_bundle
from adc.model.encoder import Encoder
from adc.model.predictor import Predictor
from adc.session import TENSORFLOW_ENVIRONMENT
from adc.settings import Settings
from adc.settings_layers import load_settings
from adc.training.batches import Examples, examples_of
from adc.training.corpus import Corpus
from adc.training.cross_fit import Counts, Linear, cross_fit, teacher
from adc.training.encoding import Encoding
from adc.training.folds import FOLDS, NONE, plain
from adc.training.plan import Plan
from adc.training.rank import Rank

SHARES = (0, 0.25, 0.5, 0.75, 1)


def vocabulary(texts: pd.Series, most: int, min_count: int) -> tuple[str, ...]:
    counts = texts.str.split(" ").map(set).explode().value_counts().rename("n").reset_index()
    kept = counts[counts["n"] >= min_count].sort_values(["n", "clean"], ascending=[False, True])
    return tuple(kept["clean"].head(most))


def linear_fits(rows: pd.DataFrame, labels: tuple[str, ...], encoder: Encoder, settings: Settings) -> Linear:
    least = Counts(settings.model.gram_min_count, settings.model.bayes_min_count)
    return cross_fit(Corpus.of(rows, labels, settings.train.plain_share), encoder, least)


def cached_fits(
    cache: Path | None, rows: pd.DataFrame, labels: tuple[str, ...], encoder: Encoder, settings: Settings
) -> Linear:
    if cache is None:
        return linear_fits(rows, labels, encoder, settings)
    source = Path(__file__).parents[1] / "adc"
    fitting = ("corpus", "evidence", "bayes", "cross_fit")
    fits = (*(f"training/{name}" for name in fitting), "model/evidence", "model/stack")
    code = [(source / f"{name}.py").read_bytes() for name in fits]
    told = [settings.model.gram_min_count, settings.model.bayes_min_count, settings.train.plain_share]
    content = [rows.to_csv(), encoder, told, code]
    place = cache / hashlib.sha256(pickle.dumps(content)).hexdigest()[:16]
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(pickle.dumps(linear_fits(rows, labels, encoder, settings)))
    linear: Linear = pickle.loads(place.read_bytes())
    return linear


def most_memory() -> float:
    """GB that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--more", default="extra", help="extra, slice, open, slice5, by commas; or nothing")
    parser.add_argument("--set", action="append", default=[], help="a setting, key=value")
    parser.add_argument("--repeat", type=int, default=1, help="how many seeds")
    parser.add_argument("--cache", type=Path, help="a folder, outside the project, for linear fits")
    parser.add_argument("--second-teacher", action="store_true", help="networks out of fold teach, too")
    parser.add_argument(
        "--bundle", type=Path, help="where to keep the last seed's model and time its scoring"
    )
    arguments = parser.parse_args()
    settings = load_settings(overrides=arguments.set)

    started = time.monotonic()
    rows = read_tweets(arguments.folder, tuple(filter(None, arguments.more.split(","))))
    train = rows[rows["split"] == "train"].reset_index(drop=True)
    labels = DIALECTS.restricted_to(list(train["dialect"].unique())).codes
    encoder = Encoder(
        vocabulary(train["clean"], settings.model.vocabulary, settings.model.min_count),
        settings.model.max_tokens,
    )
    print(
        f"{len(train):,} training tweets, {encoder.size:,} words: {time.monotonic() - started:.0f} s",
        flush=True,
    )

    rows["teacher"] = train["teacher"] = None
    linear = None
    if settings.model.evidence or settings.model.soft_labels or settings.model.blend:
        started = time.monotonic()
        linear = cached_fits(arguments.cache, train, labels, encoder, settings)
        train["teacher"] = list(linear.teacher)
        print(
            f"linear fits: {time.monotonic() - started:.0f} s, memory up to {most_memory():.1f} GB; "
            f"{told_out_of_fold(train, labels)}",
            flush=True,
        )
    counts = train["dialect"].value_counts().to_dict()
    encoding = Encoding.of(settings, encoder, labels, linear, counts)
    if arguments.second_teacher:
        train["teacher"] = list(second_teacher(settings, encoding, train))
        print(f"second teacher: {told_out_of_fold(train, labels)}", flush=True)
    rows["teacher"] = rows["text_hash"].map(dict(zip(train["text_hash"], train["teacher"], strict=True)))
    scratch = tempfile.TemporaryDirectory(prefix="adc-benchmark-")
    splits = {
        name: examples(rows[rows["split"] == name], encoding, name, Path(scratch.name, name))
        for name in ("train", "val", "test")
    }
    result = run(settings, encoding, splits, rows[rows["split"] == "val"], arguments.repeat)
    if arguments.bundle:
        bundled(settings, encoding, NONE, result).save(arguments.bundle)
        told_plainly(arguments.bundle, rows[rows["split"] == "val"], "val")
        time_scoring(arguments.bundle, rows.loc[rows["split"] != "train", "clean"].tolist())


def examples(rows: pd.DataFrame, encoding: Encoding, split: str, folder: Path) -> Examples:
    columns = rows.copy()
    taught = [None if row is None or row is np.nan else list(row) for row in rows["teacher"]]
    columns["teacher"] = pd.Series(taught, rows.index, dtype=object)
    schema = pa.schema(
        [(name, pa.string()) for name in ("clean", "dialect", "text_hash", "author", "split")]
        + [("weight", pa.float64()), ("teacher", pa.list_(pa.float32()))]
    )
    batches = pa.Table.from_pandas(columns, schema, preserve_index=False).to_batches(4096)
    return examples_of((encoding.rows(batch) for batch in batches), split, folder)


def told_out_of_fold(train: pd.DataFrame, labels: tuple[str, ...]) -> str:
    right = np.stack(train["teacher"]).argmax(axis=1) == train["dialect"].map(labels.index)
    return f"teacher, out of fold: accuracy {100 * right.mean():.1f}"


def second_teacher(settings: Settings, encoding: Encoding, train: pd.DataFrame) -> np.ndarray:
    """Log-probabilities (N, C) by a stack of the first teacher and of networks trained without the fold."""
    alone = settings.model.model_copy(update={"blend": 0.0})
    settings, encoding = settings.model_copy(update={"model": alone}), replace(encoding, stack=None)
    corpus = Corpus.of(train, encoding.labels, settings.train.plain_share)
    networks = np.empty((len(train), len(encoding.labels)), np.float32)
    for fold in range(FOLDS):
        held_out = corpus.folds == fold
        with tempfile.TemporaryDirectory(prefix="adc-benchmark-") as scratch:
            parts = {"train": train[~held_out], "val": train[:0], "test": train[:0]}
            splits = {
                name: examples(rows, encoding, name, Path(scratch, name)) for name, rows in parts.items()
            }
            result = trained(settings, encoding, splits, settings.seed + fold)
        predictor = Predictor(bundled(settings, encoding, fold, result))
        networks[held_out] = predictor.probabilities(train.loc[held_out, "clean"].tolist())
    members = [np.stack(train["teacher"]), np.log(np.maximum(networks, 1e-9))]
    return teacher(corpus, members)


def bundled(settings: Settings, encoding: Encoding, fold: int, result: dict[str, Any]) -> Bundle:
    stack, evidence = encoding.stack or (None, None)
    if encoding.evidence:
        evidence = encoding.evidence[fold]
    return Bundle(
        name="benchmark",
        labels=encoding.labels,
        encoder=encoding.encoder,
        network=encoding.network(settings.model),
        profile=load_profile("model"),
        evidence=evidence,
        stack=stack,
        blend=settings.model.blend,
        **{name: result[name] for name in ("weights", "temperature", "metrics")},
    )


def trained(settings: Settings, encoding: Encoding, splits: dict[str, Examples], seed: int) -> dict[str, Any]:
    """What the only rank makes of the splits."""
    os.environ.update(TENSORFLOW_ENVIRONMENT)
    import horovod.tensorflow as hvd
    import tensorflow as tf

    if not hvd.is_initialized():
        hvd.init()
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    plan = replace(
        Plan.of(settings, encoding.labels, encoding.network(settings.model), "", "", threads=1), seed=seed
    )
    tf.keras.utils.set_random_seed(seed)
    result = Rank(plan, hvd, tf).run(splits["train"], splits["val"], splits["test"])
    assert result is not None
    return result


def run(
    settings: Settings, encoding: Encoding, splits: dict[str, Examples], val: pd.DataFrame, repeat: int
) -> dict[str, Any]:
    """Trains once a seed and prints the figures; the result of the last seed."""
    figures: list[list[float]] = []
    together = np.zeros((len(val), len(encoding.labels)), np.float32)
    for seed in range(settings.seed, settings.seed + repeat):
        result = trained(settings, encoding, splits, seed)
        for epoch in result["history"]:
            print({name: round(value, 4) for name, value in epoch.items()})
        figures.append([100 * result["metrics"]["val"][name] for name in ("accuracy", "macro_f1")])
        told = " / ".join(f"{value:.1f}" for value in figures[-1])
        print(f"seed {seed}: {told}, temperature {result['temperature']:.2f}", flush=True)
        together += Predictor(bundled(settings, encoding, NONE, result)).probabilities(val["clean"].tolist())
    accuracy, macro_f1 = np.mean(figures, axis=0)
    print(f"val accuracy / macro-F1 over {repeat} seeds: {accuracy:.1f} / {macro_f1:.1f}")
    print(f"their probabilities averaged: {figures_of(val, together, encoding.labels)}")
    bundle = bundled(settings, encoding, NONE, result)
    for share in SHARES if bundle.stack else ():
        probabilities = Predictor(replace(bundle, blend=share)).probabilities(val["clean"].tolist())
        print(f"model.blend={share}: {figures_of(val, probabilities, encoding.labels)}")
    return result


def figures_of(rows: pd.DataFrame, probabilities: np.ndarray, labels: tuple[str, ...]) -> str:
    guesses = [labels[number] for number in probabilities.argmax(axis=1)]
    figures = score_rows(rows["dialect"].tolist(), guesses, labels)
    return f"{100 * figures.accuracy:.1f} / {100 * figures.macro_f1:.1f}"


def told_plainly(folder: Path, rows: pd.DataFrame, split: str) -> None:
    """The figures without links, mentions and line breaks, as of texts typed into a program."""
    predictor = Predictor(load_bundle(folder))
    for name, texts in (("as sent", rows["clean"]), ("typed", rows["clean"].map(plain))):
        told = figures_of(rows, predictor.probabilities(texts.tolist()), predictor.bundle.labels)
        print(f"{split} {name}: {told}")


def time_scoring(folder: Path, clean: list[str]) -> None:
    predictor = Predictor(load_bundle(folder))
    started = time.monotonic()
    predictor.probabilities(clean)
    rate = len(clean) / (time.monotonic() - started)
    print(f"bundle {megabytes(folder):.1f} MB; {rate:,.0f} clean texts/s scored")


if __name__ == "__main__":
    main()
