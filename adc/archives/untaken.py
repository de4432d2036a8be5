"""Which files of a folder, or of a Delta table, a stage has not taken yet."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, IllegalArgumentException
from pyspark.sql import functions as F

from adc.archives.labels import read_labels
from adc.archives.lines import Source
from adc.bookmark import RUN_BESIDE, Bookmark
from adc.delta_files import delta_files, snapshot_at
from adc.job import Job
from adc.tables import Table

# What has a stage take all of an input again.
AGAIN = {"clean": "--full", "score": "--replace"}

# Of a file its bytes, and when it was written, in milliseconds since 1970.
State = list[int]
# In place of a name, of a file that is an input by itself.
ALONE = ""


class Untaken:
    """What a stage has to read of an input: a file; of a folder or a Delta table the new and changed files.

    `rules` name whatever decides a row's fate, besides the settings of input: all is to be read where the
    last run of this `kind` over the input was under others, and where it is to be taken `anew`. `after` is
    the id up to which a run that was ended before has taken these same files; None where there was none.
    """

    after: str | None = None

    def __init__(
        self, job: Job, path: str, target: Table, rules: str, kind: str = "all", anew: bool = False
    ) -> None:
        self._job, self._path, self._target, self._kind = job, path, target, kind
        self._files = self._new = _present(job, path)
        if not self._files:
            return
        self._rules = _digest(rules, *_said_of_input(job))
        if anew or not job.lake.exists(target):
            return
        noted = self.bookmark.noted() or {}
        known = noted.get("files", {})
        self._new = {name: state for name, state in self._files.items() if known.get(name) != state}
        self.after = noted.get("after") if noted.get("taking") == self._what else None
        if left := len(self._files) - len(self._new):
            job.say(
                f"{left:,} of the {len(self._files):,} files of {path} are as they were when an earlier run "
                f"took them, and are left out ({AGAIN[job.stage]} takes all)"
            )

    @property
    def some(self) -> bool:
        """Whether an earlier run has taken the other files."""
        return len(self._new) < len(self._files)

    @property
    def nothing(self) -> bool:
        """Whether earlier runs have taken all of it."""
        return self.some and not self._new

    @property
    def source(self) -> Source:
        """What is to be read."""
        return Source(self._path, tuple(self._new) if self.some else None)

    @property
    def bytes(self) -> int:
        """The size of what is to be read."""
        return sum(size for size, _ in self._new.values()) or self._job.lake.files.size(self._path)

    @cached_property
    def bookmark(self) -> Bookmark:
        """What is noted of this input, in another place once the target has been made again."""
        lake = self._job.lake
        name = _digest(self._kind, lake.files.qualified(self._path))
        folder = lake.path("_checkpoints", self._target.name, f"files-{lake.identity(self._target)[:8]}")
        return Bookmark(lake.files, f"{folder}/{name}", self._rules)

    @contextmanager
    def taking(self) -> Iterator[Bookmark | None]:
        """To be held while the rows of it are taken: in the end, unless that fails, they count as taken.

        Gives the bookmark that notes so, where there are files to note.
        """
        if not self._files:
            yield None
            return
        self._job.lake.ensure(self._target)
        left = {name: state for name, state in self._files.items() if name not in self._new}
        relying = bool(left) or self.after is not None
        self.bookmark.begin(relying, files=left, taking=self._what, after=self.after)
        yield self.bookmark
        noted = self.bookmark.noted()
        if noted is None:
            # The target may hold results of both.
            self._job.say(RUN_BESIDE)
            return
        lasting = {name: state for name, state in self._files.items() if name != ALONE}
        beside = {name: state for name, state in noted["files"].items() if name in lasting}
        self.bookmark.move(files=beside | lasting, taking=None, after=None)

    def taken_up_to(self, id_: str) -> None:
        """To be called where rows are taken in order of ids: after a kill a run goes on behind this one."""
        self.bookmark.move(taking=self._what, after=id_)

    @cached_property
    def _what(self) -> str:
        """Names the files to be read, and their states."""
        return _digest(json.dumps(self._new))


def _present(job: Job, path: str) -> dict[str, State]:
    """The files of a folder or a Delta table; a file itself as ALONE."""
    files, spark = job.lake.files, job.lake.spark
    try:
        if not files.exists(path):
            return {}
        if not files.is_folder(path):
            return {ALONE: files.state(path)}
        if job.settings.input.format in ("auto", "delta") and files.exists(f"{path}/_delta_log"):
            found = delta_files(spark, snapshot_at(spark, path)).select("path", "size", "modificationTime")
            return {name: [size, written] for name, size, written in sorted(found.collect())}
        # The one form of Spark's that is about files; what they hold is not read.
        reader = spark.read.format("binaryFile").option("recursiveFileLookup", True)
        written = F.unix_millis("modificationTime")
        found = reader.load(Source(path).places).select("path", "length", written)
        base = files.qualified(path).rstrip("/") + "/"
        named = ((place.removeprefix(base), state) for place, *state in sorted(found.collect()))
        # Of folders within it Spark reads those named as day=1.
        return {name: state for name, state in named if all("=" in part for part in name.split("/")[:-1])}
    except (AnalysisException, IllegalArgumentException, Py4JJavaError):
        # Reading tells what is wrong.
        return {}


def _said_of_input(job: Job) -> tuple[str, str]:
    """The settings of input, and what input.labels holds."""
    given = job.settings.input
    labels = read_labels(job.lake.files, given.labels) if given.labels else {}
    return given.model_dump_json(), json.dumps(labels, sort_keys=True)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
