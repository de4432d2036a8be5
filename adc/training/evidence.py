"""Fits the linear models under the network, so that no training row sees a model that saw its label.

The training rows are parted into FOLDS by the hash of their author or text. Every model is fitted once
without each fold, for that fold's rows, and once on all rows, for new text: independent tasks, which may run
side by side.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from adc.errors import UsageError
from adc.model.encoder import RESERVED, Encoder, Tokens
from adc.model.evidence import TINY, WORD_GRAMS, Evidence, Rows, gram_keys, pair_keys, spelt_out
from adc.model.stack import BAYES_GRAMS, NEVER, Bayes, Judge, Stack, calibrated, shortened
from adc.training.calibration import fit_temperature
from adc.training.folds import FOLDS, NONE, as_learnt, folds_of

# Regularisation and class weights of the SVM, and smoothing of naive Bayes: docs/experiments.md.
SVM_COST = 0.1
CLASS_WEIGHT = 0.5
BAYES_SMOOTHING = 0.02
# Held-out texts that the scale of the evidence is taken from.
SCALE_TEXTS = 4000


@dataclass(frozen=True, eq=False)
class Corpus:
    """Clean training texts with labels (N,) of `classes`, weights (N,) and folds (N,)."""

    texts: Sequence[str]
    labels: np.ndarray
    weights: np.ndarray
    folds: np.ndarray
    classes: int

    @classmethod
    def of(cls, rows: pd.DataFrame, labels: Sequence[str], plain_share: float) -> Self:
        """From clean, dialect, weight, text_hash, author; `plain_share` without a tweet's marks."""
        number_of = {label: number for number, label in enumerate(labels)}
        return cls(
            as_learnt(rows["clean"].tolist(), rows["text_hash"].tolist(), plain_share),
            rows["dialect"].map(number_of).to_numpy(np.int64),
            rows["weight"].to_numpy(np.float64),
            folds_of(rows["text_hash"], rows["author"]),
            len(labels),
        )

    def held_out(self, fold: int) -> np.ndarray:
        """The rows of a fold, by number."""
        return np.flatnonzero(self.folds == fold)

    def fitted(self, fold: int) -> np.ndarray:
        """The rows that a model without this fold may see; raises UsageError for one class alone."""
        rows = np.flatnonzero(self.folds != fold)
        if len(np.unique(self.labels[rows])) < 2:
            raise UsageError(
                "too few training tweets to fit linear models out of fold: some hold one dialect only; "
                "set model.evidence=false, model.soft_labels=0 and model.blend=0"
            )
        return rows


class Task(NamedTuple):
    """One fit: which model, and the fold that it may not see."""

    model: Literal["evidence", "bayes"]
    fold: int


@dataclass(frozen=True, eq=False)
class EvidenceFit:
    """Evidence without one fold; of the fold's rows the scale of its halves, (2,), and of_texts, (n, 2C)."""

    evidence: Evidence
    spread: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True, eq=False)
class Linear:
    """What the fits make.

    evidence: by fold, the last for new text. teacher: log-probabilities of the rows by models that have not
    seen them, float (N, C). stack: the same for new text.
    """

    evidence: tuple[Evidence, ...]
    teacher: np.ndarray
    stack: Stack


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
    tasks = [Task("evidence", fold) for fold in folds]
    if least.bayes:
        tasks += [Task("bayes", fold) for fold in folds]
    results = dict(zip(tasks, run(partial(fit, corpus, encoder, least), tasks), strict=True))
    fits: list[EvidenceFit] = [results[Task("evidence", fold)] for fold in folds]
    # One scale for all, from held-out rows: on rows that a model has seen its evidence is larger.
    scale = np.mean([fit.spread for fit in fits[:FOLDS]], axis=0)
    halves = np.split(_in_row_order(corpus, [fit.scores for fit in fits[:FOLDS]]), 2, axis=1)
    members = [half / size for half, size in zip(halves, scale, strict=True)]
    if least.bayes:
        if any(result is None for result in results.values()):
            raise UsageError(
                f"too few training tweets for naive Bayes: no n-gram is in {least.bayes} of them; "
                "set model.bayes_min_count=0"
            )
        members.append(_in_row_order(corpus, [results[Task("bayes", fold)] for fold in folds[:FOLDS]]))
    return Linear(
        tuple(fit.evidence.scaled(scale) for fit in fits),
        teacher(corpus, members),
        Stack(fit_judge(corpus, members), results.get(Task("bayes", NONE))),
    )


