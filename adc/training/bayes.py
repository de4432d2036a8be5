"""Fits the linear models' naive Bayes, of all rows and without each fold, over one count of their n-grams."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from adc.model.encoder import Encoder
from adc.model.ngrams import Index, gram_keys
from adc.model.stack import BAYES_GRAMS, NEVER, Bayes, read_by_bayes
from adc.training.corpus import Corpus, occurrences
from adc.training.folds import FOLDS, NONE

# Smoothing: docs/experiments.md.
SMOOTHING = 0.02
# Texts whose n-grams are counted at once.
BLOCK = 10_000


class BayesFit(NamedTuple):
    """Naive Bayes of all rows; of each row the scores by one that has not seen its fold, float32 (N, C)."""

    bayes: Bayes
    scores: np.ndarray


def fit_bayes(corpus: Corpus, encoder: Encoder, min_count: int) -> BayesFit | None:
    """Multinomial naive Bayes, as scikit-learn's, over character n-grams in `min_count` texts or more.

    Its tables are the largest there are, so they are made in place, in 32 bits a number. None where no n-gram
    is in so many of the texts that a fit may see.
    """
    grams, counts = counted(read_by_bayes(encoder.read(corpus.texts)), min_count)
    texts_with = counts.getnnz(axis=0)
    scores = np.empty((len(corpus.texts), corpus.classes), np.float32)
    for fold in (*range(FOLDS), NONE):
        rows, own = corpus.fitted(fold), corpus.held_out(fold)
        held_out = counts[own]
        kept = texts_with - held_out.getnnz(axis=0) >= min_count
        if not kept.any():
            return None
        weights = np.zeros_like(scores)
        weights[rows, corpus.labels[rows]] = corpus.weights[rows]
        bayes = _bayes_of(grams, counts.T @ weights, kept, weights.sum(axis=0, dtype=np.float64))
        # As `Bayes.scores`, but their n-grams are counted already.
        scores[own] = held_out @ bayes.rows.astype(np.float32) * bayes.scale + bayes.prior
    return BayesFit(bayes, scores)


def _bayes_of(grams: np.ndarray, table: np.ndarray, kept: np.ndarray, mass: np.ndarray) -> Bayes:
    """Naive Bayes from the weight of each n-gram by class, (G, C), if it is kept, and of each class, (C,).

    The table is overwritten.
    """
    present = mass > 0
    table += SMOOTHING
    table /= table.sum(axis=0, where=kept[:, None], dtype=np.float64)
    np.log(table, out=table)
    table -= table.mean(axis=1, keepdims=True, where=present)
    table[~kept] = 0
    table[:, ~present] = 0
    prior = np.full(len(mass), NEVER, np.float32)
    prior[present] = np.log(mass[present] / mass.sum())
    return Bayes.of(grams, table, prior)


def counted(texts: Sequence[str], min_count: int) -> tuple[np.ndarray, sparse.csr_matrix]:
    """The n-grams that stand in `min_count` texts or more, keys (G,), and how often in each: (N, G).

    Most n-grams are in one text alone. So their keys are gone through first, to know which need be counted.
    """
    blocks = [texts[start : start + BLOCK] for start in range(0, len(texts), BLOCK)]
    keys = np.concatenate([gram_keys(block, *BAYES_GRAMS)[1] for block in blocks])
    keys.sort()
    first = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
    often = np.diff(first, append=len(keys)) >= min_count
    grams = keys[first[often]]
    del keys
    index, rows = Index(grams), []
    for block in blocks:
        owners, found = gram_keys(block, *BAYES_GRAMS)
        columns, places = index.found(found)
        rows.append(occurrences(owners[places], columns, (len(block), len(grams))))
    counts = sparse.vstack(rows, format="csr")
    kept = np.flatnonzero(counts.getnnz(axis=0) >= min_count)
    return grams[kept], counts[:, kept]
