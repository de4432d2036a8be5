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
    fresh = Predictor(tiny_bundle).predict([TEXTS[i] for i in rest])["dialect"].tolist()
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


def test_a_labelled_file_of_another_kind_is_read_anew_every_time(
    job: Callable[..., Job], lake: Lake, tiny_bundle: Bundle, bundle_path: str, tmp_path: Path
) -> None:
    # Another tweet of this lake has the id that the file's first row has.
    other = {"id": "1", "source": "test", "dialect": "SA", "model": tiny_bundle.model, "scored_at": NOON}
    lake.append(PREDICTIONS, as_rows(lake.spark, PREDICTIONS, [other]))
    archive, report = tmp_path / "labelled.csv", tmp_path / "report.html"
    lines = ["id,tweet,country", "1,عايز كده @someone,EG", "2,بلا تصنيف,", "3,واش بزاف,MA"]
    guesses = Predictor(tiny_bundle).predict(["عايز كده <user>", "واش بزاف"])["dialect"].tolist()
    for rows, right in ((1, guesses[0] == "EG"), (2, (guesses[0] == "EG") + (guesses[1] == "MA"))):
        archive.write_text("\n".join(lines[: 2 * rows]), encoding="utf-8")
        evaluate(job("evaluate"), [bundle_path], labelled=str(archive), report=str(report))
        told = figures(report, tiny_bundle)["dialect"]
        assert (told["rows"], told["accuracy"]) == (rows, pytest.approx(right / rows))


def test_nothing_labelled_is_said(job: Callable[..., Job], tweets: Lake, bundle_path: str) -> None:
    with pytest.raises(UsageError, match="val: no labelled tweets"):
        evaluate(job("evaluate"), [bundle_path], "val")
    assert not tweets.exists(METRICS)
