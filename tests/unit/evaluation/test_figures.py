"""The report's figures as data: every one under its own name."""

from dataclasses import asdict

import pytest

from adc.evaluation.figures import figures, metric_rows
from adc.evaluation.selective import Kept
from tests.unit.evaluation.invented import NAMES, invented_report

REPORT = invented_report(models=3, rows=800)
MODEL = REPORT.models[0]


def test_each_metric_stands_under_its_name():
    dialect, kept = MODEL.dialect, MODEL.plausible
    of_all = {
        "rows": dialect.rows,
        "accuracy": dialect.accuracy,
        "accuracy_low": dialect.accuracy_interval[0],
        "accuracy_high": dialect.accuracy_interval[1],
        "macro_f1": dialect.macro_f1,
        "macro_f1_low": dialect.macro_f1_interval[0],
        "macro_f1_high": dialect.macro_f1_interval[1],
        "weighted_f1": dialect.weighted_f1,
        "weighted_f1_low": dialect.weighted_f1_interval[0],
        "weighted_f1_high": dialect.weighted_f1_interval[1],
        "region_accuracy": MODEL.region.accuracy,
        "region_macro_f1": MODEL.region.macro_f1,
        "ece": MODEL.reliability.ece,
        "aurc": MODEL.risk.aurc,
        "plausible_coverage": kept.coverage,
        "plausible_size": kept.mean_size,
    }
    assert len(set(of_all.values())) == len(of_all), "else one could stand for another"
    by_label = {("plausible_coverage", label): share for label, share in kept.by_label.items()}
    for each in dialect.labels:
        by_label["precision", each.label] = each.precision
        by_label["recall", each.label] = each.recall
        by_label["f1", each.label] = each.f1
        by_label["support", each.label] = each.support

    assert metric_rows(MODEL) == {(name, ""): value for name, value in of_all.items()} | by_label


def test_the_json_holds_every_figure_of_a_model():
    told = figures(REPORT.models, REPORT.differences)[MODEL.name]

    assert set(told.pop("against")) == set(NAMES[1:3])
    coverages = told.pop("at_coverage")
    assert told == {
        "dialect": asdict(MODEL.dialect) | {"confusion": MODEL.dialect.confusion.tolist()},
        "region": asdict(MODEL.region) | {"confusion": MODEL.region.confusion.tolist()},
        "ece": MODEL.reliability.ece,
        "reliability": [asdict(each) for each in MODEL.reliability.bins],
        "aurc": MODEL.risk.aurc,
        "lengths": [asdict(each) for each in MODEL.lengths],
        "plausible": asdict(MODEL.plausible),
    }
    # A few rows have no answer, so nothing covers all of them.
    assert list(coverages) == ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"]
    assert [Kept(**each) for each in coverages.values()] == [MODEL.risk.at(float(each)) for each in coverages]


def test_each_model_is_held_against_each_other_with_holms_p_values():
    told = figures(REPORT.models, REPORT.differences)

    assert len(REPORT.differences) == 3
    # The smaller a p-value is among the three, the more comparisons it has to hold for.
    for each, comparisons in zip(REPORT.differences, (2, 3, 1), strict=True):
        for side in (each, each.turned()):
            against = told[side.first]["against"][side.second]
            assert against["p_value_holm"] == pytest.approx(comparisons * side.p_value)
            assert {"first": side.first, "second": side.second} | against == asdict(side)
