"""Accuracy by confidence and by length, and what `plausible` holds: small tables by hand."""

import pandas as pd
import pytest

from adc.evaluation.figures import COVERAGES
from adc.evaluation.selective import (
    Kept,
    LengthScore,
    Plausible,
    SetSize,
    by_length,
    confidence_bins,
    plausible,
    risk_coverage,
)


def test_forty_steps_of_confidence_make_a_bin():
    steps = pd.DataFrame({"step": [0, 39, 40, 299, 560, 599]})

    assert confidence_bins(steps)["bin"].tolist() == [0, 0, 1, 7, 14, 14]


def test_the_most_confident_answers_come_first():
    steps = pd.DataFrame({"step": [300, 540, 540], "n": [40, 30, 10], "correct": [10, 30, 6]})

    result = risk_coverage(steps, rows=100)

    assert result.points == (Kept(0.9, 0.4, 0.9), Kept(0.5, 0.8, pytest.approx(46 / 80)))
    assert result.aurc == pytest.approx((40 * 0.1 + 40 * (1 - 46 / 80)) / 80)
    assert result.at(0.4) == result.points[0]
    assert result.at(0.5) == result.points[1]
    assert result.at(1.0) is None, "a fifth of the rows has no answer"


def test_exactly_so_many_answers_are_enough():
    result = risk_coverage(pd.DataFrame({"step": range(10), "n": 1, "correct": 1}), rows=10)

    assert [kept.coverage for share in COVERAGES if (kept := result.at(share))] == list(COVERAGES)


def test_a_model_that_never_answers_has_no_curve():
    result = risk_coverage(pd.DataFrame({"step": [], "n": [], "correct": []}), rows=7)

    assert (result.points, result.aurc) == ((), None)


def test_lengths_are_put_together_and_have_wilson_intervals():
    counts = pd.DataFrame({"words": [1, 3, 4, 90], "n": [6, 4, 0, 1], "correct": [5, 3, 0, 0]})

    short, long = by_length(counts)

    # Wilson's interval of 8 in 10, as in Newcombe 1998.
    assert short == LengthScore(
        1, 3, 10, 0.8, (pytest.approx(0.4902, abs=1e-3), pytest.approx(0.9433, abs=1e-3))
    )
    assert (short.name, long.name, long.n, long.accuracy) == ("1–3", "31+", 1, 0.0)


def test_plausible_dialects_hold_the_label_as_often_as_counted():
    counts = pd.DataFrame({"label": ["EG", "EG", "SD"], "size": [1, 3, 3], "n": [6, 2, 2], "held": [5, 2, 1]})

    assert plausible(counts) == Plausible(
        0.8, pytest.approx(1.8), (SetSize(1, 6, 5 / 6), SetSize(3, 4, 3 / 4)), {"EG": 7 / 8, "SD": 1 / 2}
    )
    assert plausible(counts.iloc[:0]) is None
