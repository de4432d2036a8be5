"""What every job does around its one call into adc: arguments, settings, Spark, summary, exit status."""

import argparse
import datetime
import json
import os
import sys
import traceback
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from adc.errors import AdcError, UsageError, cause_of
from adc.lake import Lake, as_rows
from adc.progress import duration
from adc.session import spark_session
from adc.settings import Settings
from adc.settings_layers import load_settings
from adc.tables import QUARANTINE, REFUSED_OTHERWISE, RUNS, Table

EXIT_DONE, EXIT_FAILED = 0, 1
# No wave takes this long, so whoever staged these files has been killed.
ABANDONED_SECONDS = 7 * 24 * 3600


@dataclass
class Job:
    """One run of one stage: its settings and lake, and the counts that its summary will state.

    metrics: of a model, for `--summary` alone; any that JSON can hold.
    """

    stage: str
    settings: Settings
    lake: Lake
    run_id: str
    dry_run: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    outputs: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    started_at: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))

    def __post_init__(self) -> None:
        self.lake.writer = self.run_id

    @property
    def staging(self) -> str:
        """The run's own folder for files that no longer matter once it has ended."""
        return self.lake.path("_staging", self.run_id)

    def say(self, text: str) -> None:
        """A line for the person who watches."""
        print(f"{self.stage}: {text}", flush=True)

    def count(self, **counts: int) -> None:
        """Adds to the counts of the summary; a name given with 0 is shown as 0."""
        for name, number in counts.items():
            self.counts[name] += number

    def wrote(self, *tables: Table) -> None:
        """Names tables among the run's outputs."""
        self.outputs |= {table.name: self.lake.where(table) for table in tables}

    def refused(self, rows: DataFrame, key: Column, reason: Column, payload: Column) -> DataFrame:
        """The rows as those of `quarantine`; the payload, a struct, as JSON."""
        return rows.select(
            F.lit(self.stage).alias("stage"),
            key.alias("row_key"),
            reason.alias("reason"),
            F.to_json(payload).alias("payload"),
            F.lit(self.run_id).alias("run_id"),
            F.lit(self.started_at).alias("at"),
        )

    def quarantine(self, rows: DataFrame) -> None:
        """MERGEs `refused` rows into `quarantine`; one without a reason takes out what was refused before.

        A row that is there and has not changed is left as it is.
        """
        self.lake.merge(
            QUARANTINE,
            rows,
            delete_if="new.reason IS NULL",
            update_if=REFUSED_OTHERWISE,
            insert_if="new.reason IS NOT NULL",
            bounded_by="row_key",
        )

    def seconds(self) -> float:
        """Since the job began."""
        return (datetime.datetime.now(datetime.UTC) - self.started_at).total_seconds()


def job_parser(stage: str, description: str) -> argparse.ArgumentParser:
    """The arguments that all jobs share."""
    parser = argparse.ArgumentParser(
        prog=f"spark-submit jobs/{stage}.py",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit status: 0 done; 1 the run failed, what it committed stays and the same command goes on; "
        "2 usage, settings or\ninput are wrong, nothing was touched. `adc settings` lists every setting.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--env", default="local", metavar="NAME|FILE", help="conf/NAME.yaml, or a file (default: local)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="a setting; repeatable",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do none of it")
    parser.add_argument(
        "--summary", metavar="PATH", help="write the summary as JSON, here or where Hadoop can"
    )
    return parser


def run_job(
    parser: argparse.ArgumentParser,
    stage: str,
    call: Callable[[Job, argparse.Namespace], None],
    argv: Sequence[str] | None = None,
) -> int:
    """Runs one stage as a command and returns its exit status."""
    args = parser.parse_args(argv)
    for name, value in vars(args).items():
        # Of a variable of the shell that is not set; nothing was meant by it.
        if name != "overrides" and "" in (value if isinstance(value, list) else [value]):
            parser.error(f"argument --{name}: it is empty")
    try:
        settings = load_settings(environment_file(args.env), args.overrides)
        print_settings(stage, settings)
        spark = spark_session(f"adc {stage}", settings)
        lake = Lake(spark, settings.lake)
        lake.require_metastore()
        if not args.dry_run:
            lake.require_writable()
        job = Job(stage, settings, lake, new_run_id(stage), args.dry_run)
    except AdcError as error:
        print(f"{stage}: {error}", file=sys.stderr)
        return error.exit_status

    status, message = EXIT_DONE, None
    try:
        call(job, args)
    except AdcError as error:
        status, message = error.exit_status, str(error)
    except KeyboardInterrupt:
        status, message = EXIT_FAILED, "interrupted; run the same command again to go on"
    except Exception as error:
        traceback.print_exc()
        status, message = EXIT_FAILED, cause_of(error)
    finally:
        _remove_staged(job)
    if message:
        print(f"{stage}: {message}", file=sys.stderr, flush=True)
    if status != UsageError.exit_status and not _conclude(job, message, args.summary):
        return EXIT_FAILED
    return status


