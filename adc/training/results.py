"""The figures of a trained model: what is kept of a split in the bundle, and how they are told."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from adc.metrics import Score, score_rows

# Of a dialect, as `adc.metrics.LabelScore` names them; the last is a number of tweets.
OF_DIALECTS = ("precision", "recall", "f1", "support")


def scored(names: Sequence[str], labels: np.ndarray, logits: np.ndarray) -> Score:
    """How the first guesses of logits (N, C) compare with labels (N,), positions in `names`."""
    by_number = np.array(names, dtype=object)
    return score_rows(by_number[labels], by_number[logits.argmax(axis=1)], names)


def split_figures(score: Score, ece: float, rows: int) -> dict[str, Any]:
    """What a bundle keeps of a split of so many rows, by name, as JSON can hold it.

    dialects: OF_DIALECTS by label. judged: the rows that the figures are of, where these are not all.
    """
    by_label = {each.label: {name: getattr(each, name) for name in OF_DIALECTS} for each in score.labels}
    return {
        "rows": rows,
        **({"judged": score.rows} if score.rows != rows else {}),
        "accuracy": score.accuracy,
        "macro_f1": score.macro_f1,
        "ece": ece,
        "dialects": by_label,
    }


def summary_figures(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """A bundle's figures by split as a job's summary holds them: without what shares are corrected by."""
    return {
        split: {name: value for name, value in figures.items() if name != "confusion"}
        for split, figures in metrics.items()
    }


def told_figures(metrics: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A bundle's figures in lines: one a split, then a table with one a dialect."""
    for split, figures in metrics.items():
        accuracy, macro_f1 = (100 * figures[name] for name in ("accuracy", "macro_f1"))
        part = f", of {figures['judged']:,} of {figures['rows']:,} tweets" if "judged" in figures else ""
        yield f"{split}: accuracy {accuracy:.1f} %, macro-F1 {macro_f1:.1f} %{part}"
    by_split = [figures["dialects"] for figures in metrics.values()]
    labels = list(by_split[0])
    width = max(map(len, ("dialect", *labels)))
    yield f"{'in %':<{width}}" + "".join(f"{split:>31}" for split in metrics)
    yield f"{'dialect':<{width}}" + f"{'precision':>11}{'recall':>7}{'F1':>5}{'tweets':>8}" * len(by_split)
    for label in labels:
        cells = (dialects[label] for dialects in by_split)
        yield f"{label:<{width}}" + "".join(
            f"{100 * cell['precision']:11.0f}{100 * cell['recall']:7.0f}{100 * cell['f1']:5.0f}"
            f"{cell['support']:8,}"
            for cell in cells
        )
