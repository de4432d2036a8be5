"""Two models on the same rows: by hand, and as resampling and testing single rows would have it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from adc.errors import UsageError
from adc.evaluation.paired import compare, holm

LABELS = ("EG", "SD", "MA")


def joint(*rows):
    return pd.DataFrame(rows, columns=["label", "first", "second", "n"])


# 100 rows: both right 60, only the first 20, only the second 8, both wrong 12 (2 of them without an answer).
SMALL = joint(
    ("EG", "EG", "EG", 40),
    ("SD", "SD", "SD", 20),
    ("EG", "EG", "SD", 15),
    ("SD", "SD", None, 5),
    ("SD", "EG", "SD", 8),
    ("SD", "EG", "EG", 10),
    ("EG", None, "MA", 2),
)


def test_differences_of_a_small_table():
    result = compare(SMALL, "a", "b", LABELS)

    rows = SMALL.loc[SMALL.index.repeat(SMALL["n"])].fillna("none")
    f1 = [
        f1_score(rows["label"], rows[name], labels=["EG", "SD"], average="macro")
        for name in ("first", "second")
    ]
    assert (result.rows, result.only_first, result.only_second) == (100, 20, 8)
    assert result.accuracy == pytest.approx(0.12)
    assert result.macro_f1 == pytest.approx(f1[0] - f1[1])
    # 20 heads of 28 throws, or as far from 14 on the other side.
    assert result.p_value == pytest.approx(0.0357, abs=1e-4)
    # The paired standard error, sqrt(28 - 12² / 100) / 100; unpaired it would be a fifth larger.
    half_width = 1.96 * np.sqrt(28 - 1.44) / 100
    assert result.accuracy_interval == pytest.approx((0.12 - half_width, 0.12 + half_width), abs=0.011)
    low, high = result.macro_f1_interval
    assert low < result.macro_f1 < high


def test_a_model_does_not_differ_from_itself_and_differs_as_much_the_other_way():
    same = compare(SMALL.assign(second=SMALL["first"]), "a", "a", LABELS)
    there = compare(SMALL, "a", "b", LABELS)
    back = compare(SMALL.rename(columns={"first": "second", "second": "first"}), "b", "a", LABELS)

    assert (same.accuracy, same.accuracy_interval, same.macro_f1_interval, same.p_value) == (
        0,
        (0, 0),
        (0, 0),
        1,
    )
    assert (back.accuracy, back.p_value) == (-there.accuracy, there.p_value)
    assert back.macro_f1_interval == pytest.approx([-bound for bound in there.macro_f1_interval[::-1]])


def test_many_rows_tell_a_small_difference_few_do_not():
    few = joint(("EG", "EG", "EG", 50), ("EG", "EG", "SD", 6), ("EG", "SD", "EG", 4))

    assert compare(few, "a", "b", LABELS).p_value > 0.5
    assert compare(few.assign(n=few["n"] * 100), "a", "b", LABELS).p_value < 1e-8


def test_an_answer_outside_the_labels_is_refused_by_name():
    with pytest.raises(UsageError, match="outside the label set: XX"):
        compare(joint(("EG", "EG", "XX", 1)), "a", "b", LABELS)


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.6, 0.7], [1.0, 1.0]),
        ([0.3], [0.3]),
        ([], []),
    ],
)
def test_holm_asks_more_of_more_comparisons(p_values, adjusted):
    found = holm([replace(compare(SMALL, "a", "b", LABELS), p_value=p) for p in p_values])
    assert [each.p_value for each in found] == p_values
    assert [each.p_value_holm for each in found] == pytest.approx(adjusted)
