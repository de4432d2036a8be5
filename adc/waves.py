"""The wave runner: rows still to do go through a transform, wave by wave, and each wave is committed.

A wave's result is written once to a staged file and committed from there, since a MERGE may read its
source twice; a kill costs at most the wave in flight and those that wait to be committed.
"""

import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame

from adc.bookmark import RUN_BESIDE, Bookmark
from adc.errors import RunError
from adc.job import ABANDONED_SECONDS, Job
from adc.progress import Progress
from adc.tables import Table

Transform = Callable[[DataFrame], DataFrame]
Commit = Callable[[DataFrame], Mapping[str, int]]

POLL_SECONDS = 0.05
# Waves that may wait to be committed: a kill costs these and the one in flight.
MOST_BEHIND = 4
# What Delta says of a stream that goes on from where the table's log or change feed has been cleared away.
CLEARED_AWAY = (
    "DELTA_LOG_FILE_NOT_FOUND",
    "DELTA_MISSING_FILES_UNEXPECTED_VERSION",
    "DELTA_MISSING_CHANGE_DATA",
    # A copy of the table from before the checkpoint has been put back.
    "DELTA_STREAMING_TRAILING_COMMIT_MISSING",
    "FAILED_READ_FILE.FILE_NOT_EXIST",
)
# And where the table has lost columns that it had there, as by RESTORE.
OTHER_COLUMNS = ("DELTA_SCHEMA_CHANGED", "DELTA_STREAMING_INCOMPATIBLE_SCHEMA_CHANGE")


