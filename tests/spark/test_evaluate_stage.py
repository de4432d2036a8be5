"""The evaluate stage: figures against a count by hand, from predictions that are there and ones made now."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from adc.errors import UsageError
from adc.evaluation.stage import evaluate
from adc.job import Job
from adc.lake import Lake, as_rows
from adc.model.bundle import Bundle
from adc.model.predictor import Predictor
from adc.tables import CLEAN_TWEETS, METRICS, PREDICTIONS
from tests.spark.contents import NOON, clean_rows, contents

pytestmark = pytest.mark.spark

TEXTS = {"1": "عايز كده", "2": "واش بزاف", "3": "ابغى الحين", "4": "عايز اليوم كده", "5": "دابا واش 😂"}
LABELS = {"1": "EG", "2": "MA", "3": "SA", "4": "EG", "5": "MA"}


@pytest.fixture
def bundle_folder(tiny_bundle: Bundle, tmp_path: Path) -> str:
    tiny_bundle.save(tmp_path / "bundle")
    return str(tmp_path / "bundle")


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
    job: Callable[..., Job], tweets: Lake, tiny_bundle: Bundle, bundle_folder: str, tmp_path: Path
) -> None:
    # Tweet 1 has a prediction already, a right one; the model itself is asked for the others.
    known = {"id": "1", "source": "test", "dialect": "EG", "confidence": 0.9, "scored_at": NOON}
    tweets.append(PREDICTIONS, as_rows(tweets.spark, PREDICTIONS, [known | {"model": tiny_bundle.model}]))
    rest = ["2", "3", "4", "5"]
    fresh = Predictor(tiny_bundle).predict([TEXTS[i] for i in rest])["dialect"].tolist()
    right = 1 + sum(guess == LABELS[i] for i, guess in zip(rest, fresh, strict=True))
    report = tmp_path / "report.html"

    made = job("evaluate")
    evaluate(made, [bundle_folder], "test", report=str(report))

    assert made.counts == {"input": 5, "dialects": 3}
    told = figures(report, tiny_bundle)["dialect"]
    assert (told["rows"], told["accuracy"]) == (5, pytest.approx(right / 5))
    kept = contents(tweets, METRICS, "metric", "dialect", "value")
    metrics = {(metric, dialect): value for metric, dialect, value in kept}
    assert metrics["accuracy", ""] == pytest.approx(right / 5)
    assert metrics["support", "EG"] == 2
    assert tiny_bundle.model in report.read_text(encoding="utf-8")

    evaluate(job("evaluate"), [bundle_folder], "test", report=str(report))
    assert len(contents(tweets, METRICS)) == len(metrics)


def test_a_labelled_file_of_another_kind(
    job: Callable[..., Job], tiny_bundle: Bundle, bundle_folder: str, tmp_path: Path
) -> None:
    archive = tmp_path / "labelled.csv"
    archive.write_text("tweet,country\nعايز كده @someone,EG\nواش بزاف,MA\nبلا تصنيف,\n", encoding="utf-8")
    report = tmp_path / "report.html"
    evaluate(job("evaluate"), [bundle_folder], labelled=str(archive), report=str(report))
    guesses = Predictor(tiny_bundle).predict(["عايز كده <user>", "واش بزاف"])["dialect"].tolist()
    right = sum(guess == label for guess, label in zip(guesses, ["EG", "MA"], strict=True))
    told = figures(report, tiny_bundle)["dialect"]
    assert (told["rows"], told["accuracy"]) == (2, pytest.approx(right / 2))


def test_nothing_labelled_is_said(job: Callable[..., Job], tweets: Lake, bundle_folder: str) -> None:
    with pytest.raises(UsageError, match="val: no labelled tweets"):
        evaluate(job("evaluate"), [bundle_folder], "val")
    assert not tweets.exists(METRICS)
