"""What a job does around its stage: exit status, summary, the row in `runs`, staged files."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from adc.errors import RunError, UsageError
from adc.files import Files
from adc.job import Job, environment_file, job_parser, run_job
from adc.lake import Lake
from adc.tables import RUNS
from tests.spark.contents import contents

pytestmark = pytest.mark.spark

Call = Callable[[Job, argparse.Namespace], None]


@pytest.fixture
def run(spark: SparkSession, lake_root: str, tmp_path: Path) -> Callable[..., tuple[int, dict | None]]:
    """Runs a call as the job `clean`; its exit status, and its summary where there is one."""

    def go(call: Call, *arguments: str) -> tuple[int, dict | None]:
        summary = tmp_path / "summary.json"
        summary.unlink(missing_ok=True)
        argv = [
            "--env",
            "conf/local.yaml",
            "--set",
            f"lake.root={lake_root}",
            "--summary",
            str(summary),
            *arguments,
        ]
        status = run_job(job_parser("clean", "Test."), "clean", call, argv)
        return status, json.loads(summary.read_text()) if summary.exists() else None

    return go


def stage(job: Job, args: argparse.Namespace) -> None:
    job.lake.files.write_text(f"{job.staging}/wave-000000/part", "staged")
    job.count(input=3, clean=2, quarantined=1)
    job.outputs["clean_tweets"] = "there"
    job.metrics["val"] = {"rows": 2}


def failing(error: BaseException) -> Call:
    def call(job: Job, args: argparse.Namespace) -> None:
        stage(job, args)
        raise error

    return call


def test_a_run_that_is_done(
    run: Callable[..., tuple[int, dict | None]], lake: Lake, capsys, monkeypatch
) -> None:
    monkeypatch.setenv("ADC_SCRAPE__TOKEN", "hush-hush")
    status, summary = run(stage)

    assert status == 0
    assert summary is not None
    assert summary | {"run_id": "", "seconds": 0} == {
        "stage": "clean",
        "run_id": "",
        "status": "done",
        "seconds": 0,
        "counts": {"input": 3, "clean": 2, "quarantined": 1},
        "outputs": {"clean_tweets": "there"},
        "metrics": {"val": {"rows": 2}},
    }
    (row,) = lake.read(RUNS).collect()
    assert (row["run_id"], row["status"], row["error"]) == (summary["run_id"], "done", None)
    assert row["counts"] == summary["counts"]
    assert json.loads(row["settings"])["lake.root"] == lake.root.removeprefix("file:")
    assert not Files(lake.spark).exists(lake.path("_staging", summary["run_id"]))
    printed = capsys.readouterr()
    assert "quarantined" in printed.out
    assert f" root={lake.root.removeprefix('file:')}* catalog=null " in printed.out
    assert "hush-hush" not in printed.out + printed.err + row["settings"]


def test_what_killed_runs_left_is_removed_after_a_week(
    run: Callable[..., tuple[int, dict | None]], lake_root: str
) -> None:
    staging = Path(lake_root, "_staging")
    for name, days in (("killed", 8), ("running", 6)):
        written = time.time() - days * 24 * 3600
        (staging / name).mkdir(parents=True)
        (staging / name / "part").touch()
        os.utime(staging / name / "part", (written, written))
    assert run(stage)[0] == 0
    assert [folder.name for folder in staging.iterdir()] == ["running"]


def test_an_environment_is_found_beside_jobs_from_any_folder(tmp_path: Path, monkeypatch) -> None:
    for folder in ("project", "elsewhere"):
        (tmp_path / folder / "conf").mkdir(parents=True)
        (tmp_path / folder / "conf" / f"{folder}.yaml").touch()
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "project" / "jobs" / "clean.py")])
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert environment_file("project") == tmp_path / "project" / "conf" / "project.yaml"
    assert environment_file("elsewhere") == Path("conf/elsewhere.yaml")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (RunError("the API refused"), "the API refused"),
        (KeyboardInterrupt(), "interrupted; run the same command again to go on"),
        (ZeroDivisionError("a bug"), "ZeroDivisionError: a bug"),
    ],
)
def test_a_run_that_fails_keeps_what_it_counted(
    run: Callable[..., tuple[int, dict | None]], lake: Lake, error: BaseException, says: str
) -> None:
    status, summary = run(failing(error))
    assert status == 1
    assert summary is not None
    assert (summary["status"], summary["error"]) == ("failed", says)
    assert summary["counts"]["clean"] == 2
    assert [row["status"] for row in lake.read(RUNS).collect()] == ["failed"]
    assert not lake.files.exists(lake.path("_staging", summary["run_id"]))


@pytest.mark.parametrize(
    ("cause", "says"),
    [
        (
            lambda spark: spark.range(1).mapInArrow(lambda rows: 1 / 0, "id LONG").collect(),
            "ZeroDivisionError: ",
        ),
        (
            lambda spark: spark._jvm.java.nio.file.Files.size(spark._jvm.java.io.File("/nowhere").toPath()),
            "NoSuchFileException: /nowhere",
        ),
    ],
)
def test_of_an_error_within_spark_what_is_at_its_bottom_is_told(
    run: Callable[..., tuple[int, dict | None]], cause: Callable[[SparkSession], object], says: str
) -> None:
    status, summary = run(lambda job, args: cause(job.lake.spark))
    assert status == 1
    assert summary is not None and summary["error"].startswith(says)


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (failing(UsageError("no such input")), ()),
        (stage, ("--set", "clean.min_words=none")),
        (stage, ("--env", "nowhere")),
        (stage, ("--set", "clean.min_wrods=3")),
        (stage, ("--set", "scrape.token=hush-hush")),
        (stage, ("--set", "lake.root=nowhere://bucket/lake")),
        (stage, ("--set", "lake.root=lake[1]")),
        (stage, ("--set", "lake.catalog=default")),
        (stage, ("--set", "seed=-1")),
    ],
)
def test_wrong_usage_ends_with_2_and_leaves_no_run(
    run: Callable[..., tuple[int, dict | None]], lake: Lake, call: Call, arguments: tuple[str, ...]
) -> None:
    assert run(call, *arguments) == (2, None)
    assert not lake.exists(RUNS)


def test_a_setting_that_spark_does_not_take_ends_with_2(
    run: Callable[..., tuple[int, dict | None]], capsys
) -> None:
    status, _ = run(stage, "--set", "spark.sql.shuffle.partitions=many")
    assert status == 2
    told = capsys.readouterr().err
    assert told.startswith("clean: a setting of Spark's: ")
    assert """value 'many' in the config "spark.sql.shuffle.partitions" is invalid""" in told


def test_a_dry_run_leaves_no_run(run: Callable[..., tuple[int, dict | None]], lake: Lake) -> None:
    status, summary = run(lambda job, args: job.count(input=1), "--dry-run")
    assert status == 0
    assert summary is not None
    assert summary["counts"] == {"input": 1}
    assert not lake.exists(RUNS)


def test_an_empty_value_is_wrong_usage(lake: Lake, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        run_job(job_parser("clean", "Test."), "clean", stage, ["--summary", ""])
    assert ended.value.code == 2
    assert "argument --summary: it is empty" in capsys.readouterr().err


def test_a_lake_in_what_is_no_folder_is_refused(
    run: Callable[..., tuple[int, dict | None]], tmp_path: Path, capsys
) -> None:
    (tmp_path / "file").write_text("")
    assert run(stage, "--set", f"lake.root={tmp_path}/file/lake") == (2, None)
    told = capsys.readouterr().err
    assert told == f"clean: lake.root={tmp_path}/file/lake: {tmp_path}/file is not a folder\n"


def test_a_lake_that_may_not_be_written_is_refused_but_for_a_dry_run(
    run: Callable[..., tuple[int, dict | None]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys
) -> None:
    # Whoever runs the tests may be root, who may write anywhere.
    access = os.access
    barred = {(str(tmp_path), os.W_OK | os.X_OK)}
    monkeypatch.setattr(
        os, "access", lambda path, mode: (str(path), mode) not in barred and access(path, mode)
    )
    assert run(stage, "--set", f"lake.root={tmp_path}/new/lake") == (2, None)
    told = capsys.readouterr().err
    assert told == f"clean: lake.root={tmp_path}/new/lake: {tmp_path} cannot be written\n"
    assert run(stage, "--dry-run", "--set", f"lake.root={tmp_path}/new/lake")[0] == 0


def test_a_lake_that_can_no_longer_be_written_leaves_a_summary(
    run: Callable[..., tuple[int, dict | None]], tmp_path: Path, capsys
) -> None:
    def call(job: Job, args: argparse.Namespace) -> None:
        (tmp_path / "gone").write_text("")
        job.lake.append(RUNS, job.lake.read(RUNS))

    status, summary = run(call, "--set", f"lake.root={tmp_path}/gone")
    assert (status, summary and summary["status"]) == (1, "failed")
    assert "clean: the table runs cannot be written: " in capsys.readouterr().err


def test_a_summary_that_cannot_be_written_is_said_and_the_run_is_kept(
    run: Callable[..., tuple[int, dict | None]], lake: Lake, tmp_path: Path, capsys
) -> None:
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "summary.json"
    status, _ = run(stage, "--summary", str(place))
    assert (status, contents(lake, RUNS, "status")) == (1, [("done",)])
    assert f"clean: --summary {place} cannot be written: " in capsys.readouterr().err
