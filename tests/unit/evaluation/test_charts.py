"""The geometry of the report's charts."""

import pandas as pd
import pytest

from adc.evaluation.charts import GROUP_GAP, NO_ANSWER_GAP, Cell, Span, Tick, curves, heatmap
from adc.metrics import score

REGION_OF = {"EG": "Nile", "SD": "Nile", "YE": "Yemen"}


def scored(*rows):
    return score(pd.DataFrame(rows, columns=["label", "predicted", "n"]), tuple(REGION_OF))


def test_a_heatmap_parts_the_regions_and_the_column_without_an_answer():
    result = scored(("EG", "EG", 3), ("EG", "YE", 1), ("YE", None, 2))

    chart = heatmap(result, REGION_OF, cell=10)

    yemen = 20 + GROUP_GAP
    nowhere = yemen + 10 + NO_ANSWER_GAP
    assert chart.labels == (Span("EG", 0, 10), Span("SD", 10, 10), Span("YE", yemen, 10))
    assert chart.groups == (Span("Nile", 0, 20), Span("Yemen", yemen, 10))
    assert chart.no_answer == Span("none", nowhere, 10)
    assert chart.cells == (
        Cell(0, 0, 3, 0.75, "EG", "EG"),
        Cell(yemen, 0, 1, 0.25, "EG", "YE"),
        Cell(nowhere, yemen, 2, 1.0, "YE", None),
    )
    assert (chart.width, chart.height) == (nowhere + 10, yemen + 10)


def test_a_heatmap_of_a_model_that_always_answers_has_no_column_for_silence():
    chart = heatmap(scored(("EG", "EG", 3)), REGION_OF, cell=10)

    assert (chart.no_answer, chart.width) == (None, chart.height)


def test_curves_take_the_figures_asked_for_and_have_round_axes():
    history = [
        {"epoch": 1, "loss": 2.0, "val_accuracy": 0.41, "val_macro_f1": 0.40},
        {"epoch": 2, "loss": 1.0, "val_accuracy": 0.58, "val_macro_f1": 0.58, "learning_rate": 0.1},
    ]

    chart = curves(history, ("accuracy", "f1"), width=100, height=80)

    assert [tick.value for tick in chart.values] == [0.4, 0.45, 0.5, 0.55, 0.6]
    assert chart.across == (Tick(1, 0), Tick(2, 100))
    assert [(line.name, [point.value for point in line.points]) for line in chart.lines] == [
        ("val_accuracy", [0.41, 0.58]),
        ("val_macro_f1", [0.40, 0.58]),
    ]
    assert [(point.x, point.y) for point in chart.lines[1].points] == [(0, 80), (100, pytest.approx(8))]


@pytest.mark.parametrize("value", [0.0, 1e-9, 0.5, 1.0, 2.463, 1e6])
def test_one_epoch_stands_in_the_middle_of_its_chart(value):
    chart = curves([{"epoch": 1, "loss": value}], ("loss",), width=100, height=80)

    point = chart.lines[0].points[0]
    assert point.x == 50
    assert 0 <= point.y <= 80


def test_figures_that_are_not_finite_are_left_out():
    history = [
        {"epoch": 1, "loss": float("nan")},
        {"epoch": 2, "loss": 1.5},
        {"epoch": 3, "loss": float("inf")},
    ]

    chart = curves(history, ("loss",), width=100, height=80)

    assert [point.at for line in chart.lines for point in line.points] == [2]
    assert curves(history[:1], ("loss",), width=100, height=80) is None


def test_many_epochs_get_few_ticks():
    history = [{"epoch": epoch, "loss": 1 / epoch} for epoch in range(1, 101)]

    chart = curves(history, ("loss",), width=100, height=80)

    assert len(chart.across) <= 8
    assert len(chart.lines[0].points) == 100
