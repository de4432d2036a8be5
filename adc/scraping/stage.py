"""The scrape stage: a list of tweet ids in, the last known outcome of every id in `raw_tweets`."""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from adc.archives import id_rows, read_archive
from adc.errors import RunError, UsageError
from adc.job import Job
from adc.samples import write_sample_corpus
from adc.scraping.fetch import STATUSES, Fetcher
from adc.scraping.policy import Policy
from adc.scraping.server import LookupServer, load_corpus
from adc.scraping.worklist import WorkList, plan
from adc.tables import QUARANTINE, RAW_TWEETS
from adc.waves import Waves

RETRYABLE = ("missing", "failed")
# Ids of the first wave, from whose time the next ones are sized, in batches a request under way.
FIRST_WAVE_BATCHES = 4
# The work list is cut at this many quantiles at most; a wave takes as many of these slices as fit its time.
SLICES = 2000
EXAMPLES = 3
# A wave's parts for each task that runs at once: progress is known at the end of a part.
PARTS_A_SLOT = 4


def scrape(job: Job, ids: str | None = None, retry: Sequence[str] = (), limit: int | None = None) -> None:
    """Asks the API for every id of the list that has no outcome yet, or one that `retry` names.

    Without `ids` and `scrape.url`, the sample corpus is served and looked up for the job's life.
    Raises UsageError for a list that cannot be read, RunError when the API refuses this client.
    """
    wrong = sorted(set(retry) - set(RETRYABLE))
    if wrong:
        raise UsageError(f"--retry {','.join(wrong)}: only {' and '.join(RETRYABLE)} can be asked again")
    with _api(job, ids) as (url, path):
        rows = id_rows(read_archive(job.lake.spark, path, job.settings.input), path, job.settings.input)
        work = plan(rows, job.lake.read(RAW_TWEETS), retry)
        work.checked.cache()
        try:
            _report(job, work)
            if job.dry_run:
                job.say(f"dry run: {work.to_ask.count():,} ids would be asked of {url}")
                return
            _keep_labels(job, work)
            _ask(job, work, url, limit)
        finally:
            # What is cached answers for the file by its name, also to a later run in this process.
            work.checked.unpersist()
    job.wrote(RAW_TWEETS, QUARANTINE)
    for table in (RAW_TWEETS, QUARANTINE):
        job.lake.compact(table)


@contextmanager
def _api(job: Job, ids: str | None) -> Iterator[tuple[str, str]]:
    """(address of the API, path of the id list): the user's, or those of an embedded server."""
    url = job.settings.scrape.url
    if url and ids:
        yield url, ids
        return
    if url:
        raise UsageError("--ids PATH is needed: the list of tweet ids to look up at scrape.url")
    if ids:
        raise UsageError("scrape.url is not set: the address of the API to look the ids up at")

    with tempfile.TemporaryDirectory(prefix="adc-sample-") as folder:
        corpus = Path(folder) / "sample_corpus.csv"
        write_sample_corpus(corpus, seed=job.settings.seed)
        with LookupServer(load_corpus(corpus)) as server:
            job.say(f"neither --ids nor scrape.url: the sample corpus at an embedded server, {server.url}")
            yield server.url, f"file://{corpus}"


def _report(job: Job, work: WorkList) -> None:
    """Counts the input and shows what is wrong with it."""
    figures = work.checked.agg(
        F.coalesce(F.sum("occurrences"), F.lit(0)).alias("input"),
        F.coalesce(F.sum(F.when(F.col("id_num").isNull(), F.col("occurrences"))), F.lit(0)).alias("invalid"),
        F.coalesce(F.sum(F.when(F.col("id_num").isNotNull(), F.col("occurrences") - 1)), F.lit(0)).alias(
            "duplicate"
        ),
        F.count("id_num").alias("usable"),
    ).first()
    assert figures is not None
    asked = work.to_ask.count()
    job.count(input=figures["input"], invalid=figures["invalid"], duplicate=figures["duplicate"])
    job.count(already=figures["usable"] - asked, asked=asked, found=0, missing=0, failed=0, unasked=0)
    for reason in ("invalid_id", "two_labels"):
        examples = [
            row["id"] for row in work.checked.where(F.col("reason") == reason).orderBy("id").take(EXAMPLES)
        ]
        if examples:
            job.say(f"{reason}: for example {', '.join(map(repr, examples))}; all are in quarantine")


def _keep_labels(job: Job, work: WorkList) -> None:
    """Quarantines what is wrong with the list and takes labels that were not there before."""
    unusable = work.checked.where("reason IS NOT NULL").select(
        F.col("id").alias("row_key"),
        "reason",
        F.to_json(F.struct("id", "labels", "occurrences")).alias("payload"),
    )
    conflicts = work.conflict.select(
        F.col("id").alias("row_key"),
        F.lit("label_conflict").alias("reason"),
        F.to_json(F.struct("id", "dialect", "known_dialect")).alias("payload"),
    )
    refused = unusable.unionByName(conflicts).select(
        F.lit(job.stage).alias("stage"),
        "*",
        F.lit(job.run_id).alias("run_id"),
        F.lit(job.started_at).alias("at"),
    )
    staged = f"{job.staging}/refused"
    # A key once: an id with two labels may contradict a known one as well.
    refused.dropDuplicates(["row_key"]).write.parquet(staged)
    job.lake.ensure(RAW_TWEETS)
    job.lake.merge(
        QUARANTINE,
        job.lake.spark.read.parquet(staged),
        update_if="old.reason <> new.reason OR NOT (old.payload <=> new.payload)",
        bounded_by="row_key",
    )
    relabel = f"{job.staging}/relabel"
    work.relabel.write.parquet(relabel)
    job.lake.merge(
        RAW_TWEETS,
        job.lake.spark.read.parquet(relabel),
        update={"dialect": "new.dialect"},
        update_if="old.dialect IS NULL",
        insert=False,
        bounded_by="id_num",
    )


