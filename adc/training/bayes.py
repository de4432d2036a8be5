"""Fits the linear models' naive Bayes, of all rows and without each fold, over one count of their n-grams."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.naive_bayes import MultinomialNB

from adc.model.encoder import Encoder
from adc.model.ngrams import gram_keys
from adc.model.stack import BAYES_GRAMS, NEVER, Bayes, read_by_bayes
from adc.training.corpus import Corpus, frequent, occurrences
from adc.training.folds import FOLDS, NONE

# Smoothing: docs/experiments.md.
SMOOTHING = 0.02


class BayesFit(NamedTuple):
    """Naive Bayes of all rows; of each row the scores by one that has not seen its fold, float32 (N, C)."""

    bayes: Bayes
    scores: np.ndarray


def fit_bayes(corpus: Corpus, encoder: Encoder, min_count: int) -> BayesFit | None:
    """Multinomial naive Bayes over character n-grams in `min_count` texts or more.

    None where no n-gram is in so many of the texts that a fit may see.
    """
    texts = encoder.read(corpus.texts)
    owners, keys = gram_keys(read_by_bayes(texts), *BAYES_GRAMS)
    # By a hash table: np.unique, which sorts, takes four times as long.
    columns, grams = pd.factorize(keys)
    counts = occurrences(owners, columns, (len(texts), len(grams)))
    # Most are in one text alone, and need not be looked at for each fold.
    grams, counts = frequent(grams, counts, np.arange(len(texts)), min_count)
    scores = np.empty((len(texts), corpus.classes), np.float32)
    for fold in (*range(FOLDS), NONE):
        rows, own = corpus.fitted(fold), corpus.held_out(fold)
        kept, of_kept = frequent(grams, counts, rows, min_count)
        if not len(kept):
            return None
        model = MultinomialNB(alpha=SMOOTHING).fit(of_kept[rows], corpus.labels[rows], corpus.weights[rows])
        table = np.zeros((len(kept), corpus.classes), np.float32)
        table[:, model.classes_] = (model.feature_log_prob_ - model.feature_log_prob_.mean(axis=0)).T
        prior = np.full(corpus.classes, NEVER, np.float32)
        prior[model.classes_] = model.class_log_prior_
        bayes = Bayes.of(kept, table, prior)
        # As `Bayes.scores`, but their n-grams are counted already.
        scores[own] = of_kept[own] @ bayes.rows.astype(np.float32) * bayes.scale + prior
    return BayesFit(bayes, scores)
