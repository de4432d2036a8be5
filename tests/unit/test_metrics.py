"""Figures of quality: hand-computed on small tables, and as scikit-learn computes them on single rows."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from adc.dialects import DIALECTS
from adc.errors import UsageError
from adc.metrics import LabelScore, ReliabilityBin, reliability, score, to_regions

LABELS = ("EG", "SD", "MA")


def pairs(*rows):
    return pd.DataFrame(rows, columns=["label", "predicted", "n"])


# EG: 6 of 8 right, one taken for SD, one without an answer; SD: 1 of 2 right; MA: not in the data.
SMALL = pairs(("EG", "EG", 6), ("EG", "SD", 1), ("EG", None, 1), ("SD", "SD", 1), ("SD", "EG", 1))


def test_figures_of_a_small_table():
    result = score(SMALL, LABELS)

    eg_f1 = 2 * 6 / (8 + 7)  # 8 rows carry the label, 7 the prediction
    sd_f1 = 2 * 1 / (2 + 2)
    assert result.labels == (
        LabelScore("EG", pytest.approx(6 / 7), 6 / 8, pytest.approx(eg_f1), 8),
        LabelScore("SD", 1 / 2, 1 / 2, pytest.approx(sd_f1), 2),
        LabelScore("MA", 0.0, 0.0, 0.0, 0),
    )
    assert (result.rows, result.answered) == (10, 9)
    assert result.accuracy == pytest.approx(7 / 10)
    assert result.macro_f1 == pytest.approx((eg_f1 + sd_f1) / 2), "MA has no support and no say"
    assert result.weighted_f1 == pytest.approx((8 * eg_f1 + 2 * sd_f1) / 10)
    assert result.confusion.tolist() == [[6, 1, 0, 1], [1, 1, 0, 0], [0, 0, 0, 0]]


def test_missing_answers_are_recognised_however_pandas_writes_them():
    as_none = score(pairs(("EG", "EG", 3), ("EG", None, 1)), LABELS)
    as_nan = score(pairs(("EG", "EG", 3), ("EG", float("nan"), 1)), LABELS)

    assert as_none.confusion.tolist() == as_nan.confusion.tolist() == [[3, 0, 0, 1], [0] * 4, [0] * 4]


def test_a_model_that_never_answers_is_always_wrong():
    result = score(pairs(("EG", None, 4), ("SD", None, 2)), LABELS)

    assert (result.accuracy, result.macro_f1, result.weighted_f1, result.answered) == (0, 0, 0, 0)
    assert result.macro_f1_interval == (0, 0)


def test_the_order_and_grouping_of_counts_do_not_matter():
    split_up = pairs(*[(label, predicted, 1) for label, predicted, n in SMALL.values for _ in range(n)])
    shuffled = split_up.sample(frac=1, random_state=1)

    one, other = score(SMALL, LABELS), score(shuffled, LABELS)

    assert one.macro_f1_interval == other.macro_f1_interval
    assert (one.confusion == other.confusion).all()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pairs(), "nothing to score"),
        (pairs(("EG", "EG", 0)), "nothing to score"),
        (pairs(("XX", "EG", 1)), "outside the label set: XX"),
        (pairs(("EG", "YY", 1), ("XX", None, 1)), "outside the label set: XX, YY"),
    ],
)
def test_what_cannot_be_scored_is_refused_by_name(table, message):
    with pytest.raises(UsageError, match=message):
        score(table, LABELS)


counted_pairs = st.lists(
    st.tuples(st.sampled_from(LABELS), st.sampled_from([*LABELS, None]), st.integers(1, 30)),
    min_size=1,
    max_size=12,
).map(lambda rows: pairs(*rows))


@settings(max_examples=40, deadline=None)
@given(counted_pairs)
def test_same_as_scikit_learn_on_single_rows(table):
    rows = table.loc[table.index.repeat(table["n"])]
    truth, predicted = rows["label"], rows["predicted"].fillna("no answer")
    supported = sorted(set(truth))

    result = score(table, LABELS)

    each = sk.precision_recall_fscore_support(truth, predicted, labels=LABELS, zero_division=0)
    assert [(s.precision, s.recall, s.f1, s.support) for s in result.labels] == [
        pytest.approx(figures) for figures in zip(*each, strict=True)
    ]
    assert result.accuracy == pytest.approx(sk.accuracy_score(truth, predicted))
    for average, figure in (("macro", result.macro_f1), ("weighted", result.weighted_f1)):
        expected = sk.f1_score(truth, predicted, labels=supported, average=average, zero_division=0)
        assert figure == pytest.approx(expected)
    expected = sk.confusion_matrix(truth, predicted, labels=[*LABELS, "no answer"])[:-1]
    assert (result.confusion == expected).all()


@settings(max_examples=40, deadline=None)
@given(counted_pairs, st.integers(0, 2**32))
def test_intervals_are_ordered_hold_the_accuracy_and_repeat_by_seed(table, seed):
    result = score(table, LABELS, seed=seed)

    for low, high in (result.accuracy_interval, result.macro_f1_interval, result.weighted_f1_interval):
        assert 0 <= low <= high <= 1
    low, high = result.accuracy_interval
    assert low <= result.accuracy <= high
    assert score(table, LABELS, seed=seed).macro_f1_interval == result.macro_f1_interval


def test_the_interval_of_the_accuracy_is_the_binomial_one_and_narrows_with_rows():
    few, many = (score(pairs(("EG", "EG", 60 * k), ("EG", "SD", 40 * k)), LABELS) for k in (1, 100))

    half_width = 1.96 * np.sqrt(0.6 * 0.4 / 100)
    assert few.accuracy_interval == pytest.approx((0.6 - half_width, 0.6 + half_width), abs=0.02)
    half_width /= 10
    assert many.accuracy_interval == pytest.approx((0.6 - half_width, 0.6 + half_width), abs=0.002)


@pytest.mark.parametrize(
    # Wilson's, from tables of it.
    ("table", "expected"),
    [
        (pairs(("EG", "EG", 10)), (0.7225, 1)),
        (pairs(("EG", "SD", 6), ("EG", None, 4)), (0, 0.2775)),
        (to_regions(pairs(("EG", "SD", 9), ("MA", "DZ", 1)), DIALECTS.region_of), (0.7225, 1)),
    ],
)
def test_where_all_rows_are_right_or_wrong_the_accuracy_is_still_in_doubt(table, expected):
    interval = score(table, (*LABELS, *DIALECTS.regions)).accuracy_interval
    assert interval == pytest.approx(expected, abs=1e-4)


def test_a_billion_rows_in_eighteen_labels_cost_no_time():
    rng = np.random.default_rng(0)
    answers = [*DIALECTS.codes, None]
    table = pairs(*[(a, b, int(rng.integers(1, 6_000_000))) for a in DIALECTS.codes for b in answers])
    began = time.perf_counter()

    result = score(table, DIALECTS.codes)

    assert time.perf_counter() - began < 10  # 0.1 s on an idle machine; this one may be busy
    assert result.rows == table["n"].sum()
    low, high = result.accuracy_interval
    assert high - low < 1e-3


def test_regions_join_countries_and_keep_what_has_no_answer():
    countries = pairs(("QA", "KW", 5), ("QA", "QA", 2), ("KW", "EG", 1), ("EG", None, 3), ("EG", "SD", 4))

    regions = to_regions(countries, DIALECTS.region_of)

    expected = pairs(("Gulf", "Gulf", 7), ("Gulf", "Nile", 1), ("Nile", "Nile", 4), ("Nile", None, 3))
    pd.testing.assert_frame_equal(regions.fillna("none"), expected.fillna("none"))
    assert score(regions, DIALECTS.regions).rows == score(countries, DIALECTS.codes).rows == 15


def test_a_label_without_a_region_is_refused_by_name():
    with pytest.raises(UsageError, match=r"no region is known for the label\(s\) XX"):
        to_regions(pairs(("EG", "XX", 1), ("EG", "EG", 1)), DIALECTS.region_of)


def test_reliability_of_a_small_table():
    bins = pd.DataFrame(
        {"bin": [14, 7, 3], "n": [10, 30, 0], "correct": [9, 12, 0], "confidence": [9.8, 15.0, 0.0]}
    )

    result = reliability(bins)

    assert result.bins == (
        ReliabilityBin(7, 30, 0.4, 0.5),
        ReliabilityBin(14, 10, 0.9, pytest.approx(0.98)),
    )
    assert result.ece == pytest.approx((30 * 0.1 + 10 * 0.08) / 40)


def test_reliability_of_a_model_that_never_answers_is_unknown():
    nothing = pd.DataFrame({"bin": [], "n": [], "correct": [], "confidence": []})

    assert (reliability(nothing).bins, reliability(nothing).ece) == ((), None)
