"""Fits out of fold: a row never meets a model that saw its label, and new text one that saw all."""

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.svm import LinearSVC

from adc.errors import UsageError
from adc.model.encoder import Encoder
from adc.model.ngrams import gram_keys
from adc.model.stack import BAYES_GRAMS
from adc.settings import Settings
from adc.training.bayes import fit_bayes
from adc.training.corpus import Corpus
from adc.training.cross_fit import Counts, cross_fit, fit_judge
from adc.training.encoding import Encoding
from adc.training.evidence import fit_evidence, idf, log_count_ratios
from adc.training.folds import FOLDS, NONE, folds_of

MARKS = ("عايز كده", "بزاف واش", "وش ابغى")
FILLERS = ("اليوم", "الناس", "قال", "البيت", "مع")


def corpus_of(rows: int = 300, noise: float = 0.1) -> Corpus:
    """Texts of three classes, each with its own words among common ones; some labels are drawn anew."""
    draw = np.random.default_rng(0)
    true = draw.integers(0, 3, rows)
    texts = [
        " ".join([*draw.choice(FILLERS, 3), MARKS[label], f"كلمة{number}"])
        for number, label in enumerate(true)
    ]
    labels = np.where(draw.random(rows) < noise, draw.integers(0, 3, rows), true)
    return Corpus(texts, labels, np.ones(rows), draw.integers(0, FOLDS, rows), 3)


# What shards are made of.
BATCH = pa.schema(
    [(name, pa.string()) for name in ("clean", "dialect", "text_hash", "author", "split")]
    + [("weight", pa.float64()), ("teacher", pa.list_(pa.float32()))]
)
LEAST = Counts(grams=2, bayes=2)
ENCODER = Encoder(tuple(sorted({word for text in (*MARKS, *FILLERS) for word in text.split()})), 56)


@pytest.fixture(scope="module")
def linear():
    return cross_fit(corpus_of(), ENCODER, LEAST)


def test_the_evidence_of_a_dialects_word_is_for_it_by_both_models(linear):
    for evidence in linear.evidence:
        for label, marks in enumerate(MARKS):
            svm, bayes = np.split(evidence.of_tokens(ENCODER.tokens([marks])), 2, axis=1)
            assert svm.argmax(axis=1).tolist() == bayes.argmax(axis=1).tolist() == [label] * 2
            assert (svm.max(axis=1) > 0).all() and (bayes.max(axis=1) > 0).all()


def test_evidence_is_scaled_by_half(linear):
    corpus = corpus_of()
    numbers = np.concatenate(
        [
            linear.evidence[fold].of_tokens(
                ENCODER.tokens([corpus.texts[row] for row in corpus.held_out(fold)])
            )
            for fold in range(FOLDS)
        ]
    )
    assert [half.std() for half in np.split(numbers, 2, axis=1)] == pytest.approx([1, 1], abs=0.1)


def test_no_model_sees_the_labels_of_its_own_fold():
    corpus = corpus_of()
    changed = np.where(corpus.folds == 2, (corpus.labels + 1) % 3, corpus.labels)
    other = Corpus(corpus.texts, changed, corpus.weights, corpus.folds, 3)
    same, all_rows = (
        [fit_evidence(each, ENCODER, 2, fold).evidence for each in (corpus, other)] for fold in (2, NONE)
    )
    for name, array in same[0].arrays().items():
        np.testing.assert_array_equal(array, same[1].arrays()[name])
    assert (all_rows[0].words[:] != all_rows[1].words[:]).any()


def test_naive_bayes_without_a_fold_is_scikit_learns_of_the_other_rows():
    corpus = replace(corpus_of(), weights=np.linspace(0.5, 1.5, 300))
    texts, fitted = ENCODER.read(corpus.texts), fit_bayes(corpus, ENCODER, 2)
    for fold in range(FOLDS):
        rows, own = corpus.fitted(fold), corpus.held_out(fold)
        vectorizer = CountVectorizer(analyzer="char", ngram_range=BAYES_GRAMS, min_df=2, lowercase=False)
        counts = vectorizer.fit_transform([texts[row] for row in rows])
        model = MultinomialNB(alpha=0.02).fit(counts, corpus.labels[rows], corpus.weights[rows])
        told = model.predict_joint_log_proba(vectorizer.transform([texts[row] for row in own]))
        centred = [each - each.mean(axis=1, keepdims=True) for each in (fitted.scores[own], told)]
        # Eight bits a number.
        np.testing.assert_allclose(*centred, atol=2)
        assert np.corrcoef(centred[0].ravel(), centred[1].ravel())[0, 1] > 0.9999


