"""The wave runner: transform, stage, commit; what fails, and what a stream takes and when it begins anew."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from shutil import rmtree

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from adc.cleaning.stage import clean
from adc.errors import RunError
from adc.files import Files
from adc.job import Job
from adc.lake import Lake
from adc.scoring.stage import score
from adc.tables import CLEAN_TWEETS, RAW_TWEETS
from adc.waves import Waves
from tests.spark.contents import contents, raw_rows

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
    assert made.lake.files.names(made.staging) == ["alive"]


def test_before_rows_are_committed_the_progress_line_tells_sparks_tasks(
    job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("adc.progress.LOG_SECONDS", 0.1)
    made = job("clean")

    def slowly(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        time.sleep(1)
        yield from batches

    rows = made.lake.spark.createDataFrame([("a",)], "id STRING").coalesce(1)
    Waves(made, lambda rows: rows.mapInArrow(slowly, "id STRING"), Committed()).run([rows])
    assert "clean: 0 rows, 0 of 1 Spark tasks done\n" in capsys.readouterr().err


def test_a_commit_that_fails_ends_the_run_and_keeps_the_waves_before(job: Callable[..., Job]) -> None:
    made, committed = job("clean"), Committed()
    frames = [made.lake.spark.createDataFrame([(name,)], "id STRING") for name in ("a", POISON, "c", "d")]

    with pytest.raises(RunError, match="the wave with poison"):
        Waves(made, lambda rows: rows, committed).run(frames)

    assert committed.waves == [["a"]]


def test_a_stream_takes_what_is_new_and_raises_what_went_wrong(job: Callable[..., Job]) -> None:
    made, committed = job("clean"), Committed()
    lake = made.lake
    waves = Waves(made, upper, committed)
    lake.append(RAW_TWEETS, raw_rows(lake, {"id": "1", "text": "a"}, {"id": "2", "text": "b"}))
    waves.stream(RAW_TWEETS, CLEAN_TWEETS, "test")
    lake.append(RAW_TWEETS, raw_rows(lake, {"id": "3", "text": "c"}))
    waves.stream(RAW_TWEETS, CLEAN_TWEETS, "test")
    waves.stream(RAW_TWEETS, CLEAN_TWEETS, "test")
    assert committed.waves == [["1", "2"], ["3"]]

    lake.append(RAW_TWEETS, raw_rows(lake, {"id": POISON, "text": "d"}))
    with pytest.raises(RunError, match="the wave with poison"):
        waves.stream(RAW_TWEETS, CLEAN_TWEETS, "test")


def test_what_a_kill_leaves_of_checkpoints_is_not_gone_on_with(
    job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, committed = job("clean"), Committed()
    lake, waves = made.lake, Waves(made, upper, committed)
    lake.append(RAW_TWEETS, raw_rows(lake, {"id": "1", "text": "a"}))
    waves.stream(RAW_TWEETS, CLEAN_TWEETS, "test")
    folder = f"{lake.between(RAW_TWEETS, CLEAN_TWEETS)}/all"
    (old,) = set(lake.files.names(folder)) - {"bookmark"}

    def killed(files: Files, place: str, seconds: float) -> None:
        files.delete(f"{folder}/{old}/offsets")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Files, "delete_abandoned", killed)
        with pytest.raises(KeyboardInterrupt):
            waves.stream(RAW_TWEETS, CLEAN_TWEETS, "test", anew=True)
    waves.stream(RAW_TWEETS, CLEAN_TWEETS, "test")
    assert committed.waves == [["1"], ["1"]]
    # After a week they are removed.
    for path in Path(folder.removeprefix("file:")).rglob("*"):
        os.utime(path, (0, 0))
    waves.stream(RAW_TWEETS, CLEAN_TWEETS, "test", anew=True)
    left = lake.files.names(folder)
    assert (len(left), "bookmark" in left, old in left) == (2, True, False)


def test_a_full_pass_where_the_table_no_longer_keeps_what_has_changed(
    job: Callable[..., Job], lake: Lake, bundle_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "شلونك يا صاحبي اليوم"

    def change(*numbers: int) -> None:
        for number in numbers:
            lake.merge(RAW_TWEETS, raw_rows(lake, {"id": "1", "text": f"{text} {number}"}))

    def run(stage: str) -> int:
        this = job(stage)
        clean(this) if stage == "clean" else score(this, bundle_path=bundle_path)
        return this.counts["input"]

    folder = Path(lake.root.removeprefix("file:"))
    log, changes = folder / "raw_tweets" / "_delta_log", folder / "clean_tweets" / "_change_data"
    change(1)
    assert (run("clean"), run("score")) == (1, 1)
    lake.spark.sql(f"ALTER TABLE delta.`{log.parent}` SET TBLPROPERTIES ('delta.checkpointInterval' = '1')")
    change(2, 3)
    newest = max(file.name for file in log.glob("*.checkpoint.parquet"))[:20]
    # As Delta clears its log of what is older than delta.logRetentionDuration, and VACUUM the change feed.
    for file in log.iterdir():
        if file.name.lstrip(".")[:20].isdigit() and file.name.lstrip(".")[:20] < newest:
            file.unlink()
    assert run("clean") == 1
    assert contents(lake, CLEAN_TWEETS, "text") == [(f"{text} 3",)]
    rmtree(changes)
    assert run("score") == 1
    assert capsys.readouterr().out.count("a full pass: what changed since the last run is no longer in") == 2
    assert (run("clean"), run("score")) == (0, 0)


def test_a_full_pass_where_the_table_has_lost_a_column(
    job: Callable[..., Job], lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    made, committed = job("clean"), Committed()
    waves = Waves(made, upper, committed)
    lake.append(RAW_TWEETS, raw_rows(lake, {"id": "1", "text": "a"}))
    table, before = f"delta.`{lake.where(RAW_TWEETS)}`", lake.version(RAW_TWEETS)
    waves.stream(RAW_TWEETS, CLEAN_TWEETS, "test")
    lake.spark.sql(f"ALTER TABLE {table} ADD COLUMNS (lang STRING)")
    lake.append(RAW_TWEETS, raw_rows(lake, {"id": "2", "text": "b"}))
    waves.stream(RAW_TWEETS, CLEAN_TWEETS, "test")
    lake.spark.sql(f"RESTORE TABLE {table} TO VERSION AS OF {before}")
    for _ in range(2):
        waves.stream(RAW_TWEETS, CLEAN_TWEETS, "test")
    assert committed.waves == [["1"], ["2"], ["1"]]
    assert "a full pass: the table's columns are others" in capsys.readouterr().out
