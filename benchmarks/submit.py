"""Runs a job as a user does, and gives what its summary says: what benchmarks share."""

import json
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def megabytes(folder: Path) -> float:
    """Of all files in a folder and its folders."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def run_job(stage: str, lake: Path, *options: str) -> dict[str, Any]:
    """The summary of `spark-submit jobs/<stage>.py` on a lake; raises CalledProcessError if it fails."""
    summary = lake / f"{stage}.json"
    lake.mkdir(parents=True, exist_ok=True)
    command = ["spark-submit", f"jobs/{stage}.py", "--set", f"lake.root={lake}", "--summary", str(summary)]
    subprocess.run([*command, *options], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    told: dict[str, Any] = json.loads(summary.read_text(encoding="utf-8"))
    return told
