"""The report page: whole, well-formed, self-contained, safe, and the same for the same figures."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser

import pandas as pd
import pytest

from adc.dialects import DIALECTS
from adc.evaluation.page import Mistake, mistakes, render, shade
from adc.evaluation.paired import Difference
from adc.evaluation.report import (
    Drawn,
    Example,
    LeftOut,
    ModelReport,
    Reading,
    Report,
    StageRun,
)
from adc.evaluation.shares import Corpus, Group, Share
from adc.metrics import Reliability, reliability, score, to_regions
from adc.model.explanation import Word
from tests.unit.evaluation.invented import NAMES, invented_report

HOSTILE = "\"'><script>alert(1)</script><img src=//evil.example onerror=alert(2)>{{ 7*7 }}</style>&amp;"
PAIRS = pd.DataFrame(
    [
        ("AE", "AE", 4211),
        ("AE", "QA", 1307),
        ("AE", None, 89),
        ("QA", "QA", 611),
        ("QA", "AE", 402),
        ("EG", "EG", 3077),
        ("EG", "SD", 95),
        ("YE", "EG", 23),
        ("YE", "YE", 148),
    ],
    columns=["label", "predicted", "n"],
)
BINS = pd.DataFrame(
    {"bin": [5, 12], "n": [3000, 6874], "correct": [1111, 5936], "confidence": [1120.0, 5705.5]}
)
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MODEL = ModelReport(
    name="gru@0123abcd",
    dialect=score(PAIRS, DIALECTS.codes),
    region=score(to_regions(PAIRS, DIALECTS.region_of), DIALECTS.regions),
    reliability=reliability(BINS),
    errors=[Example("1234567890123456789", "شلونك اليوم\nhello", "AE", "QA", 0.9871)],
    history=[
        {"epoch": 1, "loss": 2.3456, "train_accuracy": 0.312, "val_accuracy": 0.298, "val_macro_f1": 0.271},
        {"epoch": 2, "loss": 1.9876, "train_accuracy": 0.427, "val_accuracy": 0.395, "val_macro_f1": 0.366},
    ],
    card={"cell": "gru", "parameters": "1,204,882"},
)
REPORT = Report(
    title="A report",
    made_at=NOON,
    split="test",
    taxonomy=DIALECTS,
    models=[MODEL, replace(MODEL, name="linear@4567cdef")],
    stages=[
        StageRun("scrape", "run-1", NOON, 95.2, {"asked": 54001, "found": 50112, "failed": 187}),
        StageRun("clean", "run-2", NOON, 31.71, {"quarantined": 1912, "quarantined.too_short": 702}),
        StageRun("train", "run-3", NOON, 7265, {}),
    ],
    labels=pd.DataFrame({"label": ["AE", "QA", "EG", "YE"], "n": [5607, 1013, 3172, 171]}),
)
NOTHING = replace(REPORT, models=[], stages=[], labels=REPORT.labels.iloc[:0])
BARE_MODEL = replace(MODEL, reliability=Reliability((), None), errors=(), history=(), card={})
CURVES = {
    "train_accuracy": "train accuracy",
    "val_accuracy": "validation accuracy",
    "val_macro_f1": "validation macro F1",
}
VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """A parsed page that insists on every element being closed where it should be."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.text, self.right_to_left = [], [], [], "", []
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *attribute) for attribute in attrs]

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1][0] == tag, f"</{tag}> at {self.getpos()} closes {self.open[-1]}"
        self.open.pop()

    def handle_data(self, data):
        self.text += data
        arabic = ("bdi", {"dir": "rtl", "lang": "ar"})
        if self.open and (self.open[-1] == arabic or ("bdi", arabic[1] | {"class": "words"}) in self.open):
            self.right_to_left.append(data)


def percent(share):
    return f"{100 * share:.1f}%"


def test_the_page_shows_every_figure_it_was_given():
    page = Page(render(REPORT))

    figures = ["1 min 35 s", "32 s", "2 h 1 min", "2026-03-01 12:00 UTC"]
    figures += ["gru@0123abcd", "linear@4567cdef", "1,204,882", "1234567890123456789"]
    figures += [percent(MODEL.reliability.ece), percent(MODEL.errors[0].confidence)]
    for result in (MODEL.dialect, MODEL.region):
        figures += map(percent, (result.accuracy, *result.accuracy_interval))
        figures += map(percent, (result.macro_f1, *result.macro_f1_interval))
    figures += map(percent, (MODEL.dialect.weighted_f1, *MODEL.dialect.weighted_f1_interval))
    for each in MODEL.dialect.labels:
        if each.support:
            figures += [percent(each.precision), percent(each.recall), percent(each.f1), f"{each.support:,}"]
    support = PAIRS.groupby("label")["n"].sum()
    for label, answer, n in PAIRS.values:
        figures.append(f"{label} → {answer or 'no answer'}: {n:,} ({percent(n / support[label])} of {label})")
    for each in MODEL.reliability.bins:
        right = f"right in {percent(each.accuracy)} of {each.n:,}"
        figures.append(f"confidence {percent(each.confidence)}: {right}")
    for row in MODEL.history:
        figures += [f"epoch {row['epoch']}: {name} {percent(row[key])}" for key, name in CURVES.items()]
        figures.append(f"epoch {row['epoch']}: loss {row['loss']:.3f}")
    for run in REPORT.stages:
        figures += [run.stage, run.run_id, *(f"{n:,}" for n in run.counts.values())]
    figures += [f"{n:,}" for n in REPORT.labels["n"]]
    assert [figure for figure in figures if figure not in page.text] == []