def test_the_teacher_knows_the_true_label_better_than_the_noisy_one_says(linear):
    corpus = corpus_of()
    np.testing.assert_allclose(np.exp(linear.teacher).sum(axis=1), 1, atol=1e-5)
    assert (linear.teacher.argmax(axis=1) == corpus.labels).mean() > 0.85


def test_the_teacher_knows_nothing_of_labels_that_are_noise():
    told = cross_fit(corpus_of(900, noise=1.0), ENCODER, LEAST).teacher
    assert (told.argmax(axis=1) == corpus_of(900, noise=1.0).labels).mean() < 0.38


def remembered(monkeypatch, kind):
    """(model, inputs) of every fit of a kind of model from now on."""
    fitted, fit = [], kind.fit

    def remembering(model, inputs, labels, weights):
        fitted.append((model, inputs))
        return fit(model, inputs, labels, weights)

    monkeypatch.setattr(kind, "fit", remembering)
    return fitted


def test_margins_of_whole_texts_are_those_of_the_svm_as_it_was_fitted(monkeypatch):
    fitted = remembered(monkeypatch, LinearSVC)
    corpus = corpus_of()
    corpus = replace(corpus, texts=[*corpus.texts[:-1], "كده كده اليوم كده اليوم كككك"])
    evidence = fit_evidence(corpus, ENCODER, 2, NONE).evidence
    ((svm, vectors),) = fitted
    margins = evidence.of_texts(ENCODER.tokens(corpus.texts))[:, :3]
    np.testing.assert_allclose(margins, svm.decision_function(vectors), atol=0.02)


@pytest.mark.parametrize("least", [LEAST, Counts(grams=2, bayes=0)])
def test_the_stack_tells_new_texts_as_the_teacher_told_its_rows(least):
    linear = cross_fit(corpus_of(), ENCODER, least)
    assert (linear.stack.bayes is None) == (not least.bayes)
    texts = [f"{FILLERS[0]} {marks} جديد" for marks in MARKS]
    told = linear.stack.log_probabilities(texts, linear.evidence[NONE].of_texts(ENCODER.tokens(texts)))
    assert told.argmax(axis=1).tolist() == [0, 1, 2]
    np.testing.assert_allclose(np.exp(told).sum(axis=1), 1, atol=1e-5)


def rows_of(corpus: Corpus, author: dict[str, str]) -> pd.DataFrame:
    """The corpus as rows of clean_tweets of labels a, b and c; some labels have one author each."""
    dialects = ["abc"[label] for label in corpus.labels]
    hashes = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in corpus.texts]
    own = [author.get(dialect, f"author {number}") for number, dialect in enumerate(dialects)]
    return pd.DataFrame(
        {"clean": corpus.texts, "dialect": dialects, "weight": 1.0, "text_hash": hashes, "author": own}
    )


def test_a_class_of_one_author_is_known_out_of_fold():
    rows = rows_of(corpus_of(noise=0), {"c": "Abu Nuwas"})
    corpus = Corpus.of(rows, "abc", plain_share=0)
    assert corpus.by_text == {"c"}
    linear = cross_fit(corpus, ENCODER, LEAST)
    told = linear.teacher.argmax(axis=1)
    assert [(told == label)[corpus.labels == label].mean() > 0.9 for label in range(3)] == [True] * 3
    # Shards take the evidence of the same folds.
    encoding = Encoding.of(Settings(), ENCODER, ("a", "b", "c"), linear, {"a": 1, "b": 1, "c": 1})
    batch = rows.assign(split="train", teacher=None).astype({"author": object})
    shard = encoding.rows(pa.RecordBatch.from_pandas(batch, BATCH, preserve_index=False))
    for fold in range(FOLDS):
        own = corpus.held_out(fold)
        expected = linear.evidence[fold].of_tokens(ENCODER.tokens([corpus.texts[row] for row in own]))
        stored = b"".join(shard.column("evidence").take(pa.array(own)).to_pylist())
        assert stored == expected.astype(np.float16).tobytes()


def test_labels_are_held_out_by_author_wherever_they_can():
    corpus = corpus_of(noise=0)
    assert not Corpus.of(rows_of(corpus, {}), "abc", plain_share=0).by_text
    # A text alone is in one fold either way.
    alone = replace(corpus, labels=np.where(np.arange(300) == 7, 2, corpus.labels % 2))
    assert not Corpus.of(rows_of(alone, {"c": "Abu Nuwas"}), "abc", plain_share=0).by_text


def test_a_class_of_one_fold_alone_is_possible():
    corpus = corpus_of(noise=0)
    labels = np.where(corpus.labels == 2, np.where(corpus.folds == 0, 2, 1), corpus.labels)
    linear = cross_fit(replace(corpus, labels=labels), ENCODER, LEAST)
    assert np.isfinite(linear.teacher).all()


