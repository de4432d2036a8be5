"""All five stages on two worker hosts that get their Python from spark-submit, each host cut off in between.

One scenario, told in the order it happens.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adc import load_bundle
from adc.samples import sample_corpus, write_sample_corpus
from tests.end_to_end.hosts import ROOT, SHARED, Host, Hosts, lacking
from tests.end_to_end.submit import Run, table, until

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.cluster]

ROWS = 1500
# A job goes on without a host that is cut off, or fails, within this time (seconds).
GIVEN_UP = 120


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    if reason := lacking():
        pytest.skip(f"the rehearsal on several hosts {reason}")
    subprocess.run(["deploy/pack.sh"], cwd=ROOT, check=True)
    hosts = Hosts(tmp_path_factory.mktemp("hosts"), ROOT / "dist" / "adc-env.tar.gz")
    try:
        write_sample_corpus(hosts.shared / "corpus.csv", ROWS, seed=7)
        yield hosts
    finally:
        hosts.close()


@pytest.fixture(scope="module")
def lake(hosts: Hosts) -> Path:
    return hosts.shared / "lake"


def ended(hosts: Hosts, job: "subprocess.Popen[str]", within: float = 300) -> Run:
    """Waits for a job on the head; its summary is not looked at."""
    stage = next(word for word in job.args if word.startswith("jobs/"))[len("jobs/") : -len(".py")]
    try:
        status = job.wait(within)
    except subprocess.TimeoutExpired:
        hosts.head.kill()
        pytest.fail(f"{stage} is not over in {within:.0f} s\n{hosts.logs()}")
    return Run(status, None, hosts.output(stage).read_text(encoding="utf-8"))


def done(hosts: Hosts, job: "subprocess.Popen[str]") -> None:
    run = ended(hosts, job)
    assert run.status == 0, f"{run.output}\n{hosts.logs()}"


def staged(lake: Path, stage: str) -> bool:
    return any(lake.glob(f"_staging/{stage}-*/wave-*"))


def back(hosts: Hosts, host: Host) -> None:
    """A host that was cut off comes back as one that was started anew."""
    host.kill()
    host.link("up")
    hosts.start_worker(host)


def test_a_scrape_goes_on_when_a_host_is_unplugged(hosts: Hosts, lake: Path) -> None:
    url = hosts.serve(hosts.shared / "corpus.csv", "--latency", "0.5")
    small = (
        "--set",
        "scrape.batch_size=25",
        "--set",
        "scrape.in_flight=2",
        "--set",
        "scrape.wave_seconds=20",
    )
    # As behind a firewall with few open ports.
    fixed = ("--set", "scrape.gate_port=7099")
    scrape = hosts.submit(
        "scrape", "--ids", f"{SHARED}/corpus.csv", "--set", f"scrape.url={url}", *small, *fixed
    )
    until(lambda: staged(lake, "scrape"), 180, [scrape])
    time.sleep(3)
    hosts.workers[1].link("down")
    done(hosts, scrape)
    back(hosts, hosts.workers[1])
    assert table(lake, "raw_tweets", ["id", "dialect", "text"]) == sorted(sample_corpus(ROWS, seed=7))


def test_both_hosts_clean(hosts: Hosts, lake: Path) -> None:
    done(hosts, hosts.submit("clean"))
    usable = [row[0] for row in table(lake, "clean_tweets", ["id"])]
    refused = [row[0] for row in table(lake, "quarantine", ["row_key"])]
    assert sorted(usable + refused) == sorted(tweet.id for tweet in sample_corpus(ROWS, seed=7))


def ranks(host: Host) -> bool:
    return any("horovod.spark.task.gloo_exec_fn" in command for command in host.processes().values())


def test_training_fails_in_time_when_a_rank_s_host_is_unplugged_and_works_again(
    hosts: Hosts, lake: Path
) -> None:
    training = hosts.submit("train", "--set", "train.epochs=200", "--set", "train.batch_size=32")
    until(lambda: all(ranks(host) for host in hosts.workers), 180, [training], every=0.1)
    until(lambda: "epoch 1 of" in hosts.output("train").read_text(encoding="utf-8"), 120, [training])
    hosts.workers[1].link("down")
    run = ended(hosts, training, GIVEN_UP)
    assert run.status == 1, run.output
    assert "training failed" in run.output
    back(hosts, hosts.workers[1])

    done(hosts, hosts.submit("train", "--set", "train.epochs=2", "--set", "train.batch_size=32"))
    assert load_bundle(lake / "models" / "adc").metrics["train"]["rows"] > 0.7 * ROWS


def test_scoring_goes_on_when_a_host_loses_its_power(hosts: Hosts, lake: Path) -> None:
    score = hosts.submit("score", "--bundle", f"{SHARED}/lake/models/adc")
    until(lambda: staged(lake, "score"), 180, [score])
    hosts.workers[0].kill()
    done(hosts, score)
    back(hosts, hosts.workers[0])
    assert table(lake, "predictions", ["id"]) == table(lake, "clean_tweets", ["id"])


def test_the_report_is_made(hosts: Hosts, lake: Path) -> None:
    bundle = f"{SHARED}/lake/models/adc"
    done(hosts, hosts.submit("evaluate", "--bundle", bundle))
    (figures,) = json.loads((lake / "reports" / "test.json").read_text(encoding="utf-8")).values()
    assert figures["dialect"]["accuracy"] > 0.1