def _ask(job: Job, work: WorkList, url: str, limit: int | None) -> None:
    staged = f"{job.staging}/work"
    in_order = work.to_ask.orderBy("id_num")
    (in_order if limit is None else in_order.limit(limit)).write.parquet(staged)
    todo = job.lake.spark.read.parquet(staged)
    context = job.lake.spark.sparkContext
    done = {status: context.accumulator(0) for status in STATUSES}
    scrape_settings = job.settings.scrape
    slots = context.defaultParallelism
    tasks = min(slots, scrape_settings.in_flight)
    # Each part paces itself from its own start: only as many as run at once keep a rate.
    whole = tasks < slots or scrape_settings.rate_limit
    parts = tasks if whole else PARTS_A_SLOT * slots
    fetcher = Fetcher(
        url=url,
        token=scrape_settings.token.get_secret_value() if scrape_settings.token else None,
        batch_size=scrape_settings.batch_size,
        # At most `tasks` of the parts are at work at once, so that these shares keep the job's own limits.
        in_flight=scrape_settings.in_flight // tasks,
        rate=scrape_settings.rate_limit / tasks,
        timeout=scrape_settings.timeout,
        max_body=scrape_settings.max_body,
        policy=Policy(scrape_settings.max_attempts),
        run_id=job.run_id,
        progress=done,
    )

    def fetch(ids: DataFrame) -> DataFrame:
        spread = ids.repartitionByRange(parts, "id_num").sortWithinPartitions("id_num")
        return fetcher.fetch(spread)

    def commit(outcomes: DataFrame) -> Mapping[str, int]:
        return commit_outcomes(job, outcomes)

    first = FIRST_WAVE_BATCHES * scrape_settings.in_flight * scrape_settings.batch_size

    def measure() -> Mapping[str, int]:
        return {status: counter.value for status, counter in done.items()}

    try:
        waves = Waves(job, fetch, commit, measure, total=todo.count())
        waves.run(waves_in_id_order(todo, first, scrape_settings.wave_seconds))
    finally:
        judged = sum(job.counts[status] for status in ("found", "missing", "failed"))
        job.counts["unasked"] = job.counts["asked"] - judged


def waves_in_id_order(todo: DataFrame, first: int, seconds: float) -> Iterator[DataFrame]:
    """Cuts a work list into waves that should take `seconds` each, the first of `first` ids.

    Waves are ranges of ids, so that a MERGE can be told which part of the table it may touch.
    """
    total = todo.count()
    if not total:
        return
    slices = max(1, min(SLICES, total // max(1, first)))
    shares = [number / slices for number in range(1, slices)]
    cuts = []
    if shares:
        found = todo.agg(F.percentile_approx("id_num", shares, 100 * SLICES)).first()
        cuts = sorted(set(found[0])) if found else []
    bounds = [0, *cuts, 2**63 - 1]
    position, size = 0, 1
    while position < len(bounds) - 1:
        low, high = bounds[position], bounds[min(position + size, len(bounds) - 1)]
        started = time.monotonic()
        yield todo.where((F.col("id_num") > low) & (F.col("id_num") <= high))
        position += size
        pace = seconds / max(0.001, time.monotonic() - started)
        # At most fourfold at a time: the first waves also pay for Spark's start.
        size = max(1, int(size * min(4.0, pace)))


def commit_outcomes(job: Job, outcomes: DataFrame) -> Mapping[str, int]:
    """MERGEs a wave's outcomes into raw_tweets, where a row only improves, and counts them by status.

    Raises RunError, after what was learnt has been committed, if the API refused this client.
    """
    counts = {row["status"]: row["count"] for row in outcomes.groupBy("status").count().collect()}
    job.lake.merge(
        RAW_TWEETS,
        outcomes.where("status <> 'unasked'"),
        update={
            name: f"new.{name}" for name in ("status", "text", "http_status", "error", "fetched_at", "run_id")
        }
        | {"dialect": "coalesce(old.dialect, new.dialect)", "attempts": "old.attempts + new.attempts"},
        # The run's own row is there already when a commit is tried again after it went through.
        update_if="old.run_id <> new.run_id AND "
        "(old.status = 'failed' OR (old.status = 'missing' AND new.status <> 'failed'))",
        bounded_by="id_num",
    )
    refusal = outcomes.where("status = 'unasked'").select("error").first()
    if refusal:
        job.count(**{status: number for status, number in counts.items() if status != "unasked"})
        raise RunError(
            f"the API at scrape.url refused to serve: {refusal['error']}. "
            "Check the address and, for 401 or 403, the token in ADC_SCRAPE__TOKEN; then run the same again"
        )
    return {status: number for status, number in counts.items() if status != "unasked"}
