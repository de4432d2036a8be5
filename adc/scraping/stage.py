"""The scrape stage: a list of tweet ids in, the last known outcome of every id in `raw_tweets`."""

import datetime
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark.sql import DataFrame

from adc.archives import Source, checked_archive, id_rows
from adc.errors import RunError, UsageError
from adc.job import Job
from adc.lookup_server.corpus import load_corpus
from adc.lookup_server.server import LookupServer
from adc.progress import duration
from adc.samples import write_sample_corpus
from adc.scraping.apis import APIS
from adc.scraping.fetch import Fetcher
from adc.scraping.gate import GateServer
from adc.scraping.id_order import WavesInIdOrder, first_wave, parted, placed
from adc.scraping.limiter import Limiter
from adc.scraping.listed import keep_labels, refuse_late_conflicts, report
from adc.scraping.lookup import UNREQUESTED
from adc.scraping.pace import STATUSES, Pace
from adc.scraping.policy import Policy
from adc.scraping.worklist import WorkList, plan
from adc.tables import QUARANTINE, RAW_TWEETS
from adc.waves import Waves

RETRYABLE = ("missing", "failed")


def scrape(job: Job, ids: str | None = None, retry: Sequence[str] = (), limit: int | None = None) -> None:
    """Asks the API for every id of the list that has no outcome yet, or one that `retry` names.

    Without `ids` and `scrape.url`, the sample corpus is served and looked up for the job's life.
    Raises UsageError for a list of no use, RunError when the API refuses this client.
    """
    wrong = sorted(set(retry) - set(RETRYABLE))
    if wrong:
        raise UsageError(f"--retry {','.join(wrong)}: only {' and '.join(RETRYABLE)} can be asked again")
    if limit is not None and limit < 0:
        raise UsageError(f"--limit {limit}: give 0 or more")
    api, size = job.settings.scrape.api, job.settings.scrape.batch_size
    most = APIS[api].largest_batch
    if size and size > most:
        raise UsageError(f"scrape.batch_size={size}: scrape.api={api} takes at most {most} ids a request")
    with _api(job, ids) as (url, path):
        rows, set_aside = checked_archive(job, Source(path), id_rows)
        since = job.lake.version(RAW_TWEETS) if job.lake.exists(RAW_TWEETS) else -1
        work = plan(rows, job.lake.read(RAW_TWEETS), retry)
        try:
            report(job, path, work)
            if job.dry_run:
                job.say(f"dry run: {_number(work.to_ask, limit):,} ids would be asked of {url}")
                return
            set_aside()
            keep_labels(job, work)
            _ask(job, work, url, limit)
            refuse_late_conflicts(job, work, since)
        finally:
            work.unpersist()
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


def _number(ids: DataFrame, limit: int | None) -> int:
    return ids.count() if limit is None else min(limit, ids.count())


def _ask(job: Job, work: WorkList, url: str, limit: int | None) -> None:
    """Asks for the ids in waves and commits each; raises RunError where the API does not serve them all."""
    todo = placed(work.to_ask, job.staging)
    total = _number(todo, limit)
    scrape_settings, size = job.settings.scrape, _batch_size(job)
    seconds, policy = scrape_settings.wave_seconds, Policy(scrape_settings.max_attempts)
    with _gate(job, policy) as gate:
        pace = Pace(gate, scrape_settings.in_flight * size, seconds)
        first = first_wave(size, scrape_settings.in_flight, scrape_settings.rate_limit, seconds)
        waves = WavesInIdOrder(total, first, size, seconds, pace.rate, pace.limited)

        def wave(places: range) -> DataFrame:
            parts = pace.parts(len(places), job.lake.spark.sparkContext.defaultParallelism)
            return parted(todo, places, parts, size).select("id", "id_num", "dialect")

        fetch = _fetcher(job, url, policy, gate).fetch
        try:
            Waves(job, fetch, lambda outcomes: commit_outcomes(job, outcomes), pace.by_status, total).run(
                map(wave, takewhile(lambda _: gate.stopped is None, waves)),
                tail=lambda: pace.nearly_done(waves.given),
            )
        finally:
            judged = sum(job.counts[status] for status in STATUSES)
            job.counts["unasked"] = job.counts["asked"] - judged
        _require_served(job, gate, total - judged)


