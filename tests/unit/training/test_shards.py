"""What cannot be learnt from."""

import pytest

from adc.errors import UsageError
from adc.training.shards import class_counts


@pytest.mark.parametrize(
    ("tweets", "message"),
    [
        ({}, "lake/clean_tweets has no labelled tweets in the split train: nothing to train on"),
        ({("val", "EG"): 3, ("val", "MA"): 3}, "no labelled tweets in the split train: nothing to train on"),
        ({("train", "EG"): 3, ("val", "MA"): 3}, "one dialect only, EG: a classifier needs two or more"),
    ],
)
def test_no_rows_and_one_class_are_refused(tweets, message):
    with pytest.raises(UsageError, match=message):
        class_counts(tweets, "lake/clean_tweets")


def test_classes_are_those_of_training_tweets():
    tweets = {("train", "EG"): 3, ("train", "MA"): 1, ("val", "EG"): 2, ("val", "SA"): 2}
    assert class_counts(tweets, "there") == {"EG": 3, "MA": 1}
