"""The evaluation report: one self-contained HTML page, the same bytes for the same figures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from adc.dialects import Taxonomy
from adc.evaluation.charts import curves, heatmap
from adc.evaluation.metrics import LabelScore, Reliability, Score


@dataclass(frozen=True)
class Example:
    """One scored tweet: its id, cleaned text, given label, predicted label and confidence (0 to 1)."""

    id: str
    text: str
    label: str
    predicted: str
    confidence: float


@dataclass(frozen=True, eq=False)
class ModelReport:
    """What one model achieved on the split.

    errors: its most confident mistakes, most confident first.
    history: one row an epoch with `epoch` and any of the figures whose name ends in `loss`, `accuracy`
    or `f1` (`loss`, `train_accuracy`, `val_accuracy`, `val_macro_f1`); others are not drawn.
    card: small facts, such as cell, parameters, trained on.
    """

    name: str
    dialect: Score
    region: Score
    reliability: Reliability
    errors: Sequence[Example] = ()
    history: Sequence[Mapping[str, float]] = ()
    card: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StageRun:
    """One run of a stage of the pipeline, as in the table `runs`.

    counts: rows by outcome, in the order to be shown. A name with a dot, `quarantined.too_short`, is a
    part of the count before the dot.
    """

    stage: str
    run_id: str
    started_at: datetime
    seconds: float
    counts: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Report:
    """Everything the page shows. `labels` has the columns `label` and `n`: the data of the split."""

    title: str
    made_at: datetime
    split: str
    taxonomy: Taxonomy
    models: Sequence[ModelReport]
    stages: Sequence[StageRun]
    labels: pd.DataFrame


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
    )


def mistakes(score: Score, most: int = 8) -> list[Mistake]:
    """The most frequent confusions, most frequent first."""
    wrong = score.confusion[:, :-1] * (1 - np.eye(len(score.labels), dtype=np.int64))
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [(score.labels[i // len(wrong)], score.labels[i % len(wrong)], wrong.flat[i]) for i in order]
    return [Mistake(label.label, to.label, int(n), n / label.support) for label, to, n in pairs if n]


def _baseline(models: Sequence[ModelReport]) -> tuple[str, float] | None:
    """The most frequent label of the first model's rows, and how often answering only it is right."""
    if not models:
        return None
    most = max(models[0].dialect.labels, key=lambda label: label.support)
    return most.label, most.support / models[0].dialect.rows


def _percent(share: float | None, digits: int = 1) -> str:
    return "–" if share is None or not math.isfinite(share) else f"{100 * share:.{digits}f}%"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


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
        "number": "{:,}".format,
        "duration": _duration,
        "moment": _moment,
        "by_label": _by_label,
    }
    environment.globals |= {"heatmap": heatmap, "curves": curves, "mistakes": mistakes}
    return environment.get_template("report.html")
