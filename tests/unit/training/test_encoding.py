"""Rows of shards: whose evidence a row carries, and what is to be learnt of it."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from adc.errors import UsageError
from adc.model.encoder import Encoder
from adc.model.evidence import Evidence
from adc.model.quantised import Rows
from adc.model.stack import Judge, Stack
from adc.settings import ModelSettings
from adc.training.corpus import Corpus
from adc.training.encoding import SHARD, Encoding, class_weights, refuse_blind
from adc.training.folds import FOLDS, NONE, plain

ENCODER = Encoder(("كده", "واش"), 3)


def telling(number: int) -> Evidence:
    """Tables by which every known word's evidence is this number."""
    none = Rows.of(np.zeros((0, 4)))
    words = Rows(np.full((ENCODER.size, 4), number, np.int8), np.ones((ENCODER.size, 2), np.float16))
    no_idf = np.zeros(0, np.float32)
    return Evidence(
        *(words, np.ones(ENCODER.size, np.float32)),
        *(np.zeros(0, np.int64), none, no_idf),
        *(np.zeros(0, np.uint64), none, no_idf),
        np.zeros(2, np.float32),
    )


ENCODING = Encoding(
    encoder=ENCODER,
    labels=("EG", "MA"),
    evidence=tuple(telling(fold) for fold in (*range(FOLDS), NONE)),
    soft_labels=0.5,
    smoothing=0.1,
    class_weights=np.array([1.0, 2.0], np.float32),
)


def batch(*rows: tuple[str, str, str, list[float] | None]) -> pa.RecordBatch:
    """Rows of (clean, dialect, split, teacher); the n-th is in fold n, and weighs 3."""
    clean, dialect, split, teacher = zip(*rows, strict=True)
    hashes = [f"00000000{number:08x}{number:x}0000000" for number in range(len(rows))]
    return pa.RecordBatch.from_pydict(
        {
            "clean": pa.array(clean),
            "dialect": pa.array(dialect),
            "text_hash": pa.array(hashes),
            "author": pa.nulls(len(rows), pa.string()),
            "split": pa.array(split),
            "weight": pa.array([3.0] * len(rows)),
            "teacher": pa.array(teacher, pa.list_(pa.float32())),
        }
    )


def test_a_row_of_a_shard():
    rows = ENCODING.rows(
        batch(
            ("كده", "EG", "train", np.log([0.2, 0.8])),
            ("واش كده", "MA", "train", None),
            ("واش", "MA", "val", None),
        )
    )
    assert rows.schema == SHARD
    kinds = (np.float16, np.float16, np.float32)
    evidence = [
        np.frombuffer(row, kind).tolist()
        for row, kind in zip(rows.column("evidence").to_pylist(), kinds, strict=True)
    ]
    # A training row's is that of its fold, and what is not trained on has that of new text.
    assert evidence == [[0.0] * 4, [1.0] * 8, [float(NONE)] * 4]
    targets = np.array(rows.column("target").to_pylist())
    np.testing.assert_allclose(targets, [[0.575, 0.425], [0.05, 0.95], [0.05, 0.95]], atol=1e-6)
    assert rows.select(["tokens", "label", "weight", "split"]).to_pylist() == [
        {"tokens": [2], "label": 0, "weight": 3.0, "split": "train"},
        {"tokens": [3, 2], "label": 1, "weight": 6.0, "split": "train"},
        {"tokens": [3], "label": 1, "weight": 3.0, "split": "val"},
    ]


def test_where_the_linear_models_share_the_answer_a_row_carries_theirs():
    # The second class is three times as likely whatever the models say.
    judge = Judge(np.ones(2, np.float32), np.zeros((4, 2), np.float32), np.log([0.25, 0.75]))
    encoding = replace(ENCODING, stack=(Stack(judge), telling(0)))
    rows = encoding.rows(
        batch(
            ("كده", "EG", "train", np.log([0.2, 0.8])),
            ("كده", "EG", "train", None),
            ("واش", "MA", "val", None),
        )
    )
    linear = np.exp(np.array(rows.column("linear").to_pylist()))
    np.testing.assert_allclose(linear, [[0.2, 0.8], [0.25, 0.75], [0.25, 0.75]], atol=1e-6)
    alone = ENCODING.rows(batch(("كده", "EG", "train", np.log([0.2, 0.8]))))
    assert alone.column("linear").to_pylist() == [[]]


def test_a_share_of_the_training_rows_is_read_without_a_tweets_marks():
    text = "<user> كده واش <nl> <url>"
    whole, bare = [1, 2, 3], [2, 3]
    for share, expected in ((0, [whole] * 3), (1 / 16, [bare, whole, whole]), (1, [bare, bare, whole])):
        rows = replace(ENCODING, plain_share=share).rows(
            batch((text, "EG", "train", None), (text, "EG", "train", None), (text, "EG", "val", None))
        )
        assert rows.column("tokens").to_pylist() == expected


def test_the_linear_models_are_fitted_on_texts_as_the_network_reads_them():
    text = "<user> كده واش <nl> <url>"
    rows = batch((text, "EG", "train", None), (text, "EG", "train", None)).to_pandas()
    corpus = Corpus.of(rows, ENCODING.labels, plain_share=1 / 16)
    assert corpus.texts == ["كده واش", text]
    read = replace(ENCODING, plain_share=1 / 16).rows(
        batch((text, "EG", "train", None), (text, "EG", "train", None))
    )
    assert read.column("tokens").to_pylist() == ENCODER.encode_all(corpus.texts)


def test_of_weights_only_their_ratios_count():
    rows = batch(*[("كده واش", "EG", "train", None)] * 3).to_pandas()
    for scale in (1e-6, 1, 100):
        corpus = Corpus.of(rows.assign(weight=[scale, scale, 4 * scale]), ENCODING.labels, plain_share=0)
        assert corpus.weights.tolist() == pytest.approx([0.5, 0.5, 2])


def test_a_text_of_marks_alone_stays():
    assert plain("<url> <user>") == "<url> <user>"
    assert plain("كده <num> <url>") == "كده <num>"


def test_without_tables_a_row_carries_no_evidence():
    rows = replace(ENCODING, evidence=()).rows(batch(("كده", "EG", "train", None)))
    assert rows.column("evidence").to_pylist() == [b""]


def test_rare_classes_weigh_more():
    counts = {"EG": 300, "MA": 100}
    assert class_weights(counts, ("EG", "MA"), 0).tolist() == [1, 1]
    assert class_weights(counts, ("EG", "MA"), 1).tolist() == pytest.approx([2 / 3, 2])


def test_the_network_is_that_of_the_settings():
    spec = ENCODING.network(ModelSettings(cell="lstm", units=7))
    assert (spec.cell, spec.units, spec.vocabulary, spec.classes, spec.evidence) == ("lstm", 7, 4, 2, 4)
    assert replace(ENCODING, evidence=()).network(ModelSettings()).evidence == 0


@pytest.mark.parametrize("nothing", [{"embedding": 0}, {"cell": "none", "dense": 0}])
def test_a_network_that_reads_nothing_is_refused(nothing):
    with pytest.raises(UsageError, match=r"it needs model\.embedding"):
        refuse_blind(ModelSettings(evidence=False, **nothing))
    refuse_blind(ModelSettings(**nothing))


def test_where_no_layer_reads_words_there_are_no_vectors_of_them():
    assert ENCODING.network(ModelSettings(cell="none", dense=0)).embedding == 0
    assert ENCODING.network(ModelSettings(cell="none", dense=8)).embedding == 64