def test_arabic_stands_right_to_left():
    page = Page(render(REPORT))

    assert MODEL.errors[0].text in page.right_to_left
    assert "إماراتية" in page.right_to_left


@pytest.mark.parametrize("report", [REPORT, NOTHING], ids=["full", "empty"])
def test_the_page_asks_nothing_of_the_network(report):
    html = render(report)
    page = Page(html)

    assert html.startswith("<!DOCTYPE html>")
    assert not {"script", "link", "img", "iframe", "object", "base"} & set(page.tags)
    assert "src" not in {name for _, name, _ in page.attributes}
    anchors = {value for _, name, value in page.attributes if name == "href"}
    assert anchors == {
        f"#{value}" for tag, name, value in page.attributes if (tag, name) == ("section", "id")
    }
    for fetching in ("http:", "https:", "url(", "@import", "@font-face"):
        assert fetching not in html


def test_drawings_are_described_or_hidden_from_screen_readers():
    page = Page(render(REPORT))

    drawings = page.tags.count("svg")
    described = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    hidden = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-hidden")]
    assert all(described)
    assert len(described) + len(hidden) == drawings


def test_hostile_words_stay_words_wherever_they_stand():
    table = pd.DataFrame({"label": [HOSTILE, HOSTILE], "predicted": [HOSTILE, "EG"], "n": [3, 4]})
    hostile_score = score(table, [HOSTILE, "EG"])
    words = [Word(HOSTILE, 0.5, ((HOSTILE, 1.0),)), Word(HOSTILE, None)]
    model = ModelReport(
        HOSTILE,
        hostile_score,
        hostile_score,
        MODEL.reliability,
        [Example(HOSTILE, HOSTILE, HOSTILE, HOSTILE, 0.5), Example("1", "", "EG", "EG", 0.5, words)],
        [{"epoch": 1, HOSTILE + "accuracy": 0.5}],
        {HOSTILE: HOSTILE},
    )
    labels = pd.DataFrame({"label": [HOSTILE], "n": [7]})
    runs = [StageRun(HOSTILE, HOSTILE, NOON, 1.0, {HOSTILE: 1}, 1, 1.0, [HOSTILE])]
    difference = Difference(HOSTILE, HOSTILE, 7, 0.1, (0.0, 0.2), 0.1, (0.0, 0.2), 1, 0, 1.0, 1.0)
    drawn = [Drawn(HOSTILE, HOSTILE, [Reading(HOSTILE, HOSTILE, 0.5, words)])]
    left_out = [LeftOut(HOSTILE, HOSTILE, HOSTILE, 3)]
    report = Report(HOSTILE, NOON, HOSTILE, DIALECTS, [model], runs, labels, [difference], drawn, left_out)

    page = Page(render(report))

    assert not {"script", "img"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert HOSTILE in page.right_to_left
    assert page.text.count(HOSTILE) >= 24


def test_shares_of_a_corpus_are_told_with_their_intervals():
    shares = [Share("EG", 0.5, 0.6, 0.55, 0.66), Share("MA", 0.5, 0.4, 0.34, 0.45)]
    corpora = [
        Corpus(MODEL.name, "all", [Group("", 1200, shares)]),
        Corpus(MODEL.name, "week", [Group("2024-03-04", 700, shares), Group(HOSTILE, 500, shares)]),
    ]
    page = Page(render(replace(REPORT, corpora=corpora)))
    for told in (
        "60.0%",
        "55.0% to 66.0%",
        "1,200 tweets",
        "by week",
        "2024-03-04",
        "EG 60% MA 40%",
        HOSTILE,
    ):
        assert told in page.text
    assert "The corpus" not in Page(render(REPORT)).text


def test_nothing_to_show_is_said_and_not_drawn():
    page = Page(render(NOTHING))

    assert "svg" not in page.tags
    for sentence in (
        "No model was evaluated.",
        "No error was listed.",
        "No training history was recorded.",
        "No labelled text was counted.",
        "No run of the pipeline was recorded.",
    ):
        assert sentence in page.text


def test_a_model_with_figures_only_stands_beside_a_full_one():
    page = Page(render(replace(REPORT, models=[BARE_MODEL, MODEL])))

    assert "No answer of this model has a confidence." in page.text
    assert "No error was listed." in page.text
    assert "No training history was recorded." not in page.text


def test_a_model_that_is_never_wrong_and_one_that_never_answers():
    right = pd.DataFrame({"label": ["EG", "YE"], "predicted": ["EG", "YE"], "n": [5, 6]})
    silent = right.assign(predicted=None)
    models = [
        replace(BARE_MODEL, dialect=score(table, DIALECTS.codes), region=score(table, DIALECTS.codes))
        for table in (right, silent)
    ]

    page = Page(render(replace(REPORT, models=models)))

    assert page.text.count("None: no answer was wrong.") == 2
    assert "EG → no answer: 5 (100.0% of EG)" in page.text


def test_the_most_frequent_mistakes_come_first_and_silence_is_none():
    assert mistakes(MODEL.dialect, most=3) == [
        Mistake("AE", "QA", 1307, pytest.approx(1307 / 5607)),
        Mistake("QA", "AE", 402, pytest.approx(402 / 1013)),
        Mistake("EG", "SD", 95, pytest.approx(95 / 3172)),
    ]


def test_the_same_figures_make_the_same_bytes_in_any_time_zone():
    abroad = replace(REPORT, made_at=NOON.astimezone(timezone(timedelta(hours=3))))

    assert render(REPORT) == render(REPORT) == render(abroad)


@pytest.fixture(scope="module")
def four() -> Report:
    return invented_report(models=4, rows=800)


def test_every_two_models_are_compared_the_better_one_first(four):
    page = Page(render(four))
    told = " ".join(page.text.split())

    assert len(four.differences) == 6
    for each in four.differences:
        better = each if each.accuracy >= 0 else each.turned()
        points = f"{100 * better.accuracy:+.1f}"
        alone = f"{better.only_first} against {better.only_second} texts"
        assert f"accuracy {points}" in told
        assert alone in told
    assert f"{NAMES[0]} is right more often than {NAMES[3]}" in told
    assert "adjusted for 6 comparisons (Holm)" in told
    # The first of two rows that mean the same would do no harm; a hidden one would.
    assert told.count("cannot be told from") + told.count("is right more often than") == 6


def test_when_to_rely_on_an_answer_is_told_for_each_model(four):
    page = Page(render(four))

    for model in four.models:
        kept = model.risk.at(0.5)
        assert kept
        figures = [percent(kept.accuracy), percent(model.risk.aurc), percent(model.plausible.coverage)]
        figures += [percent(each.accuracy) for each in model.lengths]
        assert [figure for figure in figures if figure not in page.text] == []
    assert "31+" in page.text


def test_words_are_shaded_and_carry_the_dialect_they_speak_for():
    words = [Word("عايز", 1.4, (("EG", 2.0), ("SD", 0.6))), Word("<user>", -0.35), Word("كده", None)]
    drawn = [Drawn("7", "EG", [Reading(MODEL.name, "SD", 0.61, words)])]

    page = Page(render(replace(REPORT, drawn=drawn)))

    styles = [value for tag, name, value in page.attributes if (tag, name) == ("ruby", "style")]
    titles = [value for tag, name, value in page.attributes if (tag, name) == ("ruby", "title")]
    assert styles[2:] == ["--part:1.00", "--part:0.25"], "two more stand in the explanation"
    assert titles == ["+1.40 · EG 2.0 · SD 0.6", "-0.35"]
    # A mark or a Latin word must not turn its brackets round within Arabic.
    assert [value for tag, name, value in page.attributes if (tag, name) == ("ruby", "dir")] == ["auto"]
    assert [
        text.strip() for text in page.right_to_left if text.strip() in {"عايز", "<user>", "كده", "EG"}
    ] == [
        "عايز",
        "EG",
        "<user>",
        "كده",
    ]


def test_runs_that_failed_and_rows_left_out_are_told(four):
    told = " ".join(Page(render(four)).text.split())

    assert "3 finished runs, 4 min 1 s in all. Failed: the API refused" in told
    assert "scrape failed: HTTP 500 187" in told
    assert "clean quarantined: too short 702" in told


@pytest.mark.parametrize(
    ("effects", "shades"),
    [
        ((1.4, -0.7, 0.0, None), [1.0, 0.5, 0.0, 0.0]),
        # Where no word does much none is dark.
        ((0.07, -0.35), [0.1, 0.5]),
        ((None,), [0.0]),
    ],
)
def test_a_word_is_as_dark_as_its_effect_is_large_among_the_texts(effects, shades):
    words = [Word("كده", effect) for effect in effects]
    assert [shade(words, word) for word in words] == pytest.approx(shades)
