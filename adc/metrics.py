"""Figures of quality from aggregated counts, so that a corpus of any size costs the same.

Spark counts how often each label met each prediction; everything here starts from those few hundred counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from adc.errors import UsageError

CONFIDENCE_BINS = 15  # as in Guo et al. 2017, "On calibration of modern neural networks"
BOOTSTRAP_DRAWS = 1000

Interval = tuple[float, float]


@dataclass(frozen=True)
class LabelScore:
    """One label's figures, 0 to 1; `support` is the number of rows that carry the label."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, eq=False)
class Score:
    """How predictions compare with labels, 0 to 1, each figure with its 95 % bootstrap interval.

    That of the accuracy holds Wilson's, too: rows that are all right, or all wrong, are so when drawn anew.
    `macro_f1` averages over the labels that have support: a label nobody gave cannot be found.
    `confusion` is int (L, L+1): a row for each label in the order of `labels`, a column for each
    prediction in the same order, and last a column for the rows without an answer, which count as wrong.
    """

    rows: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    weighted_f1: float
    weighted_f1_interval: Interval
    labels: tuple[LabelScore, ...]
    confusion: NDArray[np.int64]

    @property
    def answered(self) -> int:
        """The number of rows that got an answer."""
        return self.rows - int(self.confusion[:, -1].sum())


@dataclass(frozen=True)
class ReliabilityBin:
    """One of 15 equal-width confidence bins: its number, rows, share of right answers, mean confidence."""

    bin: int
    n: int
    accuracy: float
    confidence: float


@dataclass(frozen=True)
class Reliability:
    """Does a confidence of 80 % come true in 80 % of cases?

    `bins` leaves out the bins without rows. `ece`, the expected calibration error, is the mean distance
    between confidence and accuracy over bins, weighted by rows; None where no row has a confidence.
    """

    bins: tuple[ReliabilityBin, ...]
    ece: float | None


def score(pairs: pd.DataFrame, labels: Sequence[str], *, seed: int = 0) -> Score:
    """Score counted pairs of label and prediction.

    pairs: columns `label` (str), `predicted` (str, None where there was no answer), `n` (row count);
    a pair may occur more than once. labels: the label set, in report order.
    Raises UsageError if there is nothing to score or a pair names a label outside the set.
    """
    rows = int(pairs["n"].sum())
    if rows == 0:
        raise UsageError("no row carries a label: there is nothing to score")
    truth, predicted = positions(pairs, labels)
    known, every = np.arange(len(labels)), np.arange(len(labels) + 1)
    confusion: NDArray[np.int64] = confusion_matrix(truth, predicted, labels=every, sample_weight=pairs["n"])
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=known, sample_weight=pairs["n"], zero_division=0
    )
    draws = _bootstrap(confusion[:-1], seed)
    low, high = interval(draws.diagonal(axis1=1, axis2=2).sum(axis=1) / rows)
    least, most = wilson(int(confusion.trace()), rows)
    return Score(
        rows=rows,
        accuracy=float(accuracy_score(truth, predicted, sample_weight=pairs["n"])),
        accuracy_interval=(min(low, least), max(high, most)),
        macro_f1=float(f1[support > 0].mean()),
        macro_f1_interval=interval(_f1(draws, weighted=False)),
        weighted_f1=float(np.average(f1, weights=support)),
        weighted_f1_interval=interval(_f1(draws, weighted=True)),
        labels=tuple(
            LabelScore(label, float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]))
            for i, label in enumerate(labels)
        ),
        confusion=confusion[:-1],
    )