def fit(
    corpus: Corpus, encoder: Encoder, least: Counts, task: Task
) -> EvidenceFit | Bayes | np.ndarray | None:
    """What `fit_evidence` or `fit_bayes` returns, as the task says."""
    if task.model == "evidence":
        return fit_evidence(corpus, encoder, least.grams, task.fold)
    return fit_bayes(corpus, encoder, least.bayes, task.fold)


def _in_row_order(corpus: Corpus, by_fold: Sequence[np.ndarray]) -> np.ndarray:
    whole = np.empty((len(corpus.labels), by_fold[0].shape[1]), np.float32)
    for fold, scores in enumerate(by_fold):
        whole[corpus.held_out(fold)] = scores
    return whole


def teacher(corpus: Corpus, members: Sequence[np.ndarray]) -> np.ndarray:
    """Log-probabilities of the rows by judges fitted without their fold, float32 (N, C)."""
    by_fold = []
    for fold in range(FOLDS):
        judge, own = fit_judge(corpus, members, fold), corpus.held_out(fold)
        by_fold.append(judge.log_probabilities([scores[own] for scores in members]))
    return _in_row_order(corpus, by_fold)


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
        _by_class(kernel, present, corpus.classes),
        (_by_class(bias, present, corpus.classes) + bias_of_all).astype(np.float32),
    )


def fit_evidence(corpus: Corpus, encoder: Encoder, min_count: int, fold: int) -> EvidenceFit:
    """SVM and naive Bayes over words, pairs and n-grams in `min_count` texts or more, without a fold.

    What they read of a text is what `Evidence.of_texts` says.
    """
    rows = corpus.fitted(fold)
    tokens = encoder.tokens(corpus.texts)
    flat, texts = tokens.flat, len(corpus.texts)
    text_of = np.repeat(np.arange(texts), tokens.lengths)

    known = flat >= RESERVED
    words = _present(text_of[known], flat[known], (texts, encoder.size))
    # np.unique gives the keys sorted, as the tables want them.
    keys = pair_keys(flat, tokens.lengths)
    pairs, columns = np.unique(keys[keys >= 0], return_inverse=True)
    pairs, of_pairs = _frequent(
        pairs, _present(text_of[keys >= 0], columns, (texts, len(pairs))), rows, min_count
    )
    # The n-grams of a word are counted once, however often it is written.
    owners, keys = gram_keys(spelt_out(tokens.words), *WORD_GRAMS)
    grams, columns = np.unique(keys, return_inverse=True)
    within = _counts(owners, columns, (len(tokens.words), len(grams)))
    spelt = _present(text_of, tokens.which, (texts, len(tokens.words)))
    kept = np.flatnonzero((spelt[rows] @ within).getnnz(axis=0) >= min_count)
    grams, within = grams[kept], within[:, kept]
    of_grams = spelt @ within

    own = sparse.hstack([words, of_pairs], format="csr")
    own_idf, gram_idf = idf(own[rows]), idf(of_grams[rows])
    within.data = 1 + np.log(within.data)
    within = within.multiply(gram_idf).tocsr()
    vectors = sparse.hstack(
        [
            _divided(own.multiply(own_idf), own @ own_idf**2),
            _divided(spelt @ within, spelt @ np.asarray(within.multiply(within).sum(axis=1)).ravel()),
        ],
        format="csr",
    )
    labels = corpus.labels[rows]
    present, frequency = np.unique(labels, return_counts=True)
    svm = LinearSVC(
        C=SVM_COST,
        class_weight=dict(zip(present, (frequency.mean() / frequency) ** CLASS_WEIGHT, strict=True)),
        tol=1e-3,
        random_state=0,
    ).fit(vectors[rows], labels, corpus.weights[rows])
    weights = _by_class(svm.coef_.T, present, corpus.classes)  # (F, C)

    whole = np.zeros((len(rows), corpus.classes), np.float32)
    whole[np.arange(len(rows)), labels] = corpus.weights[rows]
    ratios = np.concatenate([log_count_ratios(counts[rows], whole) for counts in (words, of_pairs, of_grams)])
    table = np.concatenate([weights, ratios], axis=1)  # (F, 2C)
    word_rows, pair_rows, gram_rows = np.split(table, np.cumsum([encoder.size, len(pairs)]))
    word_idf, pair_idf = np.split(own_idf, [encoder.size])
    # What stands for all other words is none.
    word_idf[:RESERVED] = 0
    evidence = Evidence(
        Rows.of(word_rows),
        word_idf,
        pairs,
        Rows.of(pair_rows),
        pair_idf,
        grams,
        Rows.of(gram_rows),
        gram_idf,
        _by_class(svm.intercept_, present, corpus.classes),
    )
    held_out = [corpus.texts[row] for row in corpus.held_out(fold)]
    return EvidenceFit(
        evidence,
        spread(evidence, encoder.tokens(held_out[:SCALE_TEXTS])),
        evidence.of_texts(encoder.tokens(held_out)),
    )


