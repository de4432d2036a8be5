"""Two jobs at once, ranks that die, and as many ranks as one likes: long tests.

One scenario, told in the order it happens.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from adc import load_bundle
from adc.lookup_server.server import LookupServer
from adc.samples import SampleTweet
from tests.end_to_end.submit import PATIENCE, Submitter, table, until

pytestmark = [pytest.mark.spark, pytest.mark.slow]

# Twenty steps, nothing drawn at random but the start, which is rank 0's.
TWENTY_STEPS = (
    *("--set", "train.epochs=1", "--set", "train.batch_size=61"),
    *("--set", "model.dropout=0", "--set", "model.output_dropout=0", "--set", "model.evidence_dropout=0"),
    *("--set", "model.units=16", "--set", "model.embedding=16"),
)


def test_two_scrapes_at_once_leave_each_id_once(
    submit: Submitter, corpus: list[SampleTweet], corpus_file: Path, serve: Callable[..., LookupServer]
) -> None:
    server = serve(latency=0.2, error_rate=0.1, drip_rate=0.02, drip_seconds=1)
    arguments = [
        "--ids",
        str(corpus_file),
        "--set",
        f"scrape.url={server.url}",
        "--set",
        "scrape.batch_size=50",
    ]
    waves = ["--set", "scrape.in_flight=2", "--set", "scrape.wave_seconds=2"]
    both = [submit.start("scrape", *arguments, *waves) for _ in range(2)]
    outputs = [process.communicate(timeout=PATIENCE)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert table(submit.lake, "raw_tweets", ["id", "dialect", "text"]) == sorted(corpus)


def test_two_cleans_at_once_lose_nothing(submit: Submitter, corpus: list[SampleTweet]) -> None:
    both = [submit.start("clean") for _ in range(2)]
    outputs = [process.communicate(timeout=PATIENCE)[0] for process in both]
    # One of them may give up, saying that the other is at it; whoever goes on finishes.
    assert 0 in [process.returncode for process in both], outputs
    assert submit("clean").status == 0
    usable = [row[0] for row in table(submit.lake, "clean_tweets", ["id"])]
    refused = [row[0] for row in table(submit.lake, "quarantine", ["row_key"])]
    assert sorted(usable + refused) == sorted(tweet.id for tweet in corpus)


def test_two_scores_at_once_leave_each_tweet_once(
    submit: Submitter, corpus: list[SampleTweet], corpus_file: Path
) -> None:
    both = [submit.start("score", "--input", str(corpus_file)) for _ in range(2)]
    outputs = [process.communicate(timeout=PATIENCE)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    scored = table(submit.lake, "predictions", ["id", "dialect", "note"])
    assert [row[0] for row in scored] == sorted(tweet.id for tweet in corpus)
    assert all((dialect is None) != (note is None) for _, dialect, note in scored)


def test_one_rank_and_two_learn_the_same(submit: Submitter) -> None:
    for ranks in (1, 2):
        run = submit(
            "train", *TWENTY_STEPS, "--set", f"train.num_proc={ranks}", "--set", f"train.name=on{ranks}"
        )
        assert run.status == 0, run.output
    one, two = (load_bundle(submit.lake / "models" / f"on{ranks}").weights for ranks in (1, 2))
    assert one.keys() == two.keys()
    for name in one:
        # Word vectors are kept in half precision: one step of it apart, at most.
        apart = 5e-5 if one[name].dtype == np.float16 else 1e-5
        np.testing.assert_allclose(one[name].astype(float), two[name].astype(float), atol=apart, err_msg=name)


def rank_processes(driver: "subprocess.Popen[str]") -> list[psutil.Process]:
    """The processes that run Horovod's ranks under a driver, once they compute."""
    ranks = []
    for process in psutil.Process(driver.pid).children(recursive=True):
        # Of the many short-lived processes under a driver some end while they are looked at.
        with suppress(psutil.Error):
            if "horovod.spark.task.gloo_exec_fn" in " ".join(process.cmdline()):
                ranks.append(process)
    return ranks


def test_a_killed_rank_ends_the_run_with_an_error_and_the_next_run_trains(submit: Submitter) -> None:
    arguments = ("--set", "train.epochs=200", "--set", "train.batch_size=32", "--set", "train.name=killed")
    driver = submit.start("train", *arguments)
    until(lambda: bool(rank_processes(driver)), running=[driver], every=0.5)
    time.sleep(10)
    os.kill(rank_processes(driver)[-1].pid, signal.SIGKILL)
    killed_at = time.monotonic()
    output, _ = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 1, output
    assert "training failed" in output
    assert time.monotonic() - killed_at < 120
    assert not (submit.lake / "models" / "killed").exists()

    run = submit("train", "--set", "train.epochs=1", "--set", "train.name=killed")
    assert run.status == 0, run.output
    assert load_bundle(submit.lake / "models" / "killed").metrics["train"]["rows"] == run.counts["train"]
