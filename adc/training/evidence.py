"""Fits the evidence of words, pairs and n-grams: an SVM and naive Bayes, side by side in one table."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.svm import LinearSVC

from adc.model.encoder import RESERVED, Encoder, Tokens
from adc.model.evidence import TINY, WORD_GRAMS, Evidence, Rows, gram_keys, pair_keys, spelt_out
from adc.training.corpus import Corpus, by_class, frequent, occurrences, presence

# Regularisation and class weights of the SVM: docs/experiments.md.
SVM_COST = 0.1
CLASS_WEIGHT = 0.5
# Held-out texts that the scale of the evidence is taken from.
SCALE_TEXTS = 4000


@dataclass(frozen=True, eq=False)
class EvidenceFit:
    """Evidence without one fold; of the fold's rows the scale of its halves, (2,), and of_texts, (n, 2C)."""

    evidence: Evidence
    spread: np.ndarray
    scores: np.ndarray


def fit_evidence(corpus: Corpus, encoder: Encoder, min_count: int, fold: int) -> EvidenceFit:
    """SVM and naive Bayes over words, pairs and n-grams in `min_count` texts or more, without a fold.

    What they read of a text is what `Evidence.of_texts` says.
    """
    rows = corpus.fitted(fold)
    tokens = encoder.tokens(corpus.texts)
    flat, texts = tokens.flat, len(corpus.texts)
    text_of = np.repeat(np.arange(texts), tokens.lengths)

    known = flat >= RESERVED
    words = presence(text_of[known], flat[known], (texts, encoder.size))
    # np.unique gives the keys sorted, as the tables want them.
    keys = pair_keys(flat, tokens.lengths)
    pairs, columns = np.unique(keys[keys >= 0], return_inverse=True)
    pairs, of_pairs = frequent(
        pairs, presence(text_of[keys >= 0], columns, (texts, len(pairs))), rows, min_count
    )
    # The n-grams of a word are counted once, however often it is written.
    owners, keys = gram_keys(spelt_out(tokens.words), *WORD_GRAMS)
    grams, columns = np.unique(keys, return_inverse=True)
    within = occurrences(owners, columns, (len(tokens.words), len(grams)))
    spelt = presence(text_of, tokens.which, (texts, len(tokens.words)))
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
    weights = by_class(svm.coef_.T, present, corpus.classes)  # (F, C)

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
        by_class(svm.intercept_, present, corpus.classes),
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
