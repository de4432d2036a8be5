"""Ids to a report by the five jobs, as a user runs them: one scenario, told in the order it happens."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from adc import classify, load_bundle
from adc.samples import SampleTweet
from adc.scraping.server import LookupServer
from tests.end_to_end.submit import Run, Submitter, table

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def bundle(submit: Submitter) -> Path:
    return submit.lake / "models" / "tiny"


def done(run: Run) -> dict[str, int]:
    assert run.status == 0, run.output
    # The corpus has lines that end in \r\n, of which Spark warns, though they are read well.
    assert "CSV header" not in run.output
    return run.counts


def test_scrape_brings_every_text_through_faults(
    submit: Submitter, corpus: list[SampleTweet], corpus_file: Path, serve: Callable[..., LookupServer]
) -> None:
    server = serve(error_rate=0.1, cut_rate=0.1, reset_rate=0.1, seed=3)
    arguments = (
        "--ids",
        str(corpus_file),
        "--set",
        f"scrape.url={server.url}",
        "--set",
        "scrape.batch_size=50",
    )

    counts = done(submit("scrape", *arguments))

    expected = {"input": 1500, "invalid": 0, "duplicate": 0, "already": 0, "asked": 1500}
    assert counts == expected | {"found": 1500, "missing": 0, "failed": 0, "unasked": 0}
    assert table(submit.lake, "raw_tweets", ["id", "dialect", "text"]) == sorted(corpus)


def test_clean_takes_every_found_tweet_once(submit: Submitter) -> None:
    counts = done(submit("clean"))
    assert counts["input"] == 1500 == counts["clean"] + counts["quarantined"]
    assert counts["clean"] > 1400
    before = table(submit.lake, "clean_tweets", ["id", "clean", "split"])
    assert len(before) == counts["clean"]

    again = done(submit("clean"))

    assert again["input"] == 0
    assert table(submit.lake, "clean_tweets", ["id", "clean", "split"]) == before


def test_two_ranks_train_a_bundle_that_beats_guessing(submit: Submitter, bundle: Path) -> None:
    settings = ("train.name=tiny", "train.num_proc=2", "train.epochs=6", "train.batch_size=32")
    arguments = ("--bundle", str(bundle), *(f"--set={setting}" for setting in settings))
    run = submit("train", *arguments)
    counts = done(run)

    trained = load_bundle(bundle)
    assert counts["dialects"] == len(trained.labels) == 18
    assert trained.metrics["train"]["rows"] == counts["train"]
    # The commonest dialect alone would be right for about one in eight.
    assert trained.metrics["test"]["accuracy"] > 0.25
    losses = [row["loss"] for row in trained.history]
    assert losses[-1] < losses[0]
    assert "epoch 6 of 6 done" in run.output

    again = submit("train", *arguments)
    assert again.status == 0
    assert "nothing to do" in again.output


def test_scores_are_those_of_a_single_text(submit: Submitter, bundle: Path) -> None:
    counts = done(submit("score", "--bundle", str(bundle)))
    assert counts["input"] == counts["scored"] + counts["noted"]

    scored = table(submit.lake, "predictions", ["id", "dialect", "confidence"])
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
