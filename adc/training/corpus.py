"""The training texts that linear models are fitted on, and the counts of features in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from scipy import sparse

from adc.errors import UsageError
from adc.training.folds import as_learnt, folds_of, of_too_few_authors


@dataclass(frozen=True, eq=False)
class Corpus:
    """Clean training texts with labels (N,) of `classes`, weights (N,) and folds (N,).

    by_text: names of the labels whose texts are parted into folds whoever wrote them.
    """

    texts: Sequence[str]
    labels: np.ndarray
    weights: np.ndarray
    folds: np.ndarray
    classes: int
    by_text: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rows: pd.DataFrame, labels: Sequence[str], plain_share: float) -> Self:
        """From clean, dialect, weight, text_hash, author; `plain_share` without a tweet's marks."""
        number_of = {label: number for number, label in enumerate(labels)}
        weights = rows["weight"].to_numpy(np.float64)
        keys, dialects = (rows["text_hash"].tolist(), rows["author"].tolist()), rows["dialect"].tolist()
        by_text = of_too_few_authors(*keys, dialects)
        return cls(
            as_learnt(rows["clean"].tolist(), rows["text_hash"].tolist(), plain_share),
            rows["dialect"].map(number_of).to_numpy(np.int64),
            # Only what one weighs beside another counts, as for the network.
            weights / weights.mean(),
            folds_of(*keys, dialects, by_text),
            len(labels),
            by_text,
        )

    def held_out(self, fold: int) -> np.ndarray:
        """The rows of a fold, by number."""
        return np.flatnonzero(self.folds == fold)

    def fitted(self, fold: int) -> np.ndarray:
        """The rows that a model without this fold may see; raises UsageError for one class alone."""
        rows = np.flatnonzero(self.folds != fold)
        if len(np.unique(self.labels[rows])) < 2:
            raise UsageError(
                "too few training tweets to fit linear models out of fold: some hold one dialect only; "
                "set model.evidence=false, model.soft_labels=0 and model.blend=0"
            )
        return rows


def in_row_order(corpus: Corpus, by_fold: Sequence[np.ndarray]) -> np.ndarray:
    """The folds' rows (n, M) of each fold in turn, in the corpus's order: float32 (N, M)."""
    whole = np.empty((len(corpus.labels), by_fold[0].shape[1]), np.float32)
    for fold, scores in enumerate(by_fold):
        whole[corpus.held_out(fold)] = scores
    return whole


def presence(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sparse.csr_matrix:
    """1 where a row has a column, however often."""
    counts = occurrences(rows, columns, shape)
    counts.data[:] = 1
    return counts


def occurrences(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sparse.csr_matrix:
    """How often a row has a column."""
    counts = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape)
    counts.sum_duplicates()
    return counts


def frequent(
    keys: np.ndarray, counts: sparse.csr_matrix, rows: np.ndarray, min_count: int
) -> tuple[np.ndarray, sparse.csr_matrix]:
    """The features that stand in `min_count` of these rows or more."""
    kept = np.flatnonzero(counts[rows].getnnz(axis=0) >= min_count)
    return keys[kept], counts[:, kept]


def by_class(values: np.ndarray, present: np.ndarray, classes: int) -> np.ndarray:
    """Values (…, present classes) in the columns of all `classes`; of two classes, one column tells both."""
    if len(present) == 2:
        values = np.concatenate([-values, values], axis=-1)
    whole = np.zeros((*values.shape[:-1], classes), np.float32)
    whole[..., present] = values
    return whole
