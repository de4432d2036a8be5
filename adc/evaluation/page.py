"""The evaluation report: one self-contained HTML page, the same bytes for the same figures."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from adc.evaluation.charts import curves, heatmap, plot
from adc.evaluation.paired import Difference
from adc.evaluation.report import ModelReport, Report
from adc.evaluation.selective import LengthScore
from adc.metrics import LabelScore, Score
from adc.model.explanation import Word
from adc.progress import duration

# Models are told apart by so many colours; the style holds them.
COLOURS = 6
# About so many points make a model's line of accuracy over coverage.
RISK_POINTS = 120
# An effect of a word, in log-odds, that fills its shade whatever the other words do.
FULL_EFFECT = 0.7


@dataclass(frozen=True)
class Mistake:
    """A confusion: so many rows of a label got another one as answer, which is so large a share of them."""

    label: str
    answer: str
    n: int
    share: float


def render(report: Report) -> str:
    """The report as one HTML page that needs no network and no script; what is absent is said to be."""
    counts = {str(label): int(n) for label, n in zip(report.labels["label"], report.labels["n"], strict=True)}
    scored = [each.label for model in report.models for each in model.dialect.labels]
    known = report.taxonomy.restricted_to(sorted({*scored, *counts}))
    return _page().render(
        report=report,
        models=report.models,
        dialects=known.dialects,
        dialect_of={dialect.code: dialect for dialect in known.dialects},
        regions=known.regions,
        region_of=known.region_of,
        counts=counts,
        baseline=_baseline(report.models),
        colour_of={model.name: f"m{place % COLOURS}" for place, model in enumerate(report.models)},
        differences=_ranked(report.differences),
    )


def mistakes(score: Score, most: int = 8) -> list[Mistake]:
    """The most frequent confusions, most frequent first."""
    wrong = score.confusion[:, :-1] * (1 - np.eye(len(score.labels), dtype=np.int64))
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [(score.labels[i // len(wrong)], score.labels[i % len(wrong)], wrong.flat[i]) for i in order]
    return [Mistake(label.label, to.label, int(n), n / label.support) for label, to, n in pairs if n]


def _ranked(differences: Sequence[Difference]) -> list[Difference]:
    """The better model first in each, and the largest difference first."""
    better = (each if each.accuracy >= 0 else each.turned() for each in differences)
    return sorted(better, key=lambda each: -each.accuracy)


def shade(words: Sequence[Word], word: Word) -> float:
    """How much of its shade a word gets, 0 to 1: its effect by the largest of the text."""
    largest = max(abs(each.effect or 0.0) for each in words)
    return abs(word.effect or 0.0) / max(largest, FULL_EFFECT)


def risk_lines(models: Sequence[ModelReport]) -> dict[str, list[tuple[float, float]]]:
    """(coverage, accuracy) by model, few enough to be drawn; the first hundredth is chance and left out."""
    lines = {}
    for model in models:
        points = [(point.coverage, point.accuracy) for point in model.risk.points if point.coverage >= 0.01]
        lines[model.name] = [*points[: -1 : -(-len(points) // RISK_POINTS) or 1], *points[-1:]]
    return lines


@dataclass(frozen=True)
class LengthRow:
    """A length, how many texts have it, and each model's figures there."""

    name: str
    n: int
    scores: Sequence[LengthScore | None]


def length_rows(models: Sequence[ModelReport]) -> list[LengthRow]:
    """The lengths that any model was given, shortest first."""
    found = [{each.low: each for each in model.lengths} for model in models]
    rows = []
    for low in sorted({low for scores in found for low in scores}):
        scores = [of_model.get(low) for of_model in found]
        known = next(each for each in scores if each)
        rows.append(LengthRow(known.name, known.n, scores))
    return rows


def length_lines(models: Sequence[ModelReport]) -> dict[str, list[tuple[float, float]]]:
    """(place in `length_rows`, accuracy) by model."""
    rows = length_rows(models)
    return {
        model.name: [(place, each.accuracy) for place, row in enumerate(rows) if (each := row.scores[number])]
        for number, model in enumerate(models)
    }


def best_f1(scores: Sequence[Mapping[str, LabelScore]], label: str) -> float:
    """The largest F1 that any model has for a label."""
    return max((of_model[label].f1 for of_model in scores if label in of_model), default=0.0)


def _baseline(models: Sequence[ModelReport]) -> tuple[str, float] | None:
    """The most frequent label of the first model's rows, and how often answering only it is right."""
    if not models:
        return None
    most = max(models[0].dialect.labels, key=lambda label: label.support)
    return most.label, most.support / models[0].dialect.rows


def _percent(share: float | None, digits: int = 1) -> str:
    return "–" if share is None or not math.isfinite(share) else f"{100 * share:.{digits}f}%"


def _points(share: float) -> str:
    """A difference of shares in points: +2.1, −0.4."""
    return f"{100 * share:+.1f}".replace("-", "−")


def _probability(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC) if at.tzinfo else at:%Y-%m-%d %H:%M} UTC"


def _by_label(score: Score) -> dict[str, LabelScore]:
    return {each.label: each for each in score.labels}


@cache
def _page() -> Template:
    environment = Environment(
        loader=PackageLoader("adc.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": _percent,
        "points": _points,
        "probability": _probability,
        "number": "{:,}".format,
        "duration": duration,
        "moment": _moment,
        "by_label": _by_label,
        "has_latin": re.compile("[A-Za-z]").search,
    }
    environment.globals |= {
        "heatmap": heatmap,
        "curves": curves,
        "plot": plot,
        "mistakes": mistakes,
        "shade": shade,
        "risk_lines": risk_lines,
        "length_rows": length_rows,
        "length_lines": length_lines,
        "best_f1": best_f1,
    }
    return environment.get_template("report.html")
