"""What is kept and told of a trained model's figures, by split and dialect."""

import json

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

from adc.training.results import scored, split_figures, summary_figures, told_figures

NAMES = ("EG", "MA", "YE")
# YE is in training only: nobody gave it here, and nobody guessed it.
LABELS = np.array([0, 0, 0, 1, 1, 1, 1, 1])
LOGITS = np.eye(3)[[0, 0, 1, 1, 1, 1, 0, 1]]


def test_figures_by_dialect_are_kept_and_told_in_a_line_each():
    figures = split_figures(scored(NAMES, LABELS, LOGITS), 0.25, 8)
    assert json.loads(json.dumps(figures)) == figures
    precision, recall, f1, support = precision_recall_fscore_support(
        LABELS, LOGITS.argmax(axis=1), labels=[0, 1, 2], zero_division=0
    )
    assert figures["dialects"] == {
        name: {"precision": precision[n], "recall": recall[n], "f1": f1[n], "support": support[n]}
        for n, name in enumerate(NAMES)
    }
    metrics = {"val": figures | {"confusion": [[1]]}, "test": figures}
    assert summary_figures(metrics) == {"val": figures, "test": figures}
    of_split = "accuracy 75.0 %, macro-F1 73.3 %"
    *splits, head, columns, eg, ma, ye = told_figures(metrics)
    assert splits == [f"val: {of_split}", f"test: {of_split}"]
    assert (head.split(), columns.split()) == (
        ["in", "%", "val", "test"],
        ["dialect", *["precision", "recall", "F1", "tweets"] * 2],
    )
    assert eg.split() == ["EG", *["67", "67", "67", "3"] * 2]
    assert ma.split() == ["MA", *["80", "80", "80", "5"] * 2]
    assert ye.split() == ["YE", *["0"] * 8]
    # Whole words of the heading stand over whole numbers.
    assert len({len(line) for line in (head, columns, eg, ma, ye)}) == 1
    assert len(next(reversed(list(told_figures(dict.fromkeys(("val", "test", "train"), figures)))))) <= 100


def test_figures_of_a_part_say_so():
    figures = split_figures(scored(NAMES, LABELS, LOGITS), 0.25, 3000)
    assert (figures["rows"], figures["judged"]) == (3000, 8)
    assert next(told_figures({"val": figures})).endswith(" %, of 8 of 3,000 tweets")
    assert "judged" not in split_figures(scored(NAMES, LABELS, LOGITS), 0.25, 8)
