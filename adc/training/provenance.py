"""What a bundle is made from and with, and whether two are of the same training."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.abc import Traversable
from importlib.metadata import version
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from adc.job import Job
from adc.tables import CLEAN_TWEETS

# Settings that change nothing in a bundle.
IDLE_SETTINGS = ("train.tensorboard", "train.start_timeout")
# The packages whose files decide what a training makes of its rows.
CODE = ("cleaning", "model", "training")


def provenance(job: Job, examples: DataFrame, threads: int) -> dict[str, Any]:
    """What a bundle is made from and with; its fingerprint is that of all runs that would make the same one.

    So it knows what the rows to learn from hold, not the table's version: that goes up when the same archive
    is cleaned again, too. `threads` a rank decide in which order it sums. The code is told apart: it is not
    in the bundle's checksum, which stays the same where other code makes the same.
    """
    settings = job.settings.masked()
    relevant = {
        key: value
        for key, value in settings.items()
        if key.split(".")[0] in ("seed", "model", "train") and key not in IDLE_SETTINGS
    }
    relevant["clean.profile"] = settings["clean.profile"]
    row = F.xxhash64("id", "clean", "dialect", "text_hash", "author", "split", "weight", "profile_hash")
    held = examples.agg(F.count("*"), F.sum(row.cast("decimal(20)"))).first()
    content = json.dumps([relevant, held, threads, version("adc")], sort_keys=True, default=str)
    return {
        "settings": relevant,
        "data": {"table": job.lake.identity(CLEAN_TWEETS), "version": job.lake.version(CLEAN_TWEETS)},
        "version": version("adc"),
        "code": code_digest(),
        "fingerprint": hashlib.sha256(content.encode()).hexdigest(),
    }


def difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """In what two trainings differ, by what `provenance` says of them; empty where they make the same."""
    if one.get("fingerprint") != other.get("fingerprint"):
        return "other settings or data"
    return "" if one.get("code") == other.get("code") else "other code of adc"


def training_digest(made: Mapping[str, Any], place: str) -> str:
    """64 hex digits that all runs share which are to make the same bundle at a place, and no others."""
    return hashlib.sha256(f"{made['fingerprint']} {made['code']} {place}".encode()).hexdigest()


def code_digest() -> str:
    """SHA-256 over the files of CODE, wherever adc is installed."""
    digest = hashlib.sha256()
    for package in CODE:
        for name, content in sorted(_contents(resources.files("adc") / package, package)):
            digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _contents(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for item in folder.iterdir():
        if item.is_dir():
            yield from _contents(item, f"{name}/{item.name}")
        # Not what Python has compiled.
        elif not item.name.endswith(".pyc"):
            yield f"{name}/{item.name}", item.read_bytes()
