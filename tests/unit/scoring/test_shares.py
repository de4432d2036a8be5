"""Shares of dialects in a corpus, from guesses that are often wrong."""

import numpy as np
import pytest

from adc.errors import UsageError
from adc.scoring.shares import LEAST_TWEETS, corrected_shares, grouping, share_intervals

# Of three dialects, the second is taken for the first as often as it is known.
CONFUSION = np.array([[0.9, 0.05, 0.05], [0.5, 0.5, 0.0], [0.1, 0.1, 0.8]])
TRUE = np.array([0.2, 0.5, 0.3])


def test_what_is_confused_is_given_back():
    counts = 1e6 * TRUE @ CONFUSION
    assert counts[0] > counts[1]
    np.testing.assert_allclose(corrected_shares(counts, CONFUSION), TRUE, atol=0.005)


def test_shares_sum_to_one_also_of_nothing_and_of_many_groups_at_once():
    counts = np.array([[5, 0, 0], [0, 3, 9]])
    np.testing.assert_allclose(corrected_shares(counts, CONFUSION).sum(axis=1), 1)
    shares, low, high = share_intervals(np.array([100, 0, 0]), 100 * CONFUSION)
    assert shares.sum() == pytest.approx(1)
    assert (low <= shares).all() and (shares <= high).all()


@pytest.mark.parametrize("tweets", [3, LEAST_TWEETS - 1])
def test_few_tweets_tell_no_interval(tweets):
    shares, low, high = share_intervals(np.array([tweets, 0, 0]), 100 * CONFUSION)
    assert shares.sum() == pytest.approx(1)
    assert (low.tolist(), high.tolist()) == ([0, 0, 0], [1, 1, 1])
    assert share_intervals(np.array([LEAST_TWEETS, 0, 0]), 100 * CONFUSION)[1][0] > 0.5


@pytest.mark.parametrize("tweets", [LEAST_TWEETS, 1000])
def test_a_dialect_that_no_tweet_seems_to_be_may_be_there_still(tweets):
    _, _, high = share_intervals(np.array([tweets, 0, 0]), 300 * CONFUSION)
    # Of such a share one corpus in 40 has no tweet.
    assert (1 - high[2]) ** tweets <= 0.025 + 1e-9


def test_of_a_dialect_without_validation_rows_the_share_is_not_told():
    validation = 300 * CONFUSION
    validation[2] = 0
    counts = 10_000 * TRUE @ CONFUSION
    shares, low, high = share_intervals(counts, validation)
    assert (low[2], high[2]) == (0, 1)
    # Not even shares of what is unknown.
    assert shares[2] == pytest.approx(TRUE[2], abs=0.1)
    assert low[1] <= TRUE[1] <= high[1]


def test_a_dialect_that_is_not_there_may_have_no_share_at_all():
    expected = 2000 * np.array([0.6, 0.4, 0]) @ CONFUSION
    # By chance it may be guessed somewhat more often than expected.
    for more in (0, 40, 44):
        _, low, high = share_intervals(expected + np.array([0, 0, more]), 300 * CONFUSION)
        assert low[2] == 0 < high[2] < 0.1 < low[1]


def test_nineteen_of_twenty_intervals_hold_the_truth():
    draw = np.random.default_rng(0)
    inside = []
    for seed in range(40):
        validation = np.stack([draw.multinomial(300, row) for row in CONFUSION])
        counts = draw.multinomial(2000, TRUE @ CONFUSION)
        _, low, high = share_intervals(counts, validation, seed)
        inside.append((low <= TRUE) & (high >= TRUE))
    assert np.mean(inside) > 0.88


def test_most_intervals_hold_the_truth_where_many_dialects_are_absent():
    draw = np.random.default_rng(0)
    confusion = 0.6 * np.eye(12) + 0.4 / 12
    truth = np.array([0.5, 0.3, 0.2] + 9 * [0.0])
    inside = []
    for seed in range(40):
        validation = np.stack([draw.multinomial(300, row) for row in confusion])
        counts = draw.multinomial(20_000, truth @ confusion)
        _, low, high = share_intervals(counts, validation, seed)
        inside.append(((low <= truth) & (high >= truth))[:3])
    assert np.mean(inside) > 0.8


def test_what_is_no_column_is_refused():
    with pytest.raises(
        UsageError, match=r"score\.shares: hour is neither all, day, week, month nor a column"
    ):
        grouping("hour", ["source"])
    with pytest.raises(UsageError, match=r"score\.shares: id groups nothing"):
        grouping("id", ["id", "source"])
    with pytest.raises(UsageError, match=r"score\.shares: ID groups nothing"):
        grouping("ID", ["id", "source"])
