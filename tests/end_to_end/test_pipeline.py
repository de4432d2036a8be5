"""Ids to a report by the five jobs, as a user runs them: one scenario, told in the order it happens.

Those that write tables or a model are each killed in the middle and run again; then there is nothing to do.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from adc import classify, load_bundle
from adc.lookup_server.server import LookupServer
from adc.samples import SampleTweet
from tests.end_to_end.submit import Run, Submitter, table

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def bundle(submit: Submitter) -> Path:
    return submit.lake / "models" / "tiny"


def settings(*pairs: str) -> list[str]:
    return [f"--set={pair}" for pair in pairs]


def done(run: Run) -> dict[str, int]:
    assert run.status == 0, run.output
    # The corpus has lines that end in \r\n, of which Spark warns, though they are read well.
    assert "CSV header" not in run.output
    return run.counts


def test_scrape_killed_between_two_waves_brings_every_text_through_faults(
    submit: Submitter, corpus: list[SampleTweet], corpus_file: Path, serve: Callable[..., LookupServer]
) -> None:
    ids = ("--ids", str(corpus_file))
    # Requests of ten ids, waves of a second: the kill falls between the first commit and the end.
    small = ("scrape.batch_size=10", "scrape.in_flight=2", "scrape.wave_seconds=1")
    slow = (f"scrape.url={serve(latency=0.1).url}", *small)
    committed = lambda: len(list((submit.lake / "raw_tweets" / "_delta_log").glob("*.json"))) >= 2  # noqa: E731
    submit.kill_when("scrape", *ids, *settings(*slow), reached=committed)
    kept = len(table(submit.lake, "raw_tweets", ["id"]))
    assert 0 < kept < len(corpus)

    faulty = serve(error_rate=0.1, cut_rate=0.1, reset_rate=0.1, seed=3)
    counts = done(submit("scrape", *ids, *settings(f"scrape.url={faulty.url}", "scrape.batch_size=50")))

    expected = {"input": 1500, "invalid": 0, "duplicate": 0, "already": kept, "asked": 1500 - kept}
    assert counts == expected | {"found": 1500 - kept, "missing": 0, "failed": 0, "unasked": 0}
    assert table(submit.lake, "raw_tweets", ["id", "dialect", "text"]) == sorted(corpus)


def test_clean_killed_while_it_writes_takes_every_found_tweet_once(
    submit: Submitter, corpus: list[SampleTweet]
) -> None:
    submit.kill_when("clean", reached=submit.staged_wave("clean"))

    counts = done(submit("clean"))

    assert counts["input"] == 1500 == counts["clean"] + counts["quarantined"]
    assert counts["clean"] > 1400
    usable = [row[0] for row in table(submit.lake, "clean_tweets", ["id"])]
    refused = [row[0] for row in table(submit.lake, "quarantine", ["row_key"])]
    assert len(usable) == counts["clean"]
    assert sorted(usable + refused) == sorted(tweet.id for tweet in corpus)

    before = table(submit.lake, "clean_tweets", ["id", "clean", "split"])
    again = done(submit("clean"))
    assert again["input"] == 0
    assert table(submit.lake, "clean_tweets", ["id", "clean", "split"]) == before


def test_two_ranks_killed_after_an_epoch_train_a_bundle_that_beats_guessing(
    submit: Submitter, bundle: Path
) -> None:
    logs = submit.lake.parent / "logs"
    given = ("train.name=tiny", "train.num_proc=2", "train.epochs=6", "train.batch_size=32")
    arguments = ("--bundle", str(bundle), *settings(*given, f"train.tensorboard={logs}"))
    checkpoint = lambda: any(submit.lake.glob("_staging/train-*/checkpoints-*/epoch-00002.npz"))  # noqa: E731
    # A person who watches has been told of the first epoch when the second is done.
    assert "epoch 1 of 6 done" in submit.kill_when("train", *arguments, reached=checkpoint)

    run = submit("train", *arguments)

    counts = done(run)
    assert "going on after epoch" in run.output
    assert "epoch 6 of 6 done" in run.output
    trained = load_bundle(bundle)
    assert [row["epoch"] for row in trained.history] == [1, 2, 3, 4, 5, 6]
    assert trained.history[-1]["loss"] < trained.history[0]["loss"]
    assert counts["dialects"] == len(trained.labels) == 18
    assert trained.metrics["train"]["rows"] == counts["train"]
    # The commonest dialect alone would be right for about one in eight.
    assert trained.metrics["test"]["accuracy"] > 0.25
    assert not any(submit.lake.glob("_staging/train-*"))
    assert len(list(logs.glob("train-*/events.*"))) == 2

    again = submit("train", *arguments)
    assert again.status == 0
    assert "nothing to do" in again.output


def test_scores_of_a_job_killed_while_it_writes_are_those_of_a_single_text(
    submit: Submitter, bundle: Path
) -> None:
    submit.kill_when("score", "--bundle", str(bundle), reached=submit.staged_wave("score"))

    counts = done(submit("score", "--bundle", str(bundle)))

    assert counts["input"] == counts["scored"] + counts["noted"]
    scored = table(submit.lake, "predictions", ["id", "dialect", "confidence"])
    assert [row[0] for row in scored] == [row[0] for row in table(submit.lake, "clean_tweets", ["id"])]
    texts = dict(table(submit.lake, "raw_tweets", ["id", "text"]))
    alone = classify([texts[id_] for id_, _, _ in scored[:50]], bundle)
    assert alone["confidence"].tolist() == pytest.approx(
        [confidence for _, _, confidence in scored[:50]], abs=1e-4
    )

    again = done(submit("score", "--bundle", str(bundle)))
    assert again["input"] == 0
    assert table(submit.lake, "predictions", ["id", "dialect", "confidence"]) == scored


def test_evaluate_reports_what_the_bundle_says_of_itself(submit: Submitter, bundle: Path) -> None:
    report = submit.lake.parent / "report.html"
    run = submit("evaluate", "--bundle", str(bundle), "--report", str(report))
    done(run)

    own = load_bundle(bundle)
    figures = json.loads(report.with_suffix(".json").read_text(encoding="utf-8"))[own.model]
    assert figures["dialect"]["accuracy"] == pytest.approx(own.metrics["test"]["accuracy"], abs=0.01)
    page = report.read_text(encoding="utf-8")
    assert own.model in page
    metrics = {
        (metric, dialect): value
        for metric, dialect, value in table(submit.lake, "metrics", ["metric", "dialect", "value"])
    }
    assert metrics["accuracy", ""] == pytest.approx(figures["dialect"]["accuracy"])
    stages = {stage for (stage,) in table(submit.lake, "runs", ["stage"])}
    assert stages == {"scrape", "clean", "train", "score", "evaluate"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ("scrape", "--ids", "nowhere.csv", "--set", "scrape.url=http://127.0.0.1:9/"),
            "nowhere.csv does not exist",
        ),
        (("clean", "--set", "clean.profil=model"), "did you mean clean.profile?"),
    ],
)
def test_wrong_usage_ends_with_2_and_touches_nothing(
    submit: Submitter, arguments: tuple[str, ...], says: str
) -> None:
    before = sorted(submit.lake.rglob("_delta_log/*.json"))
    run = submit(*arguments)
    assert (run.status, run.summary) == (2, None), run.output
    assert says in run.output
    assert sorted(submit.lake.rglob("_delta_log/*.json")) == before
