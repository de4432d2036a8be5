"""The plan that all ranks share: which examples make which global batch, and a rank's slice of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import fs

from adc.model.encoder import padded
from adc.model.evidence import padded_evidence

# Batches are cut from pools of so many, sorted by length, so that little padding is computed.
POOL_BATCHES = 64
# Lengths are rounded up to this, so that few shapes are compiled.
LENGTH_STEP = 8


class Batch(NamedTuple):
    """Tokens, int32 (B, T); and as float32 evidence (B, T, 2C or 0), targets (B, C) and weights (B,)."""

    tokens: np.ndarray
    evidence: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Examples:
    """One split in memory.

    tokens: flat ids with offsets (N + 1). evidence: of each token, (tokens, 2C), or (tokens, 0).
    labels: (N,). targets: what is learnt, a distribution over the classes, (N, C). weights: (N,).
    """

    tokens: np.ndarray
    offsets: np.ndarray
    evidence: np.ndarray
    labels: np.ndarray
    targets: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each example, (N,)."""
        result: np.ndarray = np.diff(self.offsets)
        return result

    def batch(self, rows: np.ndarray) -> Batch:
        """The rows as a batch; no rows make one unknown word with weight 0.

        A rank without a share of the last batch still takes part in its step.
        """
        if not len(rows):
            evidence, targets = self.evidence.shape[1], self.targets.shape[1]
            return Batch(
                np.ones((1, LENGTH_STEP), np.int32),
                np.zeros((1, LENGTH_STEP, evidence), np.float32),
                np.zeros((1, targets), np.float32),
                np.zeros(1, np.float32),
            )
        places = [np.arange(self.offsets[row], self.offsets[row + 1]) for row in rows]
        lengths = np.array([len(place) for place in places])
        width = -(-lengths.max() // LENGTH_STEP) * LENGTH_STEP
        return Batch(
            padded([self.tokens[place] for place in places], width),
            padded_evidence(self.evidence[np.concatenate(places)], lengths, width),
            self.targets[rows],
            self.weights[rows],
        )


def read_examples(uri: str, split: str) -> Examples:
    """One split from the shards at a URI, always in the same order."""
    # Hadoop writes file:/home/my lake; Arrow would want file:///home/my%20lake.
    if uri.startswith("file:"):
        system, path = fs.LocalFileSystem(), "/" + uri.removeprefix("file:").lstrip("/")
    else:
        # Hadoop's name for the object store is s3a, Arrow's is s3.
        system, path = fs.FileSystem.from_uri(uri.replace("s3a://", "s3://", 1))
    names = sorted(
        info.path for info in system.get_file_info(fs.FileSelector(path)) if info.path.endswith(".parquet")
    )
    table = ds.dataset(names, filesystem=system, format="parquet").to_table(filter=pc.field("split") == split)
    return examples_of(table)


def examples_of(table: pa.Table) -> Examples:
    """The rows of a shard (`adc.training.encoding`) as arrays."""
    tokens = table.column("tokens").combine_chunks()
    if isinstance(tokens, pa.ChunkedArray):
        tokens = pa.concat_arrays(tokens.chunks)
    lengths = pc.list_value_length(tokens).to_numpy(zero_copy_only=False)
    return Examples(
        tokens.flatten().to_numpy(zero_copy_only=False).astype(np.int32),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.frombuffer(b"".join(table.column("evidence").to_pylist()), np.float16).reshape(
            lengths.sum(), -1 if len(tokens) else 0
        ),
        table.column("label").to_numpy().astype(np.int32),
        _matrix(table.column("target")),
        table.column("weight").to_numpy().astype(np.float32),
    )


def _matrix(column: pa.ChunkedArray) -> np.ndarray:
    """A column of lists of one length as float32 (N, that length)."""
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    matrix: np.ndarray = flat.astype(np.float32).reshape(len(column), -1 if len(column) else 0)
    return matrix


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


def in_order(count: int, batch_size: int) -> Iterator[np.ndarray]:
    """Rows 0 … count - 1 in batches."""
    for start in range(0, count, batch_size):
        yield np.arange(start, min(count, start + batch_size))