def idf(counts: sparse.csr_matrix) -> np.ndarray:
    """Smooth inverse document frequency, as scikit-learn's, of counts (N, F): float32 (F,)."""
    texts = counts.shape[0]
    return np.asarray(1 + np.log((1 + texts) / (1 + counts.getnnz(axis=0))), np.float32)


def _divided(rows: sparse.spmatrix, squares: np.ndarray) -> sparse.csr_matrix:
    """Each row divided by the root of its square."""
    divided: sparse.csr_matrix = sparse.diags(1 / np.maximum(np.sqrt(squares), TINY)) @ rows
    return divided


def spread(evidence: Evidence, tokens: Tokens) -> np.ndarray:
    """The standard deviation of each half of the evidence over these tokens: (2,)."""
    if not len(tokens.which):
        return np.ones(2, np.float32)
    halves = np.split(evidence.of_tokens(tokens), 2, axis=1)
    # Of no feature at all there is no evidence, which any scale leaves so.
    return np.array([half.std() or 1.0 for half in halves], np.float32)


def log_count_ratios(counts: sparse.csr_matrix, whole: np.ndarray) -> np.ndarray:
    """log P(feature | class) − log P(feature | other classes), float (F, C), from counts (N, F).

    whole (N, C) holds a row's weight under its label. One more occurrence of each feature, shared out
    as all others are, draws what is rare towards 0.
    """
    given = counts.T @ whole  # (F, C)
    mass = given.sum(axis=0)
    share = mass / max(mass.sum(), 1e-9)
    for_, against = given + share, given.sum(axis=1, keepdims=True) - given + 1 - share
    # A class without any occurrence says nothing.
    odds = np.where(share > 0, share / np.maximum(1 - share, 1e-9), 1.0)
    ratios: np.ndarray = np.log(np.maximum(for_, 1e-9) / np.maximum(against, 1e-9) / odds)
    ratios[:, share == 0] = 0
    return ratios.astype(np.float32)


def fit_bayes(corpus: Corpus, encoder: Encoder, min_count: int, fold: int) -> Bayes | np.ndarray | None:
    """Multinomial naive Bayes over character n-grams: its scores (n, C) of a fold's rows; of none, itself.

    None where no n-gram is in `min_count` texts.
    """
    rows, texts = corpus.fitted(fold), encoder.read(corpus.texts)
    owners, keys = gram_keys(shortened(texts), *BAYES_GRAMS)
    grams, columns = np.unique(keys, return_inverse=True)
    counts = _counts(owners, columns, (len(texts), len(grams)))
    grams, counts = _frequent(grams, counts, rows, min_count)
    if not len(grams):
        return None
    model = MultinomialNB(alpha=BAYES_SMOOTHING).fit(counts[rows], corpus.labels[rows], corpus.weights[rows])
    table = np.zeros((len(grams), corpus.classes), np.float32)
    table[:, model.classes_] = (model.feature_log_prob_ - model.feature_log_prob_.mean(axis=0)).T
    prior = np.full(corpus.classes, NEVER, np.float32)
    prior[model.classes_] = model.class_log_prior_
    bayes = Bayes.of(grams, table, prior)
    return bayes if fold == NONE else bayes.scores([texts[row] for row in corpus.held_out(fold)])


def _present(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sparse.csr_matrix:
    """1 where a row has a column, however often."""
    counts = _counts(rows, columns, shape)
    counts.data[:] = 1
    return counts


def _counts(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sparse.csr_matrix:
    counts = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape)
    counts.sum_duplicates()
    return counts


def _frequent(
    keys: np.ndarray, counts: sparse.csr_matrix, rows: np.ndarray, min_count: int
) -> tuple[np.ndarray, sparse.csr_matrix]:
    """The features that stand in `min_count` of these rows or more."""
    kept = np.flatnonzero(counts[rows].getnnz(axis=0) >= min_count)
    return keys[kept], counts[:, kept]


def _by_class(values: np.ndarray, present: np.ndarray, classes: int) -> np.ndarray:
    """Values (…, present classes) in the columns of all `classes`; of two classes, one column tells both."""
    if len(present) == 2:
        values = np.concatenate([-values, values], axis=-1)
    whole = np.zeros((*values.shape[:-1], classes), np.float32)
    whole[..., present] = values
    return whole