@dataclass
class Waves:
    """Runs a stage's `transform` (rows to do → results) and `commit` (staged results → counts).

    The progress line shows `measure()`, the rows done so far by kind, of `total`; without `measure`, the
    rows committed and Spark's tasks. Where there is a `bookmark`, it is held while a wave is committed.
    """

    job: Job
    transform: Transform
    commit: Commit
    measure: Callable[[], Mapping[str, int]] | None = None
    total: int | None = None
    bookmark: Bookmark | None = None

    def run(self, waves: Iterable[DataFrame], tail: Callable[[], bool] = lambda: False) -> None:
        """Transforms one wave while those before it are committed, in their order.

        `tail` tells that so little of a wave is left that the next one is to begin beside it.
        """
        commits: deque[Future[None]] = deque()
        with (
            self.progress(),
            ThreadPoolExecutor(1, thread_name_prefix="commit") as committer,
            ThreadPoolExecutor(2, thread_name_prefix="stage") as stagers,
        ):
            try:
                for number, rows in enumerate(waves):
                    staged = stagers.submit(self._stage_in_pool, number, rows)
                    before = commits[-1] if commits else None
                    commits.append(committer.submit(self._commit_in_pool, staged, before))
                    while not (staged.done() or tail()):
                        wait([staged], POLL_SECONDS)
                    while commits and (commits[0].done() or len(commits) > MOST_BEHIND):
                        commits.popleft().result()
                while commits:
                    commits.popleft().result()
            finally:
                for commit in commits:
                    commit.cancel()

    def stream(self, source: Table, target: Table, rules: str, kind: str = "all", anew: bool = False) -> None:
        """Takes what is new or changed in `source` since the last run into `target`, or all of it `anew`.

        `rules` name whatever decides a row's fate: all is taken, too, where the last run of this `kind` was
        under others, and where the table no longer keeps what came after it.
        """
        lake = self.job.lake
        lake.ensure(target)
        self.bookmark = bookmark = self._bookmark(source, target, rules, kind)
        noted = None if anew else bookmark.noted()
        if noted is None:
            self.job.say("a full pass: no earlier run over these tables under these settings is known")
        feed = lake.changes(source)
        try:
            self._stream(feed, bookmark, noted)
        except Exception as error:
            other_columns = any(sign in str(error) for sign in OTHER_COLUMNS)
            if other_columns and lake.changes(source).schema != feed.schema:
                raise RunError("the table got other columns meanwhile; run the same command again") from None
            if noted is None or not (other_columns or any(sign in str(error) for sign in CLEARED_AWAY)):
                raise
            self.job.say(
                "a full pass: the table's columns are others than when the last run read it"
                if other_columns
                else "a full pass: what changed since the last run is no longer in the table's log "
                "(it is kept as long as delta.logRetentionDuration and VACUUM say)"
            )
            self._stream(lake.changes(source), bookmark, None)
        if bookmark.noted() is None:
            self.job.say(RUN_BESIDE)

    def foretell(
        self,
        number: int,
        tweets: str,
        source: Table,
        target: Table,
        rules: str,
        kind: str = "all",
        anew: bool = False,
    ) -> None:
        """Says in a dry run which of so many `tweets` in `source` `stream` would take."""
        known = not anew and self.job.lake.exists(target)
        goes_on = known and self._bookmark(source, target, rules, kind).noted() is not None
        which = "those that are new or changed since the last run" if goes_on else "all"
        self.job.say(f"dry run: of {number:,} {tweets} {which} would be taken")

    def _bookmark(self, source: Table, target: Table, rules: str, kind: str) -> Bookmark:
        lake = self.job.lake
        return Bookmark(lake.files, f"{lake.between(source, target)}/{kind}/bookmark", rules)

    def _stream(self, source: DataFrame, bookmark: Bookmark, noted: Mapping[str, str] | None) -> None:
        """Goes on from the checkpoint that is noted, or begins another: a run beside may use the last."""
        folder, files = bookmark.place.rpartition("/")[0], self.job.lake.files
        own = noted or {"checkpoint": uuid.uuid4().hex[:8]}
        checkpoint = f"{folder}/{own['checkpoint']}"
        # So that nobody takes it for abandoned.
        files.write_text(f"{checkpoint}/alive", "")
        bookmark.begin(relying=noted is not None, **own)
        if noted is None:
            files.delete_abandoned(folder, ABANDONED_SECONDS)
        failures: list[Exception] = []

        def take(rows: DataFrame, number: int) -> None:
            try:
                self._commit(self._stage(number, rows))
            except Exception as error:
                failures.append(error)
                raise

        writer = source.writeStream.foreachBatch(take).option("checkpointLocation", checkpoint)
        with self.progress():
            query = writer.trigger(availableNow=True).start()
            try:
                query.awaitTermination()
            except StreamingQueryException as error:
                if failures:
                    raise failures[0] from None
                if "CONCURRENT_STREAM_LOG_UPDATE" in str(error):
                    raise RunError("another run is working on the same input; it will finish it") from None
                raise
            finally:
                query.stop()

    def progress(self) -> Progress:
        """The line that is shown while waves run."""
        if self.measure:
            return Progress(self.job.stage, self.measure, total=self.total)
        # Rows count once they are committed, which may be all at once.
        counts = self.job.counts
        return Progress(
            self.job.stage, lambda: {"rows": counts["input"]}, total=self.total, beside=self._tasks
        )

    def _tasks(self) -> str:
        """How many tasks of what Spark is doing are done."""
        tracker = self.job.lake.spark.sparkContext.statusTracker()
        stages = [stage for id_ in tracker.getActiveStageIds() if (stage := tracker.getStageInfo(id_))]
        done, tasks = sum(s.numCompletedTasks for s in stages), sum(s.numTasks for s in stages)
        return f"{done:,} of {tasks:,} Spark tasks done" if tasks else ""

    def _stage(self, number: int, rows: DataFrame) -> str:
        path = f"{self.job.staging}/wave-{number:06d}"
        self.transform(rows).write.mode("overwrite").parquet(path)
        return path

    def _stage_in_pool(self, number: int, rows: DataFrame) -> str:
        # So the next wave gets the first slot that is free, not the last.
        self._use_pool(f"wave-{number % 2}")
        return self._stage(number, rows)

    def _commit_in_pool(self, staged: Future[str], before: Future[None] | None) -> None:
        if before:
            before.result()  # after a commit that failed there is none
        path = staged.result()
        # So it does not wait for all of the next wave's tasks.
        self._use_pool("commit")
        self._commit(path)

    def _use_pool(self, name: str) -> None:
        """Spark's FAIR scheduler shares slots among the pools that this and other threads name."""
        self.job.lake.spark.sparkContext.setLocalProperty("spark.scheduler.pool", name)

    def _commit(self, staged: str) -> None:
        with self.bookmark.held() if self.bookmark else nullcontext():
            counts = self.commit(self.job.lake.spark.read.parquet(staged))
        self.job.count(**counts)
        files = self.job.lake.files
        # Of a run's staged files the newest tells that it lives; some are written once and read for days.
        files.write_text(f"{self.job.staging}/alive", "")
        files.delete(staged)
