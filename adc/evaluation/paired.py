"""Is one model better than another, or lucky? Both on the same rows, from counts of their joint answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from adc.metrics import BOOTSTRAP_DRAWS, Interval, interval, mean_f1, positions


@dataclass(frozen=True)
class Difference:
    """What `first` has over `second`, as shares (0.02: two points), with 95 % paired bootstrap intervals.

    only_first, only_second: rows that this one alone answers right. p_value: of McNemar's exact test that
    both are right equally often; p_value_holm: the same, adjusted for all comparisons beside which it stands.
    """

    first: str
    second: str
    rows: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    only_first: int
    only_second: int
    p_value: float
    p_value_holm: float

    def turned(self) -> Self:
        """The same, told from the other side."""
        return replace(
            self,
            first=self.second,
            second=self.first,
            accuracy=-self.accuracy,
            accuracy_interval=(-self.accuracy_interval[1], -self.accuracy_interval[0]),
            macro_f1=-self.macro_f1,
            macro_f1_interval=(-self.macro_f1_interval[1], -self.macro_f1_interval[0]),
            only_first=self.only_second,
            only_second=self.only_first,
        )


def compare(
    joint: pd.DataFrame, first: str, second: str, labels: Sequence[str], *, seed: int = 0
) -> Difference:
    """Compare two models by counts of label and both answers.

    joint: columns `label`, `first`, `second` (None where there was no answer), `n`; first, second: the
    models' names. Both models are scored on the same drawn rows, so what makes a row hard for both does
    not widen the intervals. Raises UsageError if a label is outside the set.
    """
    counts = joint["n"].to_numpy(np.int64)
    rows = int(counts.sum())
    draws = np.random.default_rng(seed).multinomial(rows, counts / rows, BOOTSTRAP_DRAWS)
    figures = []
    for name in ("first", "second"):
        truth, answers = positions(joint.rename(columns={name: "predicted"}), labels)
        # The counts themselves stand before the draws from them.
        figures.append(_accuracy_and_f1(np.vstack([counts, draws]), truth, answers, len(labels)))
    accuracy, macro_f1 = (one - other for one, other in zip(*figures, strict=True))
    right = [(joint[name] == joint["label"]).to_numpy() for name in ("first", "second")]
    only_first, only_second = (int(counts[one & ~other].sum()) for one, other in (right, right[::-1]))
    split = only_first + only_second
    p_value = float(binomtest(only_first, split).pvalue) if split else 1.0
    return Difference(
        first=first,
        second=second,
        rows=rows,
        accuracy=float(accuracy[0]),
        accuracy_interval=interval(accuracy[1:]),
        macro_f1=float(macro_f1[0]),
        macro_f1_interval=interval(macro_f1[1:]),
        only_first=only_first,
        only_second=only_second,
        p_value=p_value,
        p_value_holm=p_value,
    )


def holm(differences: Sequence[Difference]) -> list[Difference]:
    """Differences fit to be looked at together (Holm 1979): the more there are, the more each must show."""
    p_values = np.array([each.p_value for each in differences])
    order = np.argsort(p_values)
    adjusted = np.empty(len(p_values))
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [replace(each, p_value_holm=float(p)) for each, p in zip(differences, adjusted, strict=True)]


def _accuracy_and_f1(
    draws: np.ndarray, truth: np.ndarray, answers: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy and macro-F1 of each draw of the cells (D, K) with these labels and answers (K,) → (D,)."""
    member = np.eye(classes + 1)[:, :classes]  # no answer, the last position, is no class
    support, predicted = draws @ member[truth], draws @ member[answers]
    right = draws @ (member[truth] * (truth == answers)[:, None])
    return right.sum(axis=1) / draws.sum(axis=1), mean_f1(right, support, predicted, support > 0)
