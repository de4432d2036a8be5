"""Fits the linear models under the network, so that no training row sees a model that saw its label.

The training rows are parted into FOLDS by the hash of their author or text. Every model is fitted once
without each fold, for that fold's rows, and once on all rows, for new text: independent tasks, which may run
side by side. All of naive Bayes are one of them, since what they count is the same.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from adc.errors import UsageError
from adc.model.encoder import Encoder
from adc.model.evidence import Evidence
from adc.model.stack import NEVER, Judge, Stack, calibrated
from adc.training.bayes import BayesFit, fit_bayes
from adc.training.calibration import fit_temperature
from adc.training.corpus import Corpus, by_class, in_row_order
from adc.training.evidence import EvidenceFit, fit_evidence
from adc.training.folds import FOLDS, NONE

# What is fitted: evidence without this fold, or naive Bayes without each.
Task = int | Literal["bayes"]


@dataclass(frozen=True, eq=False)
class Linear:
    """What the fits make.

    evidence: by fold, the last for new text. teacher: log-probabilities of the rows by models that have not
    seen them, float (N, C). stack: the same for new text. by_text: as the corpus has it.
    """

    evidence: tuple[Evidence, ...]
    teacher: np.ndarray
    stack: Stack
    by_text: frozenset[str]


@dataclass(frozen=True)
class Counts:
    """Training texts that a feature must occur in to be kept.

    grams: pairs of words, and n-grams within words. bayes: n-grams of naive Bayes; 0 leaves it out.
    """

    grams: int
    bayes: int


def cross_fit(
    corpus: Corpus,
    encoder: Encoder,
    least: Counts,
    run: Callable[[Callable[[Task], Any], Sequence[Task]], Iterable[Any]] = map,
) -> Linear:
    """Fits everything; `run` is a `map` whose calls may run side by side, in any place."""
    folds = (*range(FOLDS), NONE)
    # Naive Bayes takes the longest, so it begins first.
    tasks: list[Task] = ["bayes", *folds] if least.bayes else [*folds]
    results = dict(zip(tasks, run(partial(fit, corpus, encoder, least), tasks), strict=True))
    fits: list[EvidenceFit] = [results[fold] for fold in folds]
    # One scale for all, from held-out rows: on rows that a model has seen its evidence is larger.
    scale = np.mean([fit.spread for fit in fits[:FOLDS]], axis=0)
    halves = np.split(in_row_order(corpus, [fit.scores for fit in fits[:FOLDS]]), 2, axis=1)
    members = [half / size for half, size in zip(halves, scale, strict=True)]
    bayes: BayesFit | None = results.get("bayes")
    if bayes:
        members.append(bayes.scores)
    elif least.bayes:
        raise UsageError(
            f"too few training tweets for naive Bayes: no n-gram is in {least.bayes} of them; "
            "set model.bayes_min_count=0"
        )
    return Linear(
        tuple(fit.evidence.scaled(scale) for fit in fits),
        teacher(corpus, members),
        Stack(fit_judge(corpus, members), bayes.bayes if bayes else None),
        corpus.by_text,
    )


def fit(corpus: Corpus, encoder: Encoder, least: Counts, task: Task) -> EvidenceFit | BayesFit | None:
    """What `fit_evidence` or `fit_bayes` returns, as the task says."""
    if task == "bayes":
        return fit_bayes(corpus, encoder, least.bayes)
    return fit_evidence(corpus, encoder, least.grams, task)


def teacher(corpus: Corpus, members: Sequence[np.ndarray]) -> np.ndarray:
    """Log-probabilities of the rows by judges fitted without their fold, float32 (N, C)."""
    by_fold = []
    for fold in range(FOLDS):
        judge, own = fit_judge(corpus, members, fold), corpus.held_out(fold)
        by_fold.append(judge.log_probabilities([scores[own] for scores in members]))
    return in_row_order(corpus, by_fold)


def fit_judge(corpus: Corpus, members: Sequence[np.ndarray], fold: int = NONE) -> Judge:
    """A logistic regression over models' held-out scores (N, C) of the corpus, without a fold's rows."""
    rows = corpus.fitted(fold)
    labels, members = corpus.labels[rows], [scores[rows] for scores in members]
    temperatures = [fit_temperature(scores, labels) for scores in members]
    inputs = calibrated(members, temperatures)
    scaler = StandardScaler()
    model = LogisticRegression(C=0.1, max_iter=500)
    model.fit(scaler.fit_transform(inputs), labels, corpus.weights[rows])
    kernel = model.coef_.T / scaler.scale_[:, None]
    bias = model.intercept_ - scaler.mean_ @ kernel
    present = model.classes_
    if len(present) == 2:
        # Its one column is the log-odds of the second class.
        kernel, bias = kernel / 2, bias / 2
    bias_of_all = np.where(np.isin(np.arange(corpus.classes), present), 0, NEVER)
    return Judge(
        np.array(temperatures, np.float32),
        by_class(kernel, present, corpus.classes),
        (by_class(bias, present, corpus.classes) + bias_of_all).astype(np.float32),
    )
