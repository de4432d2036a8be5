"""Fits the evidence of words, pairs and n-grams: an SVM and naive Bayes, side by side in one table."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.svm import LinearSVC

from adc.model.encoder import RESERVED, Encoder, Tokens
from adc.model.evidence import TINY, Evidence
from adc.model.ngrams import WORD_GRAMS, gram_keys, pair_keys, spelt_out
from adc.model.quantised import Rows
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


class Features(NamedTuple):
    """The words, pairs and n-grams of N texts, W distinct words in all, and which text or word has which.

    words: 1 where a text has a word, (N, V). pairs: sorted keys (P,). of_pairs: 1 where a text has a pair,
    (N, P). grams: sorted keys (G,). within: how often a word has an n-gram, (W, G). spelt: 1 where a text has
    a distinct word, (N, W).
    """

    words: sparse.csr_matrix
    pairs: np.ndarray
    of_pairs: sparse.csr_matrix
    grams: np.ndarray
    within: sparse.csr_matrix
    spelt: sparse.csr_matrix


def fit_evidence(corpus: Corpus, encoder: Encoder, min_count: int, fold: int) -> EvidenceFit:
    """SVM and naive Bayes over words, pairs and n-grams in `min_count` texts or more, without a fold.

    What they read of a text is what `Evidence.of_texts` says.
    """
    rows = corpus.fitted(fold)
    found = features(encoder.tokens(corpus.texts), encoder.size, rows, min_count)
    of_grams = found.spelt @ found.within
    own = sparse.hstack([found.words, found.of_pairs], format="csr")
    own_idf, gram_idf = idf(own[rows]), idf(of_grams[rows])
    vectors = sparse.hstack(
        [_divided(own.multiply(own_idf), own @ own_idf**2), _gram_vectors(found, gram_idf)], format="csr"
    )
    labels, weights = corpus.labels[rows], corpus.weights[rows]
    kernel, intercept = fit_svm(vectors[rows], labels, weights, corpus.classes)

    whole = np.zeros((len(rows), corpus.classes), np.float32)
    whole[np.arange(len(rows)), labels] = weights
    counted = (found.words, found.of_pairs, of_grams)
    ratios = np.concatenate([log_count_ratios(counts[rows], whole) for counts in counted])
    table = np.concatenate([kernel, ratios], axis=1)  # (F, 2C)
    word_rows, pair_rows, gram_rows = np.split(table, np.cumsum([encoder.size, len(found.pairs)]))
    word_idf, pair_idf = np.split(own_idf, [encoder.size])
    # What stands for all other words is none.
    word_idf[:RESERVED] = 0
    evidence = Evidence(
        Rows.of(word_rows),
        word_idf,
        found.pairs,
        Rows.of(pair_rows),
        pair_idf,
        found.grams,
        Rows.of(gram_rows),
        gram_idf,
        intercept,
    )
    held_out = [corpus.texts[row] for row in corpus.held_out(fold)]
    return EvidenceFit(
        evidence,
        spread(evidence, encoder.tokens(held_out[:SCALE_TEXTS])),
        evidence.of_texts(encoder.tokens(held_out)),
    )


def features(tokens: Tokens, vocabulary: int, rows: np.ndarray, min_count: int) -> Features:
    """The features of texts over so many word ids; of pairs and n-grams those in `min_count` of the rows."""
    flat, texts = tokens.flat, len(tokens.lengths)
    text_of = np.repeat(np.arange(texts), tokens.lengths)
    known = flat >= RESERVED
    words = presence(text_of[known], flat[known], (texts, vocabulary))
    # np.unique gives the keys sorted, as the tables want them.
    keys = pair_keys(flat, tokens.lengths)
    pairs, columns = np.unique(keys[keys >= 0], return_inverse=True)
    of_pairs = presence(text_of[keys >= 0], columns, (texts, len(pairs)))
    pairs, of_pairs = frequent(pairs, of_pairs, rows, min_count)
    # The n-grams of a word are counted once, however often it is written.
    owners, keys = gram_keys(spelt_out(tokens.words), *WORD_GRAMS)
    grams, columns = np.unique(keys, return_inverse=True)
    within = occurrences(owners, columns, (len(tokens.words), len(grams)))
    spelt = presence(text_of, tokens.which, (texts, len(tokens.words)))
    kept = np.flatnonzero((spelt[rows] @ within).getnnz(axis=0) >= min_count)
    return Features(words, pairs, of_pairs, grams[kept], within[:, kept], spelt)


def fit_svm(
    vectors: sparse.csr_matrix, labels: np.ndarray, weights: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """A linear SVM's weights (F, C) and intercept (C,), 0 for a class without a row."""
    present, frequency = np.unique(labels, return_counts=True)
    svm = LinearSVC(
        C=SVM_COST,
        class_weight=dict(zip(present, (frequency.mean() / frequency) ** CLASS_WEIGHT, strict=True)),
        tol=1e-3,
        random_state=0,
    ).fit(vectors, labels, weights)
    return by_class(svm.coef_.T, present, classes), by_class(svm.intercept_, present, classes)


def idf(counts: sparse.csr_matrix) -> np.ndarray:
    """Smooth inverse document frequency, as scikit-learn's, of counts (N, F): float32 (F,)."""
    texts = counts.shape[0]
    return np.asarray(1 + np.log((1 + texts) / (1 + counts.getnnz(axis=0))), np.float32)


def _gram_vectors(found: Features, gram_idf: np.ndarray) -> sparse.csr_matrix:
    """The n-grams of each text, tf·idf with sublinear tf, by the length that all its words' have: (N, G)."""
    tfidf = found.within.copy()
    tfidf.data = 1 + np.log(tfidf.data)
    tfidf = tfidf.multiply(gram_idf).tocsr()
    return _divided(found.spelt @ tfidf, found.spelt @ np.asarray(tfidf.multiply(tfidf).sum(axis=1)).ravel())


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
