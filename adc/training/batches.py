"""A split's examples as arrays, and the global batches of an epoch, the same on all ranks."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import fs

from adc.model.encoder import PADDING, UNKNOWN
from adc.training.checkpoints import file_system

# Batches are cut from pools of so many, sorted by length, so that little padding is computed.
POOL_BATCHES = 64
# Where XLA compiles every shape, batches are padded to a multiple of this length: so there are few shapes.
# Elsewhere they are not, as it would spend a fifth of all computing on padding.
LENGTH_STEP = 8


class Batch(NamedTuple):
    """Tokens, int32 (B, T); and as float32 evidence (B, T, 2C or 0), targets (B, C) and weights (B,)."""

    tokens: np.ndarray
    evidence: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Examples:
    """One split, its large arrays perhaps files mapped into memory.

    tokens: flat ids with offsets (N + 1). evidence: of each token, (tokens, 2C), or (tokens, 0).
    labels: (N,). targets: what is learnt, a distribution over the classes, (N, C). linear: the linear models'
    log-probabilities, (N, C), or (N, 0) where they have no share in the answer. weights: (N,).
    """

    tokens: np.ndarray
    offsets: np.ndarray
    evidence: np.ndarray
    labels: np.ndarray
    targets: np.ndarray
    linear: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each example, (N,)."""
        result: np.ndarray = np.diff(self.offsets)
        return result

    def batch(self, rows: np.ndarray, compiled: bool = False) -> Batch:
        """The rows as a batch, as long as the longest, or for a step that is compiled a little longer.

        No rows make one unknown word with weight 0: a rank without a share of the last batch still takes
        part in its step.
        """
        length_step = LENGTH_STEP if compiled else 1
        if not len(rows):
            evidence, targets = self.evidence.shape[1], self.targets.shape[1]
            return Batch(
                np.full((1, length_step), UNKNOWN, np.int32),
                np.zeros((1, length_step, evidence), np.float32),
                np.zeros((1, targets), np.float32),
                np.zeros(1, np.float32),
            )
        places, lengths = self._places(rows)
        width = -(-lengths.max() // length_step) * length_step
        within = np.arange(width) < lengths[:, None]
        tokens = np.full(within.shape, PADDING, np.int32)
        tokens[within] = self.tokens[places]
        evidence = np.zeros((*within.shape, self.evidence.shape[1]), np.float32)
        evidence[within] = self.evidence[places]
        return Batch(tokens, evidence, self.targets[rows], self.weights[rows])

    def words(self, rows: np.ndarray) -> np.ndarray:
        """The different tokens of some rows, int32, ascending.

        Padding and the unknown word are among them: so they hold all that `batch` gives for any of the rows.
        """
        flat = self.tokens[self._places(rows)[0]]
        return np.unique(np.append(flat, [np.int32(PADDING), np.int32(UNKNOWN)]))

    def most_words(self, batches: Iterable[np.ndarray]) -> int:
        """The number of different tokens in that of some batches, by their rows, which has most."""
        return max((len(self.words(rows)) for rows in batches), default=0)

    def _places(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the tokens of rows are, one row after the other, and how many are of each."""
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        skipped = self.offsets[rows] - (np.cumsum(lengths) - lengths)
        return np.repeat(skipped, lengths) + np.arange(lengths.sum()), lengths


def read_examples(uri: str, split: str, folder: Path) -> Examples:
    """One split from the shards at a URI, always in the same order; see `examples_of`."""
    system, path = file_system(uri)
    names = sorted(
        info.path for info in system.get_file_info(fs.FileSelector(path)) if info.path.endswith(".parquet")
    )
    shards = ds.dataset(names, filesystem=system, format="parquet")
    # One file after the other: read-ahead of many would hold them all.
    batches = shards.to_batches(filter=pc.field("split") == split, fragment_readahead=1, batch_readahead=2)
    return examples_of(batches, split, folder)


def evidence_type(learnt: bool) -> type:
    """What evidence is in shards: of rows to learn from in half the room.

    The figures of all others are to be those of the very probabilities that scoring tells.
    """
    return np.float16 if learnt else np.float32


# The arrays of examples but evidence, and what they hold.
STORED = {
    "tokens": np.int32,
    "lengths": np.int64,
    "labels": np.int32,
    "targets": np.float32,
    "linear": np.float32,
    "weights": np.float32,
}


def examples_of(batches: Iterable[pa.RecordBatch], split: str, folder: Path) -> Examples:
    """A split's rows of shards (`adc.training.encoding`) as arrays, files that memory need not hold."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = STORED | {"evidence": evidence_type(split == "train")}
    with ExitStack() as stack:
        files = {name: stack.enter_context((folder / name).open("wb")) for name in kinds}
        for batch in batches:
            tokens = batch.column("tokens")
            arrays = {
                "tokens": tokens.flatten(),
                "lengths": pc.list_value_length(tokens),
                "labels": batch.column("label"),
                "targets": batch.column("target").flatten(),
                "linear": batch.column("linear").flatten(),
                "weights": batch.column("weight"),
            }
            for name, array in arrays.items():
                files[name].write(array.to_numpy(zero_copy_only=False).astype(STORED[name]).tobytes())
            files["evidence"].writelines(batch.column("evidence").to_pylist())
    tokens, lengths, labels, targets, linear, weights, evidence = (
        _mapped(folder / name, kind) for name, kind in kinds.items()
    )
    return Examples(
        tokens,
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        evidence.reshape(len(tokens), -1 if len(tokens) else 0),
        labels,
        targets.reshape(len(labels), -1 if len(labels) else 0),
        linear.reshape(len(labels), -1 if len(linear) else 0),
        weights,
    )


def _mapped(path: Path, kind: type) -> np.ndarray:
    # An empty file cannot be mapped.
    return np.memmap(path, kind, mode="r") if path.stat().st_size else np.zeros(0, kind)


def epoch_batches(lengths: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """The global batches of an epoch, rows by number: every row once, like lengths together, order drawn."""
    draw = np.random.default_rng([seed, epoch])
    rows = draw.permutation(len(lengths))
    pool = POOL_BATCHES * batch_size
    batches: list[np.ndarray] = []
    for start in range(0, len(rows), pool):
        part = rows[start : start + pool]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches.extend(part[cut : cut + batch_size] for cut in range(0, len(part), batch_size))
    return [batches[place] for place in draw.permutation(len(batches))]