def environment_file(name: str) -> Path:
    """conf/NAME.yaml beside jobs/ or in the working folder, or the file of that name itself."""
    if name.endswith((".yaml", ".yml")) or os.sep in name:
        return Path(name)
    places = [Path(sys.argv[0]).resolve().parent.parent / "conf", Path("conf")]
    for place in places:
        if (place / f"{name}.yaml").is_file():
            return place / f"{name}.yaml"
    raise UsageError(f"--env {name}: there is no {name}.yaml in {' or '.join(map(str, places))}")


def new_run_id(stage: str) -> str:
    """Unique, and in order of time: scrape-20250131T120000-1a2b3c."""
    return f"{stage}-{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"


# The groups of settings that a stage reads, besides seed, lake and spark.
SECTIONS = {
    "scrape": ("scrape", "input"),
    "clean": ("input", "clean"),
    "train": ("clean", "model", "train"),
    "score": ("input", "score"),
    "evaluate": ("input", "score"),
}


def print_settings(stage: str, settings: Settings) -> None:
    """The settings a stage runs under, a group a line; those that differ from the defaults are marked."""
    defaults = Settings().masked()
    groups: dict[str, list[str]] = {}
    for key, value in settings.masked().items():
        group, _, name = key.partition(".")
        if group in ("seed", "lake", "spark", *SECTIONS[stage]):
            mark = "" if defaults.get(key) == value else "*"
            shown = "null" if value is None else value
            groups.setdefault(group, []).append(f"{name or shown}{f'={shown}' if name else ''}{mark}")
    print(f"{stage}: settings (* differs from the default)")
    for group, members in groups.items():
        print(f"  {group:<8} {' '.join(members)}")
    sys.stdout.flush()


def _remove_staged(job: Job) -> None:
    """Removes the run's own staged files, and what runs that were killed left long ago, as far as it can."""
    files, place = job.lake.files, job.lake.path("_staging")
    with suppress(Py4JJavaError):
        files.delete(job.staging)
        files.delete_abandoned(place, ABANDONED_SECONDS)


def _conclude(job: Job, error: str | None, summary_path: str | None) -> bool:
    """Prints the summary, keeps it in `runs`, and writes it where asked; whether both could be done."""
    summary: dict[str, Any] = {
        "stage": job.stage,
        "run_id": job.run_id,
        "status": "failed" if error else "done",
        "seconds": round(job.seconds(), 1),
        "counts": dict(job.counts),
        "outputs": job.outputs,
    }
    summary |= {"metrics": job.metrics} if job.metrics else {}
    summary |= {"error": error} if error else {}
    print(f"{job.stage}: {summary['status']} in {duration(summary['seconds'])} (run {job.run_id})")
    for name, number in job.counts.items():
        print(f"  {name:<24} {number:>12,}")
    for name, place in job.outputs.items():
        print(f"  {name:<24} {place}")
    sys.stdout.flush()
    kept = True
    if not job.dry_run:
        kept = _written(job, "the table runs", lambda: _keep_run(job, summary))
    if summary_path:
        content = json.dumps(summary, ensure_ascii=False, indent=2) + "\n"
        place = f"--summary {summary_path}"
        kept &= _written(job, place, lambda: job.lake.files.write_text(summary_path, content))
    return kept


def _written(job: Job, what: str, write: Callable[[], None]) -> bool:
    """Whether it could be written; why not is said."""
    try:
        write()
    except (AdcError, Py4JJavaError, PySparkException) as failure:
        reason = failure if isinstance(failure, AdcError) else cause_of(failure)
        print(f"{job.stage}: {what} cannot be written: {reason}", file=sys.stderr)
        return False
    return True


def _keep_run(job: Job, summary: dict[str, Any]) -> None:
    row = {
        "run_id": job.run_id,
        "stage": job.stage,
        "started_at": job.started_at,
        "seconds": summary["seconds"],
        "status": summary["status"],
        "counts": summary["counts"],
        "error": summary.get("error"),
        "settings": json.dumps(job.settings.masked(), ensure_ascii=False, default=str),
        "version": version("adc"),
    }
    job.lake.append(RUNS, as_rows(job.lake.spark, RUNS, [row]))
