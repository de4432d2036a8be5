"""What one Horovod rank does: its slice of every global batch, gradients summed over all ranks.

Keras' own `fit` with Horovod lets the ranks drift apart silently (Keras 3), so the step is our own, and
after every epoch all ranks prove that they hold the same weights.
"""

import hashlib
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adc.model.stack import blended
from adc.tables import SPLITS
from adc.training.average import Average
from adc.training.batches import Batch, Examples, epoch_batches, read_examples
from adc.training.calibration import calibration_error, fit_temperature
from adc.training.checkpoints import Checkpoint, latest_checkpoint, save_checkpoint
from adc.training.output import tell_driver
from adc.training.plan import CHECKPOINTS, Plan, best_epoch, learning_rate
from adc.training.results import scored, split_figures

PROGRESS_SECONDS = 5.0
EVALUATION_BATCH = 512
# Training tweets that the figures at the end are of: enough to see how far the network over-fits.
MOST_JUDGED = 200_000
# The weights are averaged every so many steps, or oftener, so many times in a training at least.
AVERAGE_STEPS, LEAST_AVERAGES = 20, 50


def train_rank(plan: Plan) -> dict[str, Any] | None:
    """Trains; rank 0 returns weights, history, temperature and metrics by split, the others None.

    Goes on after the last epoch that a killed run of the same plan has done. Raises RuntimeError when the
    loss is no number, or when ranks no longer hold the same weights.
    """
    import horovod.tensorflow as hvd
    import tensorflow as tf

    hvd.init()
    tf.config.threading.set_intra_op_parallelism_threads(plan.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    take_gpu(hvd, tf)
    if plan.mixed_precision:
        tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    with tempfile.TemporaryDirectory(prefix="adc-rank-") as scratch:
        train, val, test = (read_examples(plan.shards, split, Path(scratch, split)) for split in SPLITS)
    # The files are mapped into memory and go with this process, however it ends.
    return Rank(plan, hvd, tf, tell_driver).run(train, val, test)


def take_gpu(hvd: Any, tf: Any) -> None:
    """Takes the GPU that Spark gave this task, else its local rank's, and no more memory than it needs."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return
    from horovod.spark.task import get_available_devices

    given = get_available_devices()
    # Where a process sees only its own, that one has number 0 there.
    gpu = gpus[(int(given[0]) if given else hvd.local_rank()) % len(gpus)]
    tf.config.set_visible_devices(gpu, "GPU")
    tf.config.experimental.set_memory_growth(gpu, True)


class Rank:
    """One rank's network, optimizer and loop; the first rank tells how far it is."""

    def __init__(
        self, plan: Plan, hvd: Any, tf: Any, tell: Callable[[dict[str, Any]], None] = lambda facts: None
    ) -> None:
        from adc.model.network import build_network
        from adc.training.optimizer import Optimizer

        self.tell = tell
        self.plan, self.hvd, self.tf = plan, hvd, tf
        self.network = build_network(plan.network, plan.seed + 1000 * hvd.rank(), cudnn=not plan.xla)
        self.steps_done, self.steps_in_all, self.average_steps = 0, 0, AVERAGE_STEPS
        # Examples a second, over all ranks, once there is a step that traces nothing.
        self.rate = 0.0
        # What the weights of a whole batch sum to, as a rule.
        self.batch_weight = 1.0
        variables = self.network.trainable_variables
        hvd.broadcast_variables([variable.value for variable in variables], root_rank=0)
        tables = [layer.embeddings for layer in self.network.layers if layer.name == "words"]
        others = [variable for variable in variables if all(variable is not table for table in tables)]
        self.optimizer = Optimizer(tables, others)
        self.average = Average(variables)
        # With patience, the averages of the best epoch.
        self.best: list[np.ndarray] = []
        inputs = [
            tf.TensorSpec((None, None), tf.int32),
            tf.TensorSpec((None, None, plan.network.evidence), tf.float32),
        ]
        targets = tf.TensorSpec((None, plan.network.classes), tf.float32)
        shares = tf.TensorSpec((None,), tf.float32)
        words = tf.TensorSpec((None,), tf.int32), tf.TensorSpec((), tf.int32)
        rate = tf.TensorSpec((), tf.float32)
        self._gradients = tf.function(self._loss_and_gradients, jit_compile=plan.xla)
        self._inputs = inputs
        self._update = tf.function(
            self._training_step, input_signature=[*inputs, targets, shares, *words, rate]
        )
        self._logits = self._judge()

    def run(self, train: Examples, val: Examples, test: Examples) -> dict[str, Any] | None:
        """All epochs, then calibration and the figures of every split."""
        plan = self.plan
        steps = -(-len(train) // plan.batch_size)
        self.steps_in_all = steps * plan.epochs
        self.average_steps = max(1, min(AVERAGE_STEPS, self.steps_in_all // LEAST_AVERAGES))
        self.batch_weight = min(plan.batch_size, len(train)) * float(train.weights.mean())
        history = self._restore_checkpoint()
        for epoch in range(len(history) + 1, plan.epochs + 1):
            if plan.patience and len(history) - best_epoch(history) >= plan.patience:
                break
            started = time.monotonic()
            self._reseed(epoch)
            loss = self._epoch(train, epoch)
            self._assert_identical_weights(epoch)
            row = {"epoch": epoch, "loss": loss, "seconds": time.monotonic() - started}
            if len(val):
                with self.average.in_place():
                    labels, logits = self._evaluate(val)
                figures = scored(plan.labels, labels, logits)
                row |= {"val_accuracy": figures.accuracy, "val_macro_f1": figures.macro_f1}
            history.append(row)
            if plan.patience and best_epoch(history) == epoch:
                with self.average.in_place():
                    self.best = [variable.value.numpy() for variable in self.network.trainable_variables]
            self._save_checkpoint(history)
            self._tell(done=True, **row, **self._speed(len(train) * (plan.epochs - epoch)))
        with self.average.in_place(self.best):
            return self._result(history, train, val, test)

    def _epoch(self, train: Examples, epoch: int) -> float:
        """One pass; the mean loss of an example, over all ranks."""
        plan, total, weight, seen, timed = self.plan, 0.0, 0.0, 0, 0
        started = told = time.monotonic()
        batches = epoch_batches(train.lengths, plan.batch_size, plan.seed, epoch)
        room = train.most_words(batches)
        for number, rows in enumerate(batches, start=1):
            batch = train.batch(rows[self.hvd.rank() :: self.hvd.size()], plan.xla)
            loss = self._step(batch, train.words(rows), room)
            total, weight = total + loss, weight + float(train.weights[rows].sum())
            seen += len(rows)
            if not np.isfinite(loss):
                raise self._diverged(f"the loss is {loss} at step {number} of epoch {epoch}")
            if number == 1:
                # The very first step also traces the graph, which would spoil the rate.
                started = told = time.monotonic()
                continue
            timed += len(rows)
            self.rate = timed / (time.monotonic() - started)
            if time.monotonic() - told > PROGRESS_SECONDS:
                told = time.monotonic()
                speed = self._speed(len(train) * (plan.epochs - epoch + 1) - seen)
                self._tell(epoch=epoch, step=number, steps=len(batches), loss=total / weight, **speed)
        return total / weight

    def _speed(self, examples: int) -> dict[str, float]:
        """Examples a second, and the seconds that so many more take; nothing before that is known."""
        return {"rate": self.rate, "left": examples / self.rate} if self.rate else {}

    def _step(self, batch: Batch, words: np.ndarray, room: int) -> float:
        """One update from this rank's slice of a batch; the loss summed over the batch.

        Every rank's gradient is of its own part of the same sum, so together they are the batch's gradient,
        however many ranks there are. An epoch's last batch is shorter: its tweets count as others do. words:
        those of the whole batch, whose vectors alone are moved: every rank knows them without asking the
        others. room: at least as many as these.
        """
        rate = np.float32(learning_rate(self.steps_done, self.steps_in_all, self.plan))
        own = (batch.tokens, batch.evidence, batch.targets, batch.weights / np.float32(self.batch_weight))
        loss = float(self._update(*own, words, np.int32(room), rate)) * self.batch_weight
        self.steps_done += 1
        if self.steps_done % self.average_steps == 0:
            self.average.update()
        return loss

    def _loss_and_gradients(self, tokens: Any, evidence: Any, targets: Any, shares: Any) -> Any:
        with self.tf.GradientTape() as tape:
            logits = self.network([tokens, evidence], training=True)
            losses = self.tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            loss = self.tf.reduce_sum(losses * shares)
        return tape.gradient(loss, [weight.value for weight in self.optimizer.weights]), loss

    def _training_step(self, *inputs: Any) -> Any:
        """The graph of one update: own gradients, their sums over all ranks, and what these change."""
        *own, words, room, rate = inputs
        gradients, loss = self._gradients(*own)
        own = [*self.optimizer.of_rows(gradients, words, room), loss]
        *summed, loss = self.hvd.grouped_allreduce(own, op=self.hvd.Sum)
        self.optimizer.apply(summed, words, rate)
        return loss

    def _reseed(self, epoch: int) -> None:
        """Seeds dropout by seed, rank and epoch, so that an epoch is the same after a restart."""
        generators = [
            layer.seed_generator for layer in self.network.layers if hasattr(layer, "seed_generator")
        ]
        own = 1000 * self.plan.seed + self.hvd.rank()
        for number, generator in enumerate(generators):
            generator.state.assign([16 * own + number, epoch << 24])

    def _parts(self) -> dict[str, Sequence[Any]]:
        return {"weights": self.network.trainable_variables, "optimizer": self.optimizer.variables}

    def _save_checkpoint(self, history: Sequence[Mapping[str, float]]) -> None:
        """Writes a checkpoint, of which rank 0's copy stands for all."""
        if not self.plan.folder or self.hvd.rank() != 0:
            return
        kept = {
            name: [variable.value.numpy() for variable in variables]
            for name, variables in self._parts().items()
        }
        kept |= {"average": self.average.values, "best": self.best}
        facts = {
            "epoch": len(history),
            "steps": self.steps_done,
            "averaged": self.average.updates,
            "history": list(history),
        }
        save_checkpoint(f"{self.plan.folder}/{CHECKPOINTS}", Checkpoint.of(facts, kept))

    def _restore_checkpoint(self) -> list[dict[str, float]]:
        """Takes up the last checkpoint, if there is one; the rows of the epochs that are done."""
        if not self.plan.folder:
            return []
        own = self.hvd.rank() == 0
        kept = latest_checkpoint(f"{self.plan.folder}/{CHECKPOINTS}") if own else None
        kept = self.hvd.broadcast_object(kept, root_rank=0)
        if kept is None:
            return []
        for name, variables in self._parts().items():
            for variable, array in zip(variables, kept.list_of(name), strict=True):
                variable.assign(array)
        self.steps_done = kept.facts["steps"]
        self.average.values, self.average.updates = kept.list_of("average"), kept.facts["averaged"]
        self.best = kept.list_of("best")
        self._tell(resumed=kept.facts["epoch"])
        return list(kept.facts["history"])

    def _judge(self) -> Any:
        """The graph from a batch to the logits of the network that there is now."""
        network = self.network
        return self.tf.function(
            lambda *inputs: network(list(inputs), training=False), input_signature=self._inputs
        )

    def _judge_as_scored(self) -> None:
        """Judges from now on by the weights that are kept, and in float32, as scoring does."""
        from adc.model.network import as_stored, build_network

        as_stored(self.network)
        # Which GPUs else multiply with ten bits of a number in place of 23.
        self.tf.config.experimental.enable_tensor_float_32_execution(False)
        if self.plan.mixed_precision:
            self.tf.keras.mixed_precision.set_global_policy("float32")
            trained = self.network.trainable_variables
            self.network = build_network(self.plan.network, cudnn=not self.plan.xla)
            for variable, value in zip(self.network.trainable_variables, trained, strict=True):
                variable.assign(value)
            self._logits = self._judge()

    def _evaluate(self, examples: Examples) -> tuple[np.ndarray, np.ndarray]:
        """Labels (N,) and the answer's logits (N, C) of a split, on every rank; each computes a part.

        Of more than MOST_JUDGED rows so many, evenly spread over all.
        """
        judged = np.linspace(0, len(examples) - 1, min(len(examples), MOST_JUDGED)).astype(np.int64)
        rows = judged[np.argsort(examples.lengths[judged], kind="stable")]
        rows = rows[self.hvd.rank() :: self.hvd.size()]
        classes = len(self.plan.labels)
        labels, logits = [np.zeros(0, np.int32)], [np.zeros((0, classes), np.float32)]
        for start in range(0, len(rows), EVALUATION_BATCH):
            part = rows[start : start + EVALUATION_BATCH]
            batch = examples.batch(part)
            labels.append(examples.labels[part])
            told = self._logits(batch.tokens, batch.evidence).numpy()
            if self.plan.blend:
                told = blended(told, examples.linear[part], self.plan.blend)
            logits.append(told)
        gathered = [self.hvd.allgather(np.concatenate(part)).numpy() for part in (labels, logits)]
        return gathered[0], gathered[1]

    def _result(
        self, history: Sequence[dict[str, float]], train: Examples, val: Examples, test: Examples
    ) -> dict[str, Any] | None:
        from adc.model.network import export_weights

        self._judge_as_scored()
        metrics: dict[str, dict[str, Any]] = {}
        temperature = 1.0
        for split, examples in (("val", val), ("test", test), ("train", train)):
            if not len(examples):
                continue
            labels, logits = self._evaluate(examples)
            if split == "val":
                temperature = fit_temperature(logits, labels)
            figures = scored(self.plan.labels, labels, logits)
            ece = calibration_error(logits, labels, temperature)
            metrics[split] = split_figures(figures, ece, len(examples))
            if split == "val":
                # By label and first guess, (C, C): what shares of a corpus are corrected by.
                metrics[split]["confusion"] = figures.confusion[:, :-1].tolist()
        if self.hvd.rank() != 0:
            return None
        return {
            "weights": export_weights(self.network),
            "history": list(history),
            "temperature": temperature,
            "metrics": metrics,
        }

    def _assert_identical_weights(self, epoch: int) -> None:
        digest = hashlib.sha256()
        for variable in self.network.trainable_variables:
            weights = np.ascontiguousarray(variable.value.numpy())
            if not np.isfinite(weights).all():
                raise self._diverged(f"after epoch {epoch} weights are no numbers")
            digest.update(weights.tobytes())
        mine = np.frombuffer(digest.digest(), np.uint8)[None]
        if len(np.unique(self.hvd.allgather(mine).numpy(), axis=0)) != 1:
            raise RuntimeError(f"after epoch {epoch} the ranks hold different weights")

    def _diverged(self, what: str) -> RuntimeError:
        return RuntimeError(f"{what}: lower train.learning_rate, now {self.plan.learning_rate}")

    def _tell(self, **facts: Any) -> None:
        if self.hvd.rank() == 0:
            self.tell(facts)
