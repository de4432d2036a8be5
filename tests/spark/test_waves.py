"""The wave runner: transform, stage, commit; what fails, and what a stream takes."""

from collections.abc import Callable, Mapping

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from adc.errors import RunError
from adc.job import Job
from adc.tables import RAW_TWEETS
from adc.waves import Waves
from tests.spark.contents import raw_rows

pytestmark = pytest.mark.spark

POISON = "666"


class Committed:
    """A commit that keeps the ids of each wave, and fails at a wave that holds the id POISON."""

    def __init__(self) -> None:
        self.waves: list[list[str]] = []

    def __call__(self, staged: DataFrame) -> Mapping[str, int]:
        ids = sorted(row["id"] for row in staged.collect())
        if POISON in ids:
            raise RunError("the wave with poison")
        self.waves.append(ids)
        return {"rows": len(ids)}


def upper(rows: DataFrame) -> DataFrame:
    return rows.select(F.upper("id").alias("id")) if "text" not in rows.columns else rows.select("id")


def test_every_wave_is_transformed_staged_and_committed_in_order(job: Callable[..., Job]) -> None:
    made, committed = job("clean"), Committed()
    frames = [made.lake.spark.createDataFrame([(name,)], "id STRING") for name in ("a", "b", "c")]

    Waves(made, upper, committed).run(frames)

    assert committed.waves == [["A"], ["B"], ["C"]]
    assert made.counts == {"rows": 3}
    assert made.lake.files.names(made.staging) == []


def test_a_commit_that_fails_ends_the_run_and_keeps_the_waves_before(job: Callable[..., Job]) -> None:
    made, committed = job("clean"), Committed()
    frames = [made.lake.spark.createDataFrame([(name,)], "id STRING") for name in ("a", POISON, "c", "d")]

    with pytest.raises(RunError, match="the wave with poison"):
        Waves(made, lambda rows: rows, committed).run(frames)

    assert committed.waves == [["a"]]


def test_a_stream_takes_what_is_new_and_raises_what_went_wrong(job: Callable[..., Job]) -> None:
    made, committed = job("clean"), Committed()
    lake, checkpoint = made.lake, made.lake.path("_checkpoints", "test")
    waves = Waves(made, upper, committed)
    lake.append(RAW_TWEETS, raw_rows(lake, {"id": "1", "text": "a"}, {"id": "2", "text": "b"}))
    waves.stream(lake.changes(RAW_TWEETS), checkpoint)
    lake.append(RAW_TWEETS, raw_rows(lake, {"id": "3", "text": "c"}))
    waves.stream(lake.changes(RAW_TWEETS), checkpoint)
    waves.stream(lake.changes(RAW_TWEETS), checkpoint)
    assert committed.waves == [["1", "2"], ["3"]]

    lake.append(RAW_TWEETS, raw_rows(lake, {"id": POISON, "text": "d"}))
    with pytest.raises(RunError, match="the wave with poison"):
        waves.stream(lake.changes(RAW_TWEETS), checkpoint)
