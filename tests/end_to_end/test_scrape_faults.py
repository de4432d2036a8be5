"""What breaks in the middle of a scrape: the same command, run again, ends with every text. Long tests."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from adc.lookup_server.faults import Behaviour
from adc.lookup_server.server import LookupServer
from adc.samples import SampleTweet
from tests.end_to_end.submit import PATIENCE, Submitter, table, until

pytestmark = [pytest.mark.spark, pytest.mark.slow]

SMALL = ("--set", "scrape.batch_size=20", "--set", "scrape.in_flight=4", "--set", "scrape.wave_seconds=3")


@pytest.fixture
def submit(tmp_path: Path) -> Submitter:
    return Submitter(tmp_path / "lake")


def arguments(server: LookupServer, corpus_file: Path) -> tuple[str, ...]:
    return ("--ids", str(corpus_file), "--set", f"scrape.url={server.url}", *SMALL)


def complete(submit: Submitter, corpus: list[SampleTweet]) -> None:
    assert table(submit.lake, "raw_tweets", ["id", "dialect", "text"]) == sorted(corpus)
    assert {row[0] for row in table(submit.lake, "raw_tweets", ["status"])} == {"found"}


def processes(driver: int, sign: str) -> list[psutil.Process]:
    found = []
    for process in psutil.Process(driver).children(recursive=True):
        with suppress(psutil.Error):
            if sign in " ".join(process.cmdline()):
                found.append(process)
    return found


def looks_up(process: psutil.Process, server: LookupServer) -> bool:
    """Whether it is in the middle of a task: connected to the server, as no daemon and no idle worker is."""
    ports = {connection.raddr.port for connection in process.net_connections() if connection.raddr}
    return urlsplit(server.url).port in ports


def suspended_worker(driver: int, server: LookupServer) -> psutil.Process:
    """A Python worker, suspended in the middle of a task."""
    suspended: list[psutil.Process] = []

    def found() -> bool:
        for process in processes(driver, "pyspark.daemon"):
            with suppress(psutil.Error):
                if looks_up(process, server):
                    process.suspend()
                    if looks_up(process, server):
                        suspended.append(process)
                        return True
                    process.resume()  # the task has just ended
        return False

    until(found)
    return suspended[0]


def executor(driver: int, server: LookupServer) -> psutil.Process:
    return processes(driver, "CoarseGrainedExecutorBackend")[-1]


@pytest.mark.parametrize("victim", [suspended_worker, executor])
def test_a_killed_worker_or_executor_costs_the_run_nothing(
    submit: Submitter,
    corpus: list[SampleTweet],
    corpus_file: Path,
    serve: Callable[..., LookupServer],
    victim: Callable[[int, LookupServer], psutil.Process],
) -> None:
    server = serve(latency=0.6)  # so that much is still to be asked once a victim is found
    cluster = replace(submit, options=("--master", "local-cluster[2,1,1024]"))
    driver = cluster.start("scrape", *arguments(server, corpus_file))
    until(lambda: server.statistics.requests > 30)
    victim(driver.pid, server).kill()
    output, _ = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 0, output
    complete(submit, corpus)


def test_the_task_of_a_worker_that_hangs_is_started_anew(
    submit: Submitter, corpus: list[SampleTweet], corpus_file: Path, serve: Callable[..., LookupServer]
) -> None:
    server = serve(latency=0.6)  # so that much is still to be asked once a victim is found
    cluster = replace(submit, options=("--master", "local-cluster[2,1,1024]"))
    driver = cluster.start("scrape", *arguments(server, corpus_file))
    until(lambda: server.statistics.requests > 30)
    # It may hold all turns of the job, or none.
    hanging = suspended_worker(driver.pid, server)
    try:
        output, _ = driver.communicate(timeout=PATIENCE)
    finally:
        with suppress(psutil.Error):
            hanging.kill()
    assert driver.returncode == 0, output
    complete(submit, corpus)


def test_a_driver_killed_between_an_answer_and_its_commit(
    submit: Submitter, corpus: list[SampleTweet], corpus_file: Path, serve: Callable[..., LookupServer]
) -> None:
    server = serve()
    staged = lambda: any(submit.lake.glob("_staging/scrape-*/wave-*/_SUCCESS"))  # noqa: E731
    submit.kill_when("scrape", *arguments(server, corpus_file), reached=staged)
    kept = len(table(submit.lake, "raw_tweets", ["id"]))
    assert kept < len(corpus)
    run = submit("scrape", *arguments(server, corpus_file))
    assert (run.status, run.counts["already"]) == (0, kept), run.output
    complete(submit, corpus)


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (Behaviour(token="renewed"), "HTTP 401"),
        (Behaviour(token="good", latency=3600), "tries in a row failed, the last: ReadTimeout"),
    ],
    ids=["the token expires", "the server stops answering"],
)
def test_an_api_that_turns_away_in_the_middle_stops_the_run(
    submit: Submitter,
    corpus: list[SampleTweet],
    corpus_file: Path,
    serve: Callable[..., LookupServer],
    monkeypatch: pytest.MonkeyPatch,
    after: Behaviour,
    reason: str,
) -> None:
    before = Behaviour(token="good", latency=0.2)
    server = serve(token="good", latency=0.2)
    monkeypatch.setenv("ADC_SCRAPE__TOKEN", "good")
    patience = ("--set", "scrape.timeout=1", "--set", "scrape.max_attempts=2")
    driver = submit.start("scrape", *arguments(server, corpus_file), *patience)
    until(lambda: server.statistics.requests > 20)
    server.behaviour = after
    output, _ = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 1, output
    assert reason in output
    assert "good" not in output
    rows = table(submit.lake, "raw_tweets", ["id", "dialect", "text", "status"])
    assert 0 < len(rows) < len(corpus)
    # What was learnt before is kept, and nothing is known of the rest.
    assert {row[:3] for row in rows if row[3] == "found"} <= set(corpus)
    assert len([row for row in rows if row[3] == "found"]) >= 20

    server.behaviour = before
    run = submit("scrape", *arguments(server, corpus_file), "--retry", "failed")
    assert run.status == 0, run.output
    complete(submit, corpus)


def test_a_disk_that_is_full_fails_the_run_and_loses_nothing(
    submit: Submitter, corpus: list[SampleTweet], corpus_file: Path, serve: Callable[..., LookupServer]
) -> None:
    server = serve()
    # No file may grow over 24 kB: as on a full disk, writing fails in the middle of a file.
    full = replace(submit, prefix=("prlimit", "--fsize=24576"))
    run = full("scrape", *arguments(server, corpus_file))
    assert run.status == 1, run.output
    again = submit("scrape", *arguments(server, corpus_file))
    assert again.status == 0, again.output
    complete(submit, corpus)
