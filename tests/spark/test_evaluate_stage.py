"""The evaluate stage: figures against a count by hand."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from adc.dialects import DIALECTS
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

# Two are answered with the same confidence.
TEXTS = {"1": "عايز كده", "2": "واش بزاف", "3": "ابغى الحين", "4": "عايز كده", "5": "دابا واش 😂"}
LABELS = {"1": "EG", "2": "MA", "3": "SA", "4": "EG", "5": "MA"}


@pytest.fixture
def tweets(lake: Lake) -> Lake:
    """Five labelled tweets of the split test, and others that do not count there."""
    records = [
        {"id": i, "text": text, "text_hash": i, "dialect": LABELS[i], "split": "test"}
        for i, text in TEXTS.items()
    ]
    records.append({"id": "6", "text": "بلا تصنيف", "split": "test"})
    records.append({"id": "7", "text": "للتدريب", "dialect": "SA", "split": "train"})
    records.append({"id": "8", "text": TEXTS["1"], "text_hash": "1", "dialect": "SA", "split": "test"})
    lake.append(CLEAN_TWEETS, clean_rows(lake, *records))
    return lake


def guessed(bundle: Bundle) -> list[str]:
    return Predictor(bundle).predict(list(TEXTS.values())).field("dialect").to_pylist()


def figures(report: Path, bundle: Bundle) -> dict:
    return json.loads(report.with_suffix(".json").read_text(encoding="utf-8"))[bundle.model]


def test_the_model_answers_now_whatever_predictions_are_kept(
    job: Callable[..., Job], tweets: Lake, tiny_bundle: Bundle, bundle_path: str, tmp_path: Path
) -> None:
    answers = Predictor(tiny_bundle).predict(list(TEXTS.values()))
    is_right = np.array(answers.field("dialect").to_pylist()) == list(LABELS.values())
    right, confidence = is_right.sum(), answers.field("confidence").to_numpy(zero_copy_only=False)
    assert right
    # As if scored under other settings, or while the text was another one.
    kept = [{"id": i, "source": "test", "model": tiny_bundle.model, "scored_at": NOON} for i in TEXTS]
    tweets.append(PREDICTIONS, as_rows(tweets.spark, PREDICTIONS, kept))
    report = tmp_path / "report.html"

    made = job("evaluate")
    evaluate(made, [bundle_path], "test", report=str(report))

    assert made.counts == {"input": 5, "dialects": 3}
    told = figures(report, tiny_bundle)["dialect"]
    assert (told["rows"], told["accuracy"]) == (5, pytest.approx(right / 5))
    regions = Predictor(tiny_bundle).predict(list(TEXTS.values())).field("region").to_pylist()
    of_labels = [DIALECTS.region_of[LABELS[i]] for i in TEXTS]
    in_region = np.mean([told == given for told, given in zip(regions, of_labels, strict=True)])
    assert figures(report, tiny_bundle)["region"]["accuracy"] == pytest.approx(in_region)
    rows = contents(tweets, METRICS, "metric", "dialect", "value")
    metrics = {(metric, dialect): value for metric, dialect, value in rows}
    assert metrics["accuracy", ""] == pytest.approx(right / 5)
    assert metrics["support", "EG"] == 2
    bins, steps = np.floor(15 * confidence), np.floor(600 * confidence)
    gaps = [abs((is_right - confidence)[bins == each].sum()) for each in set(bins)]
    risks = [1 - is_right[steps >= each].mean() for each in steps]
    for name, value in (("ece", sum(gaps) / 5), ("aurc", np.mean(risks))):
        assert figures(report, tiny_bundle)[name] == metrics[name, ""] == pytest.approx(value)
    assert figures(report, tiny_bundle)["at_coverage"]["1.0"]["accuracy"] == pytest.approx(right / 5)
    interval = [metrics["accuracy_low", ""], metrics["accuracy_high", ""]]
    assert told["accuracy_interval"] == interval
    drawn = binom.ppf([0.025, 0.975], 5, right / 5) / 5
    wilson = binomtest(int(right), 5).proportion_ci(method="wilson")
    assert interval == pytest.approx([min(drawn[0], wilson.low), max(drawn[1], wilson.high)])
    assert tiny_bundle.model in report.read_text(encoding="utf-8")

    evaluate(job("evaluate", score__abstain_below=1.0), [bundle_path], "test", report=str(report))
    assert figures(report, tiny_bundle)["dialect"]["accuracy"] == 0
    assert len(contents(tweets, METRICS)) == len(metrics)


def test_a_labelled_file_of_another_kind_is_read_anew_every_time(
    job: Callable[..., Job], tiny_bundle: Bundle, bundle_path: str, tmp_path: Path, capsys
) -> None:
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
    # A label without a text: nothing is guessed of it. No row at all: it is set aside.
    archive.write_text("\n".join([*lines, "5,a,b,EG"]), encoding="utf-8")
    with_bad = job("evaluate")
    evaluate(with_bad, [bundle_path], labelled=str(archive), report=str(report))
    assert with_bad.counts["quarantined.bad_record"] == with_bad.lake.read(QUARANTINE).count() == 1
    told = figures(report, tiny_bundle)["dialect"]
    assert (told["rows"], told["accuracy"]) == (3, pytest.approx(right / 3))
    # Of rows with one id the one with a text, wherever it stands.
    for rows in (["4,,SA", "4,عايز كده,EG"], ["4,عايز كده,EG", "4,,SA"]):
        archive.write_text("\n".join([lines[0], *rows]), encoding="utf-8")
        evaluate(job("evaluate"), [bundle_path], labelled=str(archive), report=str(report))
        assert figures(report, tiny_bundle)["dialect"]["accuracy"] == float(guesses[0] == "EG")
    rows = ["5,عايز كده,egypt", "6,واش بزاف,MA", "6,واش بزاف,EG"]
    archive.write_text("\n".join([lines[0], *rows]), encoding="utf-8")
    told_twice = job("evaluate")
    evaluate(told_twice, [bundle_path], labelled=str(archive), report=str(report))
    said = capsys.readouterr().out
    assert "labels that are unknown to every model: egypt; to map them to codes, give input.labels" in said
    assert "rows with unlike labels, of which one is kept: 6 (EG, MA)" in said
    assert told_twice.counts["two_labels"] == 1
    # Of labels that are no longer there no figure stays.
    archive.write_text("\n".join([lines[0], "5,عايز كده,EG"]), encoding="utf-8")
    evaluate(job("evaluate"), [bundle_path], labelled=str(archive), report=str(report))
    support = told_twice.lake.read(METRICS).where("metric = 'support'").toPandas()
    assert "egypt" not in set(support["dialect"]) and support["value"].sum() == 1


def test_labels_that_can_be_none_are_refused(
    job: Callable[..., Job], lake: Lake, bundle_path: str, tmp_path: Path
) -> None:
    archive = tmp_path / "labelled.csv"
    for labels, said in (
        (["egypt", "morocco"], "2 of 2 labels are unknown to every model: egypt, morocco; to map them"),
        (["EG", *(f"{'a long text ' * 9}{n}" for n in range(101))], r"101 of 102 labels .*: a long text a"),
    ):
        rows = [f"{n},عايز كده,{label}" for n, label in enumerate(labels)]
        archive.write_text("\n".join(["id,text,dialect", *rows, "no row"]), encoding="utf-8")
        for dry_run in (True, False):
            with pytest.raises(UsageError, match=said):
                evaluate(job("evaluate", dry_run=dry_run), [bundle_path], labelled=str(archive))
    assert not lake.exists(METRICS) and not lake.exists(QUARANTINE)


def test_a_split_that_there_is_not_is_refused_naming_those_that_there_are(job: Callable[..., Job]) -> None:
    with pytest.raises(UsageError, match="--split tset: give one of train, val, test"):
        evaluate(job("evaluate"), split="tset")


def test_a_report_that_is_a_folder_is_refused_at_once(
    job: Callable[..., Job], lake: Lake, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="is a folder: give the name of a file in it"):
        evaluate(job("evaluate"), labelled=str(tmp_path / "none.csv"), report=str(tmp_path))


def test_no_report_is_written_over_a_users_file(
    job: Callable[..., Job], bundle_path: str, tmp_path: Path
) -> None:
    labelled, beside = tmp_path / "labelled.json", tmp_path / "beside.json"
    for file in (labelled, beside):
        file.write_text('{"id": "1", "text": "عايز كده", "dialect": "EG"}')
    for report, said in (
        (labelled, "it would replace .*labelled.json, which is to be evaluated on"),
        (labelled.with_suffix(".html"), "it would replace .*labelled.json, which is to be evaluated on"),
        (beside.with_suffix(".html"), "beside.json, where its figures go, is there and not of a report"),
    ):
        with pytest.raises(UsageError, match=said):
            evaluate(job("evaluate"), [bundle_path], labelled=str(labelled), report=str(report))
    assert labelled.read_text() == beside.read_text()


def test_a_file_called_as_a_split_or_another_file_is_not_taken_for_it(
    job: Callable[..., Job], tweets: Lake, bundle_path: str, tmp_path: Path, monkeypatch
) -> None:
    one, other = tmp_path / "test", tmp_path / "other" / "test"
    # The JVM stays in its working folder, where none is called `test`.
    monkeypatch.setattr("adc.evaluation.stage.SPLITS", ("test", str(one)))
    for folder in (one, other):
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text("id,text,dialect\n1,عايز كده,EG\n", encoding="utf-8")
    evaluate(job("evaluate"), [bundle_path])
    for labelled in (one, other, other):
        evaluate(job("evaluate"), [bundle_path], labelled=str(labelled))
    kept = tweets.read(METRICS).where("metric = 'rows'").toPandas().set_index("split")["value"]
    assert kept.to_dict() == {"test": 5, f"file:{one}": 1, str(other): 1}
    pages = [path.read_text(encoding="utf-8") for path in (tmp_path / "lake" / "reports").glob("*.html")]
    splits = [page.partition("Split <b>")[2].partition("</b>")[0] for page in pages]
    assert sorted(splits) == sorted(["test", f"file:{one}", str(other)])


def test_two_models_are_compared_on_the_same_rows(
    job: Callable[..., Job], tweets: Lake, tiny_bundle: Bundle, bundle_path: str, tmp_path: Path
) -> None:
    # The other model says of every text another dialect than this one.
    other = replace(tiny_bundle, name="other", labels=(*tiny_bundle.labels[1:], tiny_bundle.labels[0]))
    other.save(tmp_path / "other")
    ours, theirs = (
        [a == b for a, b in zip(guessed(m), LABELS.values(), strict=True)] for m in (tiny_bundle, other)
    )
    assert any(ours) and any(theirs)
    answers = Predictor(tiny_bundle).predict(list(TEXTS.values())).to_pylist()
    held = {i: LABELS[i] in answer["plausible"] for i, answer in zip(TEXTS, answers, strict=True)}
    report = tmp_path / "report.html"

    # A bundle given twice is one model.
    evaluate(job("evaluate"), [bundle_path, str(tmp_path / "other"), bundle_path], report=str(report))

    told = json.loads(report.with_suffix(".json").read_text(encoding="utf-8"))
    assert list(told) == [tiny_bundle.model, other.model]
    against = told[tiny_bundle.model]["against"][other.model]
    assert (against["rows"], against["only_first"], against["only_second"]) == (5, sum(ours), sum(theirs))
    p_value = binomtest(sum(ours), sum(ours) + sum(theirs)).pvalue
    assert against["p_value"] == pytest.approx(p_value)
    assert told[tiny_bundle.model]["plausible"]["coverage"] == pytest.approx(sum(held.values()) / 5)
    assert told[tiny_bundle.model]["plausible"]["by_label"]["SA"] == held["3"]
    surest = max(answer["confidence"] for answer in answers)
    assert told[tiny_bundle.model]["at_coverage"]["0.2"]["confidence"] == pytest.approx(surest, abs=0.01)
    lengths = told[tiny_bundle.model]["lengths"]
    assert [(each["low"], each["n"], each["accuracy"]) for each in lengths] == [(1, 5, sum(ours) / 5)]
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
