"""The evaluate stage: figures against a count by hand, from predictions that are there and ones made now."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from html import unescape
from pathlib import Path

import pytest

from adc.errors import UsageError
from adc.evaluation.pipeline import left_out, stage_runs
from adc.evaluation.report import LeftOut
from adc.evaluation.stage import evaluate
from adc.job import Job
from adc.lake import Lake, as_rows
from adc.model.bundle import Bundle
from adc.model.predictor import Predictor
from adc.tables import CLEAN_TWEETS, METRICS, PREDICTIONS, QUARANTINE, RAW_TWEETS, RUNS
from tests.spark.contents import NOON, clean_rows, contents

pytestmark = pytest.mark.spark

TEXTS = {"1": "عايز كده", "2": "واش بزاف", "3": "ابغى الحين", "4": "عايز اليوم كده", "5": "دابا واش 😂"}
LABELS = {"1": "EG", "2": "MA", "3": "SA", "4": "EG", "5": "MA"}


@pytest.fixture
def tweets(lake: Lake) -> Lake:
    """Five labelled tweets of the split test, and others that do not count there."""
    records = [{"id": i, "text": text, "dialect": LABELS[i], "split": "test"} for i, text in TEXTS.items()]
    records.append({"id": "6", "text": "بلا تصنيف", "split": "test"})
    records.append({"id": "7", "text": "للتدريب", "dialect": "SA", "split": "train"})
    records.append({"id": "8", "text": TEXTS["1"], "dialect": "SA", "split": "test"})
    lake.append(CLEAN_TWEETS, clean_rows(lake, *records))
    return lake


def figures(report: Path, bundle: Bundle) -> dict:
    return json.loads(report.with_suffix(".json").read_text(encoding="utf-8"))[bundle.model]


def test_known_and_fresh_predictions_make_the_figures(
    job: Callable[..., Job], tweets: Lake, tiny_bundle: Bundle, bundle_path: str, tmp_path: Path
) -> None:
    # Tweet 1 has a prediction already, a right one; the model itself is asked for the others.
    known = {"id": "1", "source": "test", "dialect": "EG", "confidence": 0.9, "scored_at": NOON}
    tweets.append(PREDICTIONS, as_rows(tweets.spark, PREDICTIONS, [known | {"model": tiny_bundle.model}]))
    rest = ["2", "3", "4", "5"]
    fresh = Predictor(tiny_bundle).predict([TEXTS[i] for i in rest]).field("dialect").to_pylist()
    right = 1 + sum(guess == LABELS[i] for i, guess in zip(rest, fresh, strict=True))
    report = tmp_path / "report.html"

    made = job("evaluate")
    evaluate(made, [bundle_path], "test", report=str(report))

    assert made.counts == {"input": 5, "dialects": 3}
    told = figures(report, tiny_bundle)["dialect"]
    assert (told["rows"], told["accuracy"]) == (5, pytest.approx(right / 5))
    kept = contents(tweets, METRICS, "metric", "dialect", "value")
    metrics = {(metric, dialect): value for metric, dialect, value in kept}
    assert metrics["accuracy", ""] == pytest.approx(right / 5)
    assert metrics["support", "EG"] == 2
    assert tiny_bundle.model in report.read_text(encoding="utf-8")

    evaluate(job("evaluate"), [bundle_path], "test", report=str(report))
    assert len(contents(tweets, METRICS)) == len(metrics)

    # One of the same id, but of another file's text.
    tweets.merge(
        PREDICTIONS,
        as_rows(tweets.spark, PREDICTIONS, [known | {"model": tiny_bundle.model, "source": "other.csv"}]),
    )
    evaluate(job("evaluate"), [bundle_path], "test", report=str(report))
    own = Predictor(tiny_bundle).predict([TEXTS["1"]]).field("dialect").to_pylist()[0]
    expected = (right - 1 + (own == LABELS["1"])) / 5
    assert figures(report, tiny_bundle)["dialect"]["accuracy"] == pytest.approx(expected)


def test_a_labelled_file_of_another_kind_is_read_anew_every_time(
    job: Callable[..., Job], lake: Lake, tiny_bundle: Bundle, bundle_path: str, tmp_path: Path
) -> None:
    # Another tweet of this lake has the id that the file's first row has.
    other = {"id": "1", "source": "test", "dialect": "SA", "model": tiny_bundle.model, "scored_at": NOON}
    lake.append(PREDICTIONS, as_rows(lake.spark, PREDICTIONS, [other]))
    archive, report = tmp_path / "labelled.csv", tmp_path / "report.html"
    lines = [
        "id,tweet,country",
        "1,عايز كده @someone,EG",
        "2,بلا تصنيف,",
        "3,واش بزاف دابا @a واش,MA",
        "4,,SA",
    ]
    guesses = (
        Predictor(tiny_bundle)
        .predict(["عايز كده <user>", "واش بزاف دابا <user> واش"])
        .field("dialect")
        .to_pylist()
    )
    for rows, right in ((1, guesses[0] == "EG"), (2, (guesses[0] == "EG") + (guesses[1] == "MA"))):
        archive.write_text("\n".join(lines[: 2 * rows]), encoding="utf-8")
        evaluate(job("evaluate"), [bundle_path], labelled=str(archive), report=str(report))
        told = figures(report, tiny_bundle)["dialect"]
        assert (told["rows"], told["accuracy"]) == (rows, pytest.approx(right / rows))
    # Handles are no words: two Arabic ones in the first text, four in the other.
    lengths = json.loads(report.with_suffix(".json").read_text(encoding="utf-8"))[tiny_bundle.model][
        "lengths"
    ]
    assert [(each["low"], each["high"], each["n"]) for each in lengths] == [(1, 3, 1), (4, 5, 1)]
    # A label without a text: nothing is guessed of it.
    archive.write_text("\n".join(lines), encoding="utf-8")
    evaluate(job("evaluate"), [bundle_path], labelled=str(archive), report=str(report))
    told = figures(report, tiny_bundle)["dialect"]
    assert (told["rows"], told["accuracy"]) == (3, pytest.approx(right / 3))


def test_two_models_are_compared_on_the_same_rows(
    job: Callable[..., Job], tweets: Lake, tiny_bundle: Bundle, bundle_path: str, tmp_path: Path
) -> None:
    # The other model has answered before: always right, and unsure where the text is long.
    known = [
        {
            "id": i,
            "source": "test",
            "dialect": LABELS[i],
            "confidence": 0.5 + 0.1 * int(i),
            "plausible": ["EG", "MA"],
        }
        for i in TEXTS
    ]
    other = replace(tiny_bundle, name="oracle")
    records = [record | {"model": other.model, "scored_at": NOON} for record in known]
    tweets.append(PREDICTIONS, as_rows(tweets.spark, PREDICTIONS, records))
    other.save(tmp_path / "oracle")
    guesses = Predictor(tiny_bundle).predict(list(TEXTS.values())).field("dialect").to_pylist()
    wrong = sum(guess != LABELS[i] for i, guess in zip(TEXTS, guesses, strict=True))
    assert wrong
    report = tmp_path / "report.html"

    # A bundle given twice is one model.
    evaluate(job("evaluate"), [str(tmp_path / "oracle"), bundle_path, bundle_path], report=str(report))

    told = json.loads(report.with_suffix(".json").read_text(encoding="utf-8"))
    assert list(told) == [other.model, tiny_bundle.model]
    against = told[other.model]["against"][tiny_bundle.model]
    assert (against["rows"], against["only_first"], against["only_second"]) == (5, wrong, 0)
    assert against["p_value"] == pytest.approx(min(1, 2 * 0.5**wrong))
    # EG, MA, SA, EG, MA: only the SA is outside.
    assert told[other.model]["plausible"]["coverage"] == pytest.approx(4 / 5)
    assert told[other.model]["plausible"]["by_label"] == {"EG": 1, "MA": 1, "SA": 0}
    assert told[other.model]["at_coverage"]["0.2"]["confidence"] == pytest.approx(1.0, abs=0.01)
    assert [(each["low"], each["n"], each["accuracy"]) for each in told[other.model]["lengths"]] == [
        (1, 5, 1)
    ]
    kept = {(m, d): v for m, d, v in contents(tweets, METRICS, "metric", "dialect", "value")}
    assert kept["plausible_coverage", "SA"] is not None
    page = unescape(report.read_text(encoding="utf-8"))
    # Three labels, a text of each, read by both models, word by word.
    assert page.count('class="reading') == 6
    assert "دابا</span>" in page or "دابا<rt>" in page


def test_the_pipeline_tells_what_was_left_out_and_what_failed(lake: Lake) -> None:
    raw = {"attempts": 1, "fetched_at": NOON, "run_id": "r"}
    asked = [
        ("1", "missing", None, None),
        ("2", "failed", 500, "HTTP 500"),
        ("3", "failed", 200, "timed out"),
    ]
    lake.append(
        RAW_TWEETS,
        as_rows(
            lake.spark,
            RAW_TWEETS,
            [
                raw | {"id": i, "id_num": int(i), "status": status, "http_status": http, "error": error}
                for i, status, http, error in asked
            ],
        ),
    )
    refused = {"stage": "clean", "reason": "too_short", "run_id": "r", "at": NOON}
    rows = as_rows(lake.spark, QUARANTINE, [refused | {"row_key": key} for key in "45"])
    lake.append(QUARANTINE, rows)
    run = {"settings": "{}", "version": "0"}
    runs = [
        ("scrape", 1, 4.0, "failed", "the API refused", {}),
        ("scrape", 2, 5.0, "done", None, {"asked": 2}),
        ("scrape", 3, 6.0, "done", None, {"asked": 3}),
        ("train", 1, 9.0, "failed", "no ranks", {}),
        ("clean", 4, 7.0, "done", None, {"clean": 1}),
    ]
    records = [
        run
        | {
            "stage": stage,
            "run_id": f"{stage}-{at}",
            "started_at": NOON + timedelta(hours=at),
            "seconds": seconds,
        }
        | {"status": status, "error": error, "counts": counts}
        for stage, at, seconds, status, error, counts in runs
    ]
    lake.append(RUNS, as_rows(lake.spark, RUNS, records))

    assert left_out(lake) == [
        LeftOut("scrape", "missing", "", 1),
        LeftOut("scrape", "failed", "HTTP 500", 1),
        LeftOut("scrape", "failed", "timed out", 1),
        LeftOut("clean", "quarantined", "too_short", 2),
    ]
    # A stage that never finished a run has nothing to show but that: train is not there.
    scrape, clean = stage_runs(lake)
    assert (scrape.run_id, scrape.counts, scrape.seconds) == ("scrape-3", {"asked": 3}, 6.0)
    assert (scrape.runs, scrape.all_seconds, scrape.failures) == (2, 11.0, ["the API refused"])
    assert (clean.run_id, clean.runs, clean.failures) == ("clean-4", 1, [])
    assert scrape.started_at == (NOON + timedelta(hours=3)).astimezone(UTC)


def test_nothing_labelled_is_said(job: Callable[..., Job], tweets: Lake, bundle_path: str) -> None:
    with pytest.raises(UsageError, match="val: no labelled tweets"):
        evaluate(job("evaluate"), [bundle_path], "val")
    assert not tweets.exists(METRICS)
