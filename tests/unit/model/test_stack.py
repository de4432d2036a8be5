"""The linear models' answer to a whole text, against scikit-learn's, and its share in the model's."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB

from adc.model.ngrams import gram_keys
from adc.model.stack import BAYES_GRAMS, BLOCK, NEVER, Bayes, Judge, Stack, blended
from tests.conftest import WORDS

TEXTS = ["عايز كده", "واش بزاف دابا", "وش ابغى الحين", "كده كده كده", "عايز", "واش"]
LABELS = np.array([0, 1, 2, 0, 0, 1])


def bayes_of(model: MultinomialNB, vectorizer: CountVectorizer) -> Bayes:
    keys = np.array(
        [int(gram_keys([gram], len(gram), len(gram))[1][0]) for gram in vectorizer.get_feature_names_out()],
        np.uint64,
    )
    order = np.argsort(keys)
    rows = model.feature_log_prob_.T[order]
    return Bayes.of(keys[order], rows - rows.mean(axis=1, keepdims=True), model.class_log_prior_)


def test_naive_bayes_is_that_of_scikit_learn():
    vectorizer = CountVectorizer(analyzer="char", ngram_range=BAYES_GRAMS, lowercase=False)
    model = MultinomialNB(alpha=0.02).fit(vectorizer.fit_transform(TEXTS), LABELS)
    texts = [*TEXTS, "شي ثاني", "", "كده بزاف"] * (BLOCK // 8)
    expected = model.predict_joint_log_proba(vectorizer.transform(texts))
    scores = bayes_of(model, vectorizer).scores(texts)
    # Up to a number a text, and what eight bits leave out.
    ours, theirs = (part - part.mean(axis=1, keepdims=True) for part in (scores, expected))
    np.testing.assert_allclose(ours, theirs, atol=0.01 * np.abs(theirs).max())
    assert bayes_of(model, vectorizer).scores([]).shape == (0, 3)


def test_only_the_beginning_of_a_long_text_is_read():
    bayes = Bayes.of(gram_keys(["كده"], 3, 3)[1], np.array([[1.0, -1.0]]), np.zeros(2, np.float32))
    assert bayes.scores(["كده", "ا" * 997 + "كده", "ا" * 998 + "كده"])[:, 0] == pytest.approx(
        [1, 1, 0], abs=0.01
    )


def test_the_judge_weighs_calibrated_models():
    judge = Judge(np.array([1.0, 2.0]), np.array([[2, 0], [0, 2], [1, 0], [0, 1]]), np.array([0.5, 0]))
    first, second = np.log([[0.5, 0.5], [0.1, 0.9]]), np.log([[0.9, 0.1], [0.25, 0.75]])
    told = np.exp(judge.log_probabilities([first, second]))
    # Squares of the first, roots of the second, √e on the side of the first class.
    odds = [np.sqrt(np.e) * 3, np.sqrt(np.e) / 81 / np.sqrt(3)]
    np.testing.assert_allclose(told[:, 0] / told[:, 1], odds, rtol=1e-5)
    np.testing.assert_allclose(told.sum(axis=1), 1, rtol=1e-5)


def test_a_stack_reads_the_evidence_and_naive_bayes_and_comes_back_from_its_arrays(tiny_bundle):
    stack, evidence = tiny_bundle.stack, tiny_bundle.evidence
    texts = [" ".join(WORDS[:4]), WORDS[4]]
    tokens = tiny_bundle.encoder.tokens(texts)
    members = [*np.split(evidence.of_texts(tokens), 2, axis=1), stack.bayes.scores(texts)]
    expected = stack.judge.log_probabilities(members)
    again = Stack.of_arrays(stack.arrays())
    np.testing.assert_array_equal(again.log_probabilities(texts, evidence.of_texts(tokens)), expected)
    without = Stack.of_arrays(Stack(Judge(np.ones(2), np.eye(6, 3), np.zeros(3))).arrays())
    assert without.bayes is None
    assert without.log_probabilities(texts, evidence.of_texts(tokens)).shape == (2, 3)


def test_the_answer_is_shared():
    network, linear = np.log([[0.8, 0.2]]), np.log([[0.2, 0.8]])
    assert np.exp(blended(network + 7, linear, 0)).tolist() == [pytest.approx([0.8, 0.2])]
    odds = (
        np.exp(blended(network, linear, 0.25))
        @ [[1], [0]]
        / (np.exp(blended(network, linear, 0.25)) @ [[0], [1]])
    )
    assert odds.item() == pytest.approx(2.0)
    # A class that the linear models never saw is not answered.
    assert blended(network, np.array([[NEVER, 0.0]]), 0.25).argmax() == 1
