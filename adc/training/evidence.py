"""Fits the linear models under the network, so that no training row sees a model that saw its label.

The training rows are parted into FOLDS by the hash of their text. Every model is fitted once without each
fold, for that fold's rows, and once on all rows, for new text: independent tasks, which may run side by side.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from adc.errors import UsageError
from adc.model.encoder import RESERVED, Encoder, Tokens
from adc.model.evidence import WORD_GRAMS, Evidence, Rows, gram_keys, pair_keys
from adc.model.forward import log_softmax
from adc.training.calibration import fit_temperature
from adc.training.folds import FOLDS, NONE, fold_of

# Regularisation and class weights of the SVM, and the n-grams of naive Bayes: docs/experiments.md.
SVM_COST = 0.1
CLASS_WEIGHT = 0.5
BAYES_GRAMS = (3, 7)
BAYES_MIN_COUNT = 2
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
    def of(cls, rows: pd.DataFrame, labels: Sequence[str]) -> Self:
        """From clean, dialect, weight and text_hash."""
        number_of = {label: number for number, label in enumerate(labels)}
        return cls(
            rows["clean"].tolist(),
            rows["dialect"].map(number_of).to_numpy(np.int64),
            rows["weight"].to_numpy(np.float64),
            np.array([fold_of(key) for key in rows["text_hash"]], np.int64),
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
                "set model.evidence=false and model.soft_labels=0"
            )
        return rows


class Task(NamedTuple):
    """One fit: which model, and the fold that it may not see."""

    model: Literal["evidence", "bayes"]
    fold: int


@dataclass(frozen=True, eq=False)
class EvidenceFit:
    """Evidence without one fold; spread (2,) is the scale of its halves there, scores (n, C) the SVM's."""

    evidence: Evidence
    spread: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True, eq=False)
class Linear:
    """What the fits make: evidence by fold, the last for new text; teacher, float (N, C), of the rows."""

    evidence: tuple[Evidence, ...]
    teacher: np.ndarray


def cross_fit(
    corpus: Corpus,
    encoder: Encoder,
    min_count: int,
    run: Callable[[Callable[[Task], Any], Sequence[Task]], Iterable[Any]] = map,
) -> Linear:
    """Fits everything; `run` is a `map` whose calls may run side by side, in any place."""
    folds = range(FOLDS)
    tasks = [Task("evidence", fold) for fold in (*folds, NONE)] + [Task("bayes", fold) for fold in folds]
    results = dict(zip(tasks, run(partial(fit, corpus, encoder, min_count), tasks), strict=True))
    fits: list[EvidenceFit] = [results[Task("evidence", fold)] for fold in (*folds, NONE)]
    # One scale for all, from held-out rows: on rows that a model has seen its evidence is larger.
    scale = np.mean([fit.spread for fit in fits[:FOLDS]], axis=0)
    members = [[fit.scores for fit in fits[:FOLDS]], [results[Task("bayes", fold)] for fold in folds]]
    return Linear(
        tuple(fit.evidence.scaled(scale) for fit in fits),
        stacked(corpus, [_in_row_order(corpus, scores) for scores in members]),
    )


def fit(corpus: Corpus, encoder: Encoder, min_count: int, task: Task) -> EvidenceFit | np.ndarray:
    """What `fit_evidence` or `fit_bayes` returns, as the task says."""
    if task.model == "evidence":
        return fit_evidence(corpus, encoder, min_count, task.fold)
    return fit_bayes(corpus, task.fold)


def _in_row_order(corpus: Corpus, by_fold: Sequence[np.ndarray]) -> np.ndarray:
    whole = np.empty((len(corpus.labels), corpus.classes), np.float32)
    for fold, scores in enumerate(by_fold):
        whole[corpus.held_out(fold)] = scores
    return whole


def stacked(corpus: Corpus, members: Sequence[np.ndarray]) -> np.ndarray:
    """Probabilities (N, C) by a logistic regression over the members' held-out log-probabilities (N, C)."""
    calibrated = [log_softmax(scores, fit_temperature(scores, corpus.labels)) for scores in members]
    inputs = np.concatenate(calibrated, axis=1)
    judge = LogisticRegression(C=0.1, max_iter=500)
    model = make_pipeline(StandardScaler(), judge)
    model.fit(inputs, corpus.labels, logisticregression__sample_weight=corpus.weights)
    whole = np.zeros((len(inputs), corpus.classes), np.float32)
    whole[:, judge.classes_] = model.predict_proba(inputs)
    return whole


