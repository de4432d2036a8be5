"""The layout of the report's charts: plain numbers that the template draws, in SVG user units."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adc.metrics import Score

GROUP_GAP = 5.0
NO_ANSWER_GAP = 12.0


@dataclass(frozen=True)
class Span:
    """A label's row and column, or a group of them: its name, where it starts, its length."""

    name: str
    start: float
    size: float


@dataclass(frozen=True)
class Cell:
    """How often a label met an answer, and the share of the label's rows this is, 0 to 1."""

    x: float
    y: float
    n: int
    share: float
    label: str
    answer: str | None


@dataclass(frozen=True)
class Heatmap:
    """A confusion matrix with a gap where a group ends; cells nobody is in are left out.

    `no_answer` is the column of the rows without an answer, None where every row has one.
    """

    labels: tuple[Span, ...]
    groups: tuple[Span, ...]
    no_answer: Span | None
    cells: tuple[Cell, ...]
    width: float
    height: float


def heatmap(score: Score, group_of: Mapping[str, str], cell: float) -> Heatmap:
    """Lay out a confusion matrix in the order of its labels; `cell` is the side of a cell."""
    labels: list[Span] = []
    groups: list[Span] = []
    for name in (each.label for each in score.labels):
        group = group_of.get(name, name)
        end = labels[-1].start + cell if labels else 0.0
        if groups and groups[-1].name == group:
            groups[-1] = Span(group, groups[-1].start, groups[-1].size + cell)
        else:
            end += GROUP_GAP if groups else 0.0
            groups.append(Span(group, end, cell))
        labels.append(Span(name, end, cell))
    height = labels[-1].start + cell
    no_answer = Span("none", height + NO_ANSWER_GAP, cell) if score.answered < score.rows else None
    columns = [*labels, no_answer] if no_answer else labels
    answers = [*(label.name for label in labels), None]
    cells = tuple(
        Cell(column.start, row.start, int(n), int(n) / each.support, row.name, answer)
        for row, counts, each in zip(labels, score.confusion, score.labels, strict=True)
        for column, answer, n in zip(columns, answers, counts, strict=False)
        if n
    )
    return Heatmap(tuple(labels), tuple(groups), no_answer, cells, columns[-1].start + cell, height)


@dataclass(frozen=True)
class Tick:
    """A value on an axis, and where it is."""

    value: float
    at: float


@dataclass(frozen=True)
class Point:
    """A pair of figures, and where it is."""

    x: float
    y: float
    at: float
    value: float


@dataclass(frozen=True)
class Line:
    """One figure over another."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Plot:
    """Lines, and their axes."""

    lines: tuple[Line, ...]
    across: tuple[Tick, ...]
    values: tuple[Tick, ...]


def curves(
    history: Sequence[Mapping[str, float]], endings: tuple[str, ...], width: float, height: float
) -> Plot | None:
    """Lay out the figures of a training history whose names end so; None where it holds none.

    Rows are in order of `epoch`; a row may lack a figure, and one that is not finite is left out.
    """
    names = dict.fromkeys(name for row in history for name in row if name.endswith(endings))
    series = {
        name: [(row["epoch"], row[name]) for row in history if math.isfinite(row.get(name, math.nan))]
        for name in names
    }
    epochs = sorted({epoch for points in series.values() for epoch, _ in points})
    return plot(series, epochs[:: -(-len(epochs) // 8) or 1], width, height)


def plot(
    series: Mapping[str, Sequence[tuple[float, float]]],
    across: Sequence[float],
    width: float,
    height: float,
) -> Plot | None:
    """Lay out lines of (at, value) over axes that hold them all and the ticks `across`; None without any."""
    seen = {name: points for name, points in series.items() if points}
    if not seen:
        return None
    places = [*across, *(at for points in seen.values() for at, _ in points)]
    every = [value for points in seen.values() for _, value in points]
    scale = _nice(min(every), max(every), 4)
    first, last = min(places), max(places)

    def x(at: float) -> float:
        return width * (at - first) / (last - first) if last > first else width / 2

    def y(value: float) -> float:
        return height * (scale[-1] - value) / (scale[-1] - scale[0])

    return Plot(
        tuple(Line(name, tuple(Point(x(e), y(v), e, v) for e, v in points)) for name, points in seen.items()),
        tuple(Tick(at, x(at)) for at in across),
        tuple(Tick(value, y(value)) for value in scale),
    )


def _nice(low: float, high: float, steps: int) -> list[float]:
    """Round values at even distances, about so many steps, that enclose low and high."""
    if high - low < 1e-6 * max(1.0, abs(high)):
        low, high = low - 0.1 * abs(low) - 0.01, high + 0.1 * abs(high)
    rough = (high - low) / steps
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(k * magnitude for k in (1, 2, 2.5, 5, 10) if k * magnitude >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 10) for k in range(first, last + 1)]