def _batch_size(job: Job) -> int:
    return job.settings.scrape.batch_size or APIS[job.settings.scrape.api].largest_batch


def _gate(job: Job, policy: Policy) -> GateServer:
    """What gives the requests of all tasks their turns, from the driver."""
    scrape_settings, context = job.settings.scrape, job.lake.spark.sparkContext
    in_flight = scrape_settings.in_flight
    limiter = Limiter(scrape_settings.rate_limit, in_flight, policy.patience(in_flight))
    host = context.getConf().get("spark.driver.host") or "127.0.0.1"
    bind = context.getConf().get("spark.driver.bindAddress") or host

    def end(task: int) -> None:
        job.say("a look-up task gives no sign of life; it is started anew")
        # Spark kills its Python worker, whatever that is doing, starts the task anew and counts no failure.
        with suppress(Py4JError):  # without a JVM the job ends anyway
            context._jsc.sc().killTaskAttempt(task, True, "the look-up hangs")

    def tell_pause(seconds: float) -> None:
        until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
        job.say(f"the API's limit is reached: no request for {duration(seconds)}, until {until:%H:%M:%S} UTC")

    return GateServer(limiter, bind, host, scrape_settings.gate_port, end, tell_pause)


def _fetcher(job: Job, url: str, policy: Policy, gate: GateServer) -> Fetcher:
    scrape_settings = job.settings.scrape
    return Fetcher(
        api=scrape_settings.api,
        url=url,
        token=scrape_settings.token.get_secret_value() if scrape_settings.token else None,
        batch_size=_batch_size(job),
        in_flight=scrape_settings.in_flight,
        timeout=scrape_settings.timeout,
        max_body=scrape_settings.max_body,
        policy=policy,
        run_id=job.run_id,
        gate=gate.address,
        gate_key=gate.key,
        witness=_witness(job),
    )


def _witness(job: Job) -> str | None:
    """An id that the API has had, if any: whether it serves this one tells an outage from ids to blame."""
    row = job.lake.read(RAW_TWEETS).where("status = 'found'").select("id").first()
    return row["id"] if row else None


def _require_served(job: Job, gate: GateServer, unserved: int) -> None:
    """Says what the API answered unasked; raises RunError if it refused this client or some ids."""
    if unrequested := gate.counts.get(UNREQUESTED):
        job.count(unrequested=unrequested)
        job.say(f"the API answered {unrequested:,} ids that it was not asked for; they are ignored")
    if gate.stopped:
        raise RunError(
            f"the API at scrape.url refused to serve: {gate.stopped}. Check scrape.url, scrape.api, "
            "for 400 or 422 scrape.batch_size, and for 401 or 403 the token in ADC_SCRAPE__TOKEN; then "
            "run the same again, to go on"
        )
    if unserved > 0:
        raise RunError(
            f"the API at scrape.url served nothing while {unserved:,} ids were asked for, the last "
            f"time: {gate.failure}. They are left unasked; run the same again, to go on"
        )


def commit_outcomes(job: Job, outcomes: DataFrame) -> Mapping[str, int]:
    """MERGEs a wave's outcomes into raw_tweets, where a row only improves, and counts them by status."""
    # The run's own row is there already when a commit is tried again after it went through.
    better = (
        "old.run_id <> new.run_id AND "
        "(old.status = 'failed' OR (old.status = 'missing' AND new.status <> 'failed'))"
    )
    taken = ("status", "text", "http_status", "error", "fetched_at", "run_id")
    job.lake.merge(
        RAW_TWEETS,
        outcomes,
        update={name: f"if({better}, new.{name}, old.{name})" for name in taken}
        | {
            "dialect": "coalesce(old.dialect, new.dialect)",
            "attempts": f"old.attempts + if({better}, new.attempts, 0)",
        },
        # Another run may have committed the id meanwhile, without this list's label.
        update_if=f"({better}) OR (old.dialect IS NULL AND new.dialect IS NOT NULL)",
        bounded_by="id_num",
    )
    return {row["status"]: row["count"] for row in outcomes.groupBy("status").count().collect()}
