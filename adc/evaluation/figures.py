"""The report's figures as data: rows of `metrics`, and JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from adc.evaluation.paired import Difference
from adc.evaluation.report import ModelReport
from adc.metrics import Score

OVERALL = ("accuracy", "macro_f1", "weighted_f1")
# Shares of all rows at which the JSON tells the accuracy of the most confident answers.
COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def metric_rows(report: ModelReport) -> Mapping[tuple[str, str], float | None]:
    """Values by (metric, dialect), the dialect "" for those of all."""
    values: dict[tuple[str, str], float | None] = {
        (name, ""): getattr(report.dialect, name) for name in ("rows", *OVERALL)
    }
    for name in OVERALL:
        low, high = getattr(report.dialect, f"{name}_interval")
        values |= {(f"{name}_low", ""): low, (f"{name}_high", ""): high}
    values |= {
        ("region_accuracy", ""): report.region.accuracy,
        ("region_macro_f1", ""): report.region.macro_f1,
        ("ece", ""): report.reliability.ece,
        ("aurc", ""): report.risk.aurc,
    }
    if report.plausible:
        values |= {
            ("plausible_coverage", ""): report.plausible.coverage,
            ("plausible_size", ""): report.plausible.mean_size,
        }
        values |= {("plausible_coverage", label): share for label, share in report.plausible.by_label.items()}
    for figures in report.dialect.labels:
        for name in ("precision", "recall", "f1", "support"):
            values[name, figures.label] = getattr(figures, name)
    return {key: None if value is None or pd.isna(value) else float(value) for key, value in values.items()}


def figures(reports: Sequence[ModelReport], differences: Sequence[Difference]) -> dict[str, Any]:
    """All figures by model, as JSON holds them; `against` are the differences to the other models."""
    sides = [side for each in differences for side in (each, each.turned())]
    return {
        report.name: {
            "dialect": _score(report.dialect),
            "region": _score(report.region),
            "ece": report.reliability.ece,
            "reliability": [asdict(each) for each in report.reliability.bins],
            "aurc": report.risk.aurc,
            "at_coverage": {
                str(share): asdict(kept) for share in COVERAGES if (kept := report.risk.at(share))
            },
            "lengths": [asdict(each) for each in report.lengths],
            "plausible": asdict(report.plausible) if report.plausible else None,
            "against": {
                side.second: {
                    name: value for name, value in asdict(side).items() if name not in ("first", "second")
                }
                for side in sides
                if side.first == report.name
            },
        }
        for report in reports
    }


def _score(figures: Score) -> dict[str, Any]:
    return {name: value.tolist() if name == "confusion" else value for name, value in asdict(figures).items()}
