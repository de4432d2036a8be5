import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from tests.jvm import LIGHT_JVM

ROOT = Path(__file__).parents[2]
QUICK = {"SPARK_SUBMIT_OPTS": LIGHT_JVM}
# Seconds after which a job hangs; on a busy machine it may take ten times as long as else.
PATIENCE = 900


@dataclass(frozen=True)
class Run:
    """A job that ended: its exit status, its summary (None when it touched nothing) and what it printed."""

    status: int
    summary: dict[str, Any] | None
    output: str

    @property
    def counts(self) -> dict[str, int]:
        assert self.summary is not None, self.output
        counts: dict[str, int] = self.summary["counts"]
        return counts


@dataclass(frozen=True)
class Submitter:
    """Runs jobs as a user does, by spark-submit, each in a process group of its own."""

    lake: Path
    options: tuple[str, ...] = ()  # of spark-submit
    prefix: tuple[str, ...] = ()  # a command that runs spark-submit

    def start(self, job: str, *args: str) -> "subprocess.Popen[str]":
        submit = [*self.prefix, "spark-submit", *self.options]
        command = [*submit, f"jobs/{job}.py", "--set", f"lake.root={self.lake}", *args]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | QUICK,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __call__(self, job: str, *args: str) -> Run:
        summary = self.lake.parent / f"{job}-{time.monotonic_ns()}.json"
        process = self.start(job, *args, "--summary", str(summary))
        output, _ = process.communicate(timeout=PATIENCE)
        told = json.loads(summary.read_text(encoding="utf-8")) if summary.exists() else None
        return Run(process.returncode, told, output)

    def kill_when(self, job: str, *args: str, reached: Callable[[], bool]) -> str:
        """Starts a job and ends its driver, JVM and Python workers by SIGKILL once `reached()` holds.

        What it has printed until then.
        """
        process = self.start(job, *args)
        try:
            until(reached, running=[process])
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0]

    def staged_wave(self, stage: str) -> Callable[[], bool]:
        """Whether a run of the stage has begun to stage a wave."""
        return lambda: any(self.lake.glob(f"_staging/{stage}-*/wave-*"))


def until(
    reached: Callable[[], bool],
    seconds: float = PATIENCE,
    running: Sequence["subprocess.Popen[str]"] = (),
    every: float = 0.02,
) -> None:
    """Waits until `reached()` holds; fails after so many seconds, or when a process it needs has ended."""
    deadline = time.monotonic() + seconds
    while not reached():
        for process in running:
            if process.poll() is not None:
                output = process.stdout.read() if process.stdout else ""
                raise AssertionError(f"ended with {process.returncode}: {process.args}\n{output}")
        assert time.monotonic() < deadline, f"not reached in {seconds:.0f} s"
        time.sleep(every)


def table(lake: Path, name: str, columns: list[str]) -> list[tuple[Any, ...]]:
    """A Delta table's rows, sorted, read without Spark."""
    rows = DeltaTable(str(lake / name)).to_pyarrow_table(columns=columns).to_pylist()
    return sorted(tuple(row.values()) for row in rows)