def score_rows(truth: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> Score:
    """`score` of rows that are not counted yet: their labels and predictions, in the same order."""
    pairs = pd.DataFrame({"label": truth, "predicted": predicted})
    return score(pairs.value_counts().rename("n").reset_index(), labels)


def to_regions(pairs: pd.DataFrame, region_of: Mapping[str, str]) -> pd.DataFrame:
    """The same counts by region, of labels and answers that are countries or regions. No answer stays none.

    Raises UsageError if a pair names a label that has no region.
    """
    known = {region: region for region in region_of.values()} | dict(region_of)
    regions = pairs.assign(label=pairs["label"].map(known), predicted=pairs["predicted"].map(known))
    lost = regions.isna() & pairs.notna()
    if lost.to_numpy().any():
        raise UsageError(f"no region is known for the label(s) {_names(pairs.where(lost))}")
    return regions.groupby(["label", "predicted"], dropna=False, as_index=False)[["n"]].sum()


def reliability(bins: pd.DataFrame) -> Reliability:
    """Compare confidence with accuracy.

    bins: columns `bin` (0 to 14: min(14, floor(15 x confidence))), `n` (rows), `correct` (rows whose
    prediction is right), `confidence` (sum of the rows' confidences).
    """
    totals = bins[bins["n"] > 0].groupby("bin", sort=True)[["n", "correct", "confidence"]].sum()
    if totals.empty:
        return Reliability((), None)
    gap = (totals["correct"] - totals["confidence"]).abs().sum()
    means = totals[["correct", "confidence"]].div(totals["n"], axis=0)
    return Reliability(
        tuple(
            ReliabilityBin(int(bin_), int(n), float(accuracy), float(confidence))
            for bin_, n, accuracy, confidence in zip(
                totals.index, totals["n"], means["correct"], means["confidence"], strict=True
            )
        ),
        float(gap / totals["n"].sum()),
    )


def positions(pairs: pd.DataFrame, labels: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each pair's label and prediction as positions in `labels`; no answer stands after the last."""
    index = pd.Index(labels)
    truth = index.get_indexer(pd.Index(pairs["label"]))
    predicted = index.get_indexer(pd.Index(pairs["predicted"]))
    predicted[pairs["predicted"].isna()] = len(labels)
    outside = pairs[(truth < 0) | (predicted < 0)]
    if len(outside):
        unknown = outside[["label", "predicted"]].where(lambda names: ~names.isin(labels))
        raise UsageError(
            f"label(s) outside the label set: {_names(unknown)}. "
            f"Known are {', '.join(labels)}; map other spellings to these with input.labels"
        )
    return truth, predicted


def _names(frame: pd.DataFrame) -> str:
    names = {str(name) for column in ("label", "predicted") for name in frame[column].dropna()}
    return ", ".join(sorted(names))


def _bootstrap(confusion: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Resampled confusion matrices (draws, L, L+1): drawing rows anew is one multinomial over the cells."""
    rows, cells = confusion.sum(), confusion.ravel()
    seen = np.flatnonzero(cells)
    draws = np.zeros((BOOTSTRAP_DRAWS, cells.size), dtype=np.int64)
    draws[:, seen] = np.random.default_rng(seed).multinomial(rows, cells[seen] / rows, BOOTSTRAP_DRAWS)
    return draws.reshape(BOOTSTRAP_DRAWS, *confusion.shape)


def _f1(draws: NDArray[np.int64], *, weighted: bool) -> NDArray[np.float64]:
    """Weighted or macro F1 of each matrix (draws, L, L+1) → (draws,): scikit-learn takes one at a time."""
    support, predicted = draws.sum(axis=2), draws[:, :, :-1].sum(axis=1)
    right = draws.diagonal(axis1=1, axis2=2)
    return mean_f1(right, support, predicted, support if weighted else support > 0)


def mean_f1(
    right: NDArray[Any], support: NDArray[Any], predicted: NDArray[Any], weights: NDArray[Any]
) -> NDArray[np.float64]:
    """F1 by label, from counts of rows (draws, L), averaged by `weights`, (draws, L) → (draws,)."""
    f1 = 2 * right / np.maximum(support + predicted, 1)
    means: NDArray[np.float64] = (f1 * weights).sum(axis=1) / weights.sum(axis=1)
    return means


def wilson(right: int, rows: int) -> Interval:
    """Wilson's 95 % interval of the share of `rows`, one or more, that are `right` (Wilson 1927)."""
    found = binomtest(right, rows).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def interval(values: NDArray[np.float64]) -> Interval:
    """The 95 % percentile interval of bootstrapped values."""
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)
