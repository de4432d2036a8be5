"""When can an answer be relied on? Accuracy by confidence and by length, and what `plausible` holds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from adc.metrics import CONFIDENCE_BINS, Interval, wilson

# Confidence is counted in so many steps: 40 to a bin of the reliability diagram.
CONFIDENCE_STEPS = 40 * CONFIDENCE_BINS
# Numbers of Arabic words at which the groups of texts by length begin.
LENGTHS = (0, 4, 6, 8, 11, 16, 21, 31)


@dataclass(frozen=True)
class Kept:
    """Answers of at least this confidence: their share of all rows, and how many of them are right."""

    confidence: float
    coverage: float
    accuracy: float


@dataclass(frozen=True)
class RiskCoverage:
    """Accuracy against coverage (El-Yaniv and Wiener 2010), the most confident answers first.

    aurc: the mean error over all coverages that there are; less is better. None without any answer.
    """

    points: tuple[Kept, ...] = ()
    aurc: float | None = None

    def at(self, coverage: float) -> Kept | None:
        """The fewest answers that cover this share of the rows; None where too few rows have an answer."""
        return next((point for point in self.points if point.coverage >= coverage), None)


@dataclass(frozen=True)
class LengthScore:
    """Accuracy over texts of `low` to `high` Arabic words (None: or more), with its 95 % interval."""

    low: int
    high: int | None
    n: int
    accuracy: float
    interval: Interval

    @property
    def name(self) -> str:
        """As an axis names it: 4–5, 31+."""
        return f"{self.low}–{self.high}" if self.high else f"{self.low}+"


@dataclass(frozen=True)
class SetSize:
    """Texts with so many plausible dialects, and the share of them whose label is among these."""

    size: int
    n: int
    coverage: float


@dataclass(frozen=True)
class Plausible:
    """How often `plausible` holds the label, of the rows that have it, and how many dialects it names."""

    coverage: float
    mean_size: float
    sizes: tuple[SetSize, ...]
    by_label: Mapping[str, float]


def confidence_bins(steps: pd.DataFrame) -> pd.DataFrame:
    """Rows by `step` of confidence as the wider bins of a reliability diagram, by `bin`."""
    return steps.assign(bin=steps["step"] // (CONFIDENCE_STEPS // CONFIDENCE_BINS))


def risk_coverage(steps: pd.DataFrame, rows: int) -> RiskCoverage:
    """From the answered rows' `step` of confidence (in 600ths), `n` and `correct`, of `rows` in all."""
    counts = steps.groupby("step")[["n", "correct"]].sum().sort_index(ascending=False)
    if counts.empty:
        return RiskCoverage()
    covered, right = counts["n"].cumsum(), counts["correct"].cumsum()
    error = 1 - right / covered
    return RiskCoverage(
        tuple(
            Kept(step / CONFIDENCE_STEPS, n / rows, good / n)
            for step, n, good in zip(counts.index, covered, right, strict=True)
        ),
        float((error * counts["n"]).sum() / counts["n"].sum()),
    )


def by_length(counts: pd.DataFrame) -> tuple[LengthScore, ...]:
    """From rows of `words`, `n` and `correct`; lengths that nobody wrote are left out."""
    place = np.searchsorted(LENGTHS, counts["words"], side="right") - 1
    scores = []
    for number, low in enumerate(LENGTHS):
        group = counts[place == number]
        n, correct = int(group["n"].sum()), int(group["correct"].sum())
        if n:
            high = LENGTHS[number + 1] - 1 if number + 1 < len(LENGTHS) else None
            scores.append(LengthScore(max(1, low), high, n, correct / n, wilson(correct, n)))
    return tuple(scores)


def plausible(counts: pd.DataFrame) -> Plausible | None:
    """From rows of `label`, `size` (of plausible), `n` and `held` (rows whose label is in it)."""
    if counts.empty:
        return None
    n = int(counts["n"].sum())
    sizes, labels = (counts.groupby(key)[["n", "held"]].sum() for key in ("size", "label"))
    return Plausible(
        coverage=float(counts["held"].sum() / n),
        mean_size=float((counts["size"] * counts["n"]).sum() / n),
        sizes=tuple(
            SetSize(int(size), int(rows), held / rows)
            for size, rows, held in zip(sizes.index, sizes["n"], sizes["held"], strict=True)
        ),
        by_label={str(label): float(share) for label, share in (labels["held"] / labels["n"]).items()},
    )