def fit_evidence(corpus: Corpus, encoder: Encoder, min_count: int, fold: int) -> EvidenceFit:
    """SVM and naive Bayes over words, pairs and n-grams in `min_count` texts or more, without a fold."""
    rows = corpus.fitted(fold)
    tokens = encoder.tokens(corpus.texts)
    flat, texts = tokens.flat, len(corpus.texts)
    text_of = np.repeat(np.arange(texts), tokens.lengths)

    known = flat >= RESERVED
    word_counts = _counts(text_of[known], flat[known], (texts, encoder.size))
    # np.unique gives the keys sorted, as the tables want them.
    keys = pair_keys(flat, tokens.lengths)
    pairs, columns = np.unique(keys[keys >= 0], return_inverse=True)
    pair_counts = _counts(text_of[keys >= 0], columns, (texts, len(pairs)))
    # The n-grams of a word are counted once, however often it is written.
    owners, keys = gram_keys([f" {word} " for word in tokens.words], *WORD_GRAMS)
    grams, columns = np.unique(keys, return_inverse=True)
    gram_counts = _counts(text_of, tokens.which, (texts, len(tokens.words))) @ _counts(
        owners, columns, (len(tokens.words), len(grams))
    )
    pairs, pair_counts = _frequent(pairs, pair_counts, rows, min_count)
    grams, gram_counts = _frequent(grams, gram_counts, rows, min_count)

    blocks = [sparse.hstack([word_counts, pair_counts], format="csr"), gram_counts]
    tfidf = [TfidfTransformer(sublinear_tf=True).fit(block[rows]) for block in blocks]
    vectors = sparse.hstack(
        [model.transform(block) for model, block in zip(tfidf, blocks, strict=True)], format="csr"
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
    ratios = np.concatenate(
        [log_count_ratios(counts[rows], whole) for counts in (word_counts, pair_counts, gram_counts)]
    )
    table = np.concatenate([weights, ratios], axis=1)  # (F, 2C)
    own, pair_rows, gram_rows = np.split(table, np.cumsum([encoder.size, len(pairs)]))
    evidence = Evidence(
        Rows.of(own), pairs, Rows.of(pair_rows), grams, tfidf[1].idf_.astype(np.float32), Rows.of(gram_rows)
    )
    evidence = with_spelling(evidence, encoder)

    held_out = corpus.held_out(fold)
    scores = vectors[held_out] @ weights + _by_class(svm.intercept_, present, corpus.classes)
    scaled_on = encoder.tokens([corpus.texts[row] for row in held_out[:SCALE_TEXTS]])
    return EvidenceFit(evidence, spread(evidence, scaled_on), scores)


def with_spelling(evidence: Evidence, encoder: Encoder) -> Evidence:
    """The same with the evidence of their n-grams added to the known words' rows."""
    words = evidence.words[:]
    words[RESERVED:] += evidence.of_spelling(encoder.vocabulary)
    return replace(evidence, words=Rows.of(words))


def spread(evidence: Evidence, tokens: Tokens) -> np.ndarray:
    """The standard deviation of each half of the evidence over these tokens: (2,)."""
    if not len(tokens.which):
        return np.ones(2, np.float32)
    halves = np.split(evidence.of_tokens(tokens), 2, axis=1)
    return np.array([half.std() + 1e-6 for half in halves], np.float32)


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


def fit_bayes(corpus: Corpus, fold: int) -> np.ndarray:
    """Log-probabilities (n, C) of a fold's rows by multinomial naive Bayes over character 3–7-grams."""
    rows, held_out = corpus.fitted(fold), corpus.held_out(fold)
    owners, keys = gram_keys(corpus.texts, *BAYES_GRAMS)
    grams, columns = np.unique(keys, return_inverse=True)
    counts = _counts(owners, columns, (len(corpus.texts), len(grams)))
    _, counts = _frequent(grams, counts, rows, BAYES_MIN_COUNT)
    bayes = MultinomialNB(alpha=BAYES_SMOOTHING).fit(counts[rows], corpus.labels[rows], corpus.weights[rows])
    scores = np.full((len(held_out), corpus.classes), -1e4, np.float32)
    scores[:, bayes.classes_] = bayes.predict_joint_log_proba(counts[held_out])
    return scores


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
