import pytest
from pyspark.sql import functions as F

from adc.duplicates import labelled_tweets, latest_changes
from tests.spark.contents import clean_rows, rows

pytestmark = pytest.mark.spark


def test_of_a_wave_of_changes_the_last_state_and_what_is_gone(spark):
    feed = spark.createDataFrame(
        [
            ("updated", "new", "update_postimage", 2),
            ("updated", "old", "update_preimage", 2),
            ("updated", "older", "update_preimage", 1),
            ("updated", "old", "update_postimage", 1),
            ("inserted", "only", "insert", 3),
            ("deleted", "gone", "insert", 1),
            ("deleted", "gone", "delete", 2),
            ("back", "first", "delete", 2),
            ("back", "second", "insert", 3),
        ],
        "id STRING, text STRING, _change_type STRING, _commit_version LONG",
    )
    changes = latest_changes(feed, "id", texts=F.sort_array(F.collect_set("text")))
    assert rows(changes, "id", "text", "gone", "texts") == [
        ("back", "second", False, ["first", "second"]),
        ("deleted", "gone", True, ["gone"]),
        ("inserted", "only", False, ["only"]),
        ("updated", "new", False, ["new", "old", "older"]),
    ]


def test_of_equal_texts_the_labelled_one_with_the_lowest_id_counts(lake):
    tweets = clean_rows(
        lake,
        {"id": "9", "text": "same", "dialect": "EG"},
        {"id": "10", "text": "same", "dialect": "SA"},
        {"id": "8", "text": "same"},
        {"id": "11", "text": "other", "dialect": "SA"},
        {"id": "12", "text": "unlabelled"},
    )
    assert rows(labelled_tweets(tweets), "id", "text", "dialect") == [
        ("11", "other", "SA"),
        ("9", "same", "EG"),
    ]
    assert set(labelled_tweets(tweets).columns) == set(tweets.columns)