def test_a_map_of_any_kind_may_run_the_fits(linear):
    def backwards(function, tasks):
        return [function(task) for task in tasks[::-1]][::-1]

    again = cross_fit(corpus_of(), ENCODER, LEAST, backwards)
    np.testing.assert_array_equal(again.teacher, linear.teacher)
    np.testing.assert_array_equal(again.evidence[NONE].words[:], linear.evidence[NONE].words[:])


def test_weights_count():
    corpus = corpus_of(noise=0)
    wrong = Corpus(
        [*corpus.texts, *corpus.texts],
        np.concatenate([corpus.labels, (corpus.labels + 1) % 3]),
        np.concatenate([corpus.weights, corpus.weights * 1e-3]),
        np.concatenate([corpus.folds, corpus.folds]),
        3,
    )
    numbers = fit_evidence(wrong, ENCODER, 2, NONE).evidence.of_tokens(ENCODER.tokens([MARKS[0]]))
    assert numbers[:, :3].argmax(axis=1).tolist() == [0, 0]


def test_n_grams_are_those_of_scikit_learn():
    texts = ["كيف حالك", "كيف"]
    reference = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5)).fit(texts)
    ours = gram_keys([" كيف ", " حالك "], 2, 5)[1]
    assert len(np.unique(ours)) == len(reference.vocabulary_)


def test_document_frequencies_count_as_in_scikit_learn():
    counts = sparse.csr_matrix(np.array([[1, 0, 2], [3, 0, 0], [1, 0, 0]], np.float32))
    np.testing.assert_allclose(idf(counts), TfidfTransformer(smooth_idf=True).fit(counts).idf_, rtol=1e-6)


def test_rare_features_say_little_and_absent_classes_nothing():
    whole = np.eye(3, dtype=np.float32)[[0, 0, 0, 0, 1, 1, 1, 1]] * 1.0
    counts = np.array([[1, 1, 0]] + [[1, 0, 0]] * 3 + [[0, 0, 1]] * 4, np.float32)
    ratios = log_count_ratios(counts, whole)
    assert ratios[0, 0] > ratios[1, 0] > 0 > ratios[2, 0]
    assert not ratios[:, 2].any()


def test_two_classes_are_told_apart_like_many():
    corpus = corpus_of(noise=0)
    two = Corpus(
        [corpus.texts[row] for row in np.flatnonzero(corpus.labels < 2)],
        corpus.labels[corpus.labels < 2],
        corpus.weights[corpus.labels < 2],
        corpus.folds[corpus.labels < 2],
        2,
    )
    linear = cross_fit(two, ENCODER, LEAST)
    assert (linear.teacher.argmax(axis=1) == two.labels).all()
    assert linear.evidence[NONE].width == 4


@pytest.mark.parametrize("classes", [2, 3])
def test_a_judge_says_what_its_logistic_regression_does(classes, monkeypatch):
    fitted = remembered(monkeypatch, LogisticRegression)
    corpus = replace(corpus_of(), labels=corpus_of().labels % classes, classes=classes)
    draw = np.random.default_rng(0)
    members = [draw.normal(0, 1, (300, classes)) + 2 * np.eye(classes)[corpus.labels] for _ in range(2)]
    told = fit_judge(corpus, members).log_probabilities(members)
    ((model, inputs),) = fitted
    np.testing.assert_allclose(np.exp(told), model.predict_proba(inputs), atol=1e-4)


def test_too_little_to_fit_on_is_told():
    corpus = Corpus(["كده", "واش"], np.array([0, 1]), np.ones(2), np.array([0, 1]), 2)
    with pytest.raises(UsageError, match="too few training tweets to fit linear models out of fold"):
        fit_evidence(corpus, ENCODER, 1, 0)
    corpus = Corpus(["كده", "واش"] * 3, np.array([0, 1] * 3), np.ones(6), np.array([0, 0, 1, 1, 2, 2]), 2)
    assert fit_bayes(corpus, ENCODER, 5) is None
    corpus = corpus_of(noise=0)
    with pytest.raises(UsageError, match=r"no n-gram is in 5000 of them; set model\.bayes_min_count=0"):
        cross_fit(corpus, ENCODER, Counts(1, 5000))


def test_folds_are_even_and_not_those_of_the_split():
    hashes = [f"00000000{number * 2654435761 % 2**32:08x}" for number in range(2000)]
    assert np.bincount(folds_of(hashes, [None] * 2000), minlength=FOLDS).min() > 350
    assert folds_of(["ffffffff00000007", "0000000000000007"], [None, ""]).tolist() == [2, 2]


def test_an_authors_tweets_are_in_one_fold():
    hashes = [f"00000000{number:08x}" for number in range(20)]
    assert len(set(folds_of(hashes, ["a"] * 20))) == 1
    assert len(set(folds_of(hashes, [f"author {number}" for number in range(20)]))) > 1
