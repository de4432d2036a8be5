"""A job killed in the middle, run again, ends in the tables of one that was never killed.

One scenario, told in the order it happens.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from adc.model.bundle import Bundle, load_bundle
from adc.samples import SampleTweet
from adc.scraping.server import LookupServer
from tests.end_to_end.submit import Submitter, table

pytestmark = pytest.mark.spark


def test_scrape_killed_between_two_waves(
    submit: Submitter, corpus: list[SampleTweet], corpus_file: Path, serve: Callable[..., LookupServer]
) -> None:
    server = serve(latency=0.1)
    arguments = ["--ids", str(corpus_file), "--set", f"scrape.url={server.url}"]
    # Requests of ten ids, waves of a second: the kill falls between the first commit and the end.
    small = ["--set", "scrape.batch_size=10", "--set", "scrape.in_flight=2", "--set", "scrape.wave_seconds=1"]
    committed = lambda: len(list((submit.lake / "raw_tweets" / "_delta_log").glob("*.json"))) >= 2  # noqa: E731
    submit.kill_when("scrape", *arguments, *small, reached=committed)
    kept = len(table(submit.lake, "raw_tweets", ["id"]))
    assert 0 < kept < len(corpus)

    run = submit("scrape", *arguments)

    assert run.status == 0, run.output
    assert (run.counts["already"], run.counts["found"]) == (kept, len(corpus) - kept)
    assert table(submit.lake, "raw_tweets", ["id", "dialect", "text"]) == sorted(corpus)


def test_clean_killed_while_it_writes(submit: Submitter, corpus: list[SampleTweet]) -> None:
    submit.kill_when("clean", reached=submit.staged_wave("clean"))
    run = submit("clean")
    assert run.status == 0, run.output
    usable = {row[0] for row in table(submit.lake, "clean_tweets", ["id"])}
    refused = {row[0] for row in table(submit.lake, "quarantine", ["row_key"])}
    assert usable | refused == {tweet.id for tweet in corpus}
    assert not usable & refused


def test_training_killed_after_an_epoch_goes_on_there(submit: Submitter) -> None:
    logs = submit.lake.parent / "logs"
    arguments = ("--set", "train.epochs=4", "--set", f"train.tensorboard={logs}")
    checkpoint = lambda: any(submit.lake.glob("_staging/train-*/checkpoints-*/epoch-00002.npz"))  # noqa: E731
    # A person who watches has been told of the first epoch when the second is done.
    assert "epoch 1 of 4 done" in submit.kill_when("train", *arguments, reached=checkpoint)
    run = submit("train", *arguments)
    assert run.status == 0, run.output
    assert "going on after epoch" in run.output
    bundle = load_bundle(submit.lake / "models" / "adc")
    assert [row["epoch"] for row in bundle.history] == [1, 2, 3, 4]
    assert not any(submit.lake.glob("_staging/train-*"))
    assert len(list(logs.glob("train-*/events.*"))) == 2


def test_score_killed_while_it_writes(submit: Submitter, tiny_bundle: Bundle) -> None:
    bundle = submit.lake / "models" / "tiny"
    tiny_bundle.save(bundle)
    submit.kill_when("score", "--bundle", str(bundle), reached=submit.staged_wave("score"))
    run = submit("score", "--bundle", str(bundle))
    assert run.status == 0, run.output
    scored = table(submit.lake, "predictions", ["id"])
    assert scored == table(submit.lake, "clean_tweets", ["id"])
