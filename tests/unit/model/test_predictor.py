"""From clean texts to predictions: the same for a text wherever it stands, and honest about its doubts."""

import pickle
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adc.model.bundle import NetworkSpec
from adc.model.encoder import Encoder
from adc.model.predictor import COLUMNS, PREDICTION, Predictor, unjudged_notes
from adc.settings import ScoreSettings

TEXTS = [
    "عايز كده",
    "<user> واش بزاف دابا ؟",
    "وش ابغى الحين",
    "كلمة ما عرفها احد",
    "اليوم",
    "عايز كده",
    "😂 😂",
    "<url> وش <nl> دابا 😂 " * 5,
]


@pytest.fixture(scope="module")
def predictor(tiny_bundle) -> Predictor:
    return Predictor(tiny_bundle)


@pytest.fixture(scope="module")
def certain(tiny_bundle):
    """A predictor whose probabilities are those given, over any labels, for every text."""

    def predictor_of(probabilities: dict[str, float], **options) -> Predictor:
        spec = NetworkSpec("gru", 1, 1, 2, len(probabilities), 0.0, 0.0, 0.0)
        gates = {
            f"{way}_{part}": np.zeros(shape, np.float32)
            for way in ("forward", "backward")
            for part, shape in (("kernel", (1, 3)), ("recurrent", (1, 3)), ("bias", (2, 3)))
        }
        weights = gates | {
            "words": np.zeros((2, 1), np.float32),
            "attention": np.zeros((2, 1), np.float32),
            "logits_kernel": np.zeros((6, len(probabilities)), np.float32),
            "logits_bias": np.log(np.array(list(probabilities.values()), np.float32)),
        }
        bundle = replace(
            tiny_bundle,
            labels=tuple(probabilities),
            encoder=Encoder((), 5),
            network=spec,
            weights=weights,
            evidence=None,
            stack=None,
            blend=0.0,
            temperature=1.0,
        )
        return Predictor(bundle, ScoreSettings(**options))

    return predictor_of


def rows(predicted: pa.StructArray) -> list[dict[str, object]]:
    told: list[dict[str, object]] = predicted.to_pylist()
    return told


FIVE = {"EG": 0.4, "SA": 0.25, "KW": 0.2, "MA": 0.1, "LY": 0.05}


def test_all_columns_of_a_prediction(certain):
    predicted = certain(FIVE, top_k=2, plausible_mass=0.8).predict(["كيف حالك"])
    assert rows(predicted) == [
        {
            "dialect": "EG",
            "confidence": pytest.approx(0.4),
            "region": "Gulf",
            "region_confidence": pytest.approx(0.45),
            "plausible": ["EG", "SA", "KW"],
            "top_k": [
                {"dialect": "EG", "probability": pytest.approx(0.4)},
                {"dialect": "SA", "probability": pytest.approx(0.25)},
            ],
            "note": None,
        }
    ]


def test_probabilities_are_told_by_temperature_and_sum_to_one(predictor, tiny_bundle):
    calm = predictor.probabilities(TEXTS)
    sharp = Predictor(replace(tiny_bundle, temperature=0.5)).probabilities(TEXTS)
    assert calm.shape == (len(TEXTS), 3)
    assert (calm > 0).all()
    np.testing.assert_allclose(calm.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(calm.argmax(axis=1), sharp.argmax(axis=1))
    assert (sharp.max(axis=1) > calm.max(axis=1)).all()


@given(
    places=st.lists(st.integers(0, len(TEXTS) - 1), max_size=20),
    batch_size=st.integers(1, 9),
)
@settings(max_examples=60, derandomize=True, deadline=None)
def test_a_texts_probabilities_depend_on_the_text_alone(tiny_bundle, places, batch_size):
    alone = np.concatenate([Predictor(tiny_bundle).probabilities([text]) for text in TEXTS])
    together = Predictor(tiny_bundle, ScoreSettings(batch_size=batch_size)).probabilities(
        [TEXTS[place] for place in places]
    )
    np.testing.assert_allclose(together, alone[places], atol=1e-6)


@pytest.mark.parametrize("tokens_at_once", [1, 7, 30])
def test_texts_are_the_same_however_few_tokens_are_looked_up_together(
    tiny_bundle, monkeypatch, tokens_at_once
):
    whole = Predictor(tiny_bundle).probabilities(TEXTS)
    monkeypatch.setattr("adc.model.predictor.TOKENS_AT_ONCE", tokens_at_once)
    np.testing.assert_allclose(Predictor(tiny_bundle).probabilities(TEXTS), whole, atol=1e-6)


def test_only_the_first_tokens_are_read(predictor):
    long = " ".join(["عايز"] * 12)
    read, cut = predictor.probabilities([long, f"{long} واش دابا"])
    np.testing.assert_allclose(read, cut, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("", "no_arabic"),
        ("good morning 😂 ؟ 5", "no_arabic"),
        ("<user> <url>", "no_arabic"),
        ("لا", "too_short"),
        ("<user> و ok لا", None),
        ("اه ok و", None),
        ("و ok لا", None),
        ("ok لا", "too_short"),
        ("این کتاب را برای من بخر", "no_arabic"),
        ("كيف", None),
    ],
)
def test_what_cannot_be_judged_gets_a_note_and_nothing_else(predictor, text, note):
    assert unjudged_notes(pa.array([text])).to_pylist() == [note]
    row = rows(predictor.predict([text]))[0]
    assert row["note"] == note
    given_values = [name for name in COLUMNS if name != "note" and row[name] is not None]
    assert given_values == ([] if note else list(COLUMNS[:-1]))


def test_notes_and_predictions_stand_where_their_texts_stood(predictor):
    texts = ["", *TEXTS, "ok", "لا"]
    predicted = predictor.predict(texts)
    for text, row in zip(texts, rows(predicted), strict=True):
        alone = rows(predictor.predict([text]))[0]
        assert [row[name] for name in ("dialect", "region", "plausible", "note")] == [
            alone[name] for name in ("dialect", "region", "plausible", "note")
        ]
        assert row["note"] == unjudged_notes(pa.array([text])).to_pylist()[0]
        assert (row["confidence"] is None) == (row["note"] is not None)


@pytest.mark.parametrize(
    ("below", "dialect", "note"),
    [(0.0, "EG", None), (0.39, "EG", None), (0.41, None, "low_confidence"), (1.0, None, "low_confidence")],
)
def test_abstention_leaves_the_dialect_out_and_the_rest_in(certain, below, dialect, note):
    row = rows(certain(FIVE, abstain_below=below).predict(["كيف حالك"]))[0]
    assert (row["dialect"], row["note"]) == (dialect, note)
    assert row["confidence"] == pytest.approx(0.4)
    assert len(row["top_k"]) == 3


def test_a_confidence_just_as_high_as_asked_for_is_enough(certain):
    just = rows(certain(FIVE).predict(["كيف حالك"]))[0]["confidence"]
    assert rows(certain(FIVE, abstain_below=just).predict(["كيف حالك"]))[0]["dialect"] == "EG"


@pytest.mark.parametrize(
    ("mass", "plausible"),
    [
        (0.0, ["EG"]),
        (0.39, ["EG"]),
        (0.41, ["EG", "SA"]),
        (0.84, ["EG", "SA", "KW"]),
        (0.9, ["EG", "SA", "KW", "MA"]),
        (1.0, ["EG", "SA", "KW", "MA", "LY"]),
    ],
)
def test_plausible_dialects_are_the_fewest_that_hold_the_mass(certain, mass, plausible):
    assert rows(certain(FIVE, plausible_mass=mass).predict(["كيف حالك"]))[0]["plausible"] == plausible


@pytest.mark.parametrize("top_k", [1, 4, 5, 18])
def test_top_k_dialects_the_likeliest_first(certain, top_k):
    top = rows(certain(FIVE, top_k=top_k).predict(["كيف حالك"]))[0]["top_k"]
    assert [entry["dialect"] for entry in top] == list(FIVE)[:top_k]


def test_the_region_is_that_of_the_most_mass_not_of_the_first_dialect(certain):
    row = rows(certain({"MA": 0.4, "SA": 0.35, "KW": 0.25}).predict(["كيف حالك"]))[0]
    assert (row["dialect"], row["region"]) == ("MA", "Gulf")
    assert row["region_confidence"] == pytest.approx(0.6)


def test_a_region_of_all_dialects_is_never_surer_than_certain(certain):
    gulf = ("AE", "BH", "KW", "OM", "QA", "SA")
    draw = np.random.default_rng(0)
    for _ in range(100):
        predictor = certain(dict(zip(gulf, draw.dirichlet(np.ones(6)), strict=True)))
        told = rows(predictor.predict(["كيف حالك"]))[0]["region_confidence"]
        assert 1 - 1e-6 < told <= 1


def test_labels_of_a_users_own_are_regions_of_their_own(certain):
    row = rows(certain({"msa": 0.7, "EG": 0.3}).predict(["كيف حالك"]))[0]
    assert (row["dialect"], row["region"], row["plausible"]) == ("msa", "msa", ["msa", "EG"])


def test_no_texts_make_no_rows(predictor):
    assert predictor.predict([]).type == PREDICTION
    assert len(predictor.predict([])) == len(predictor.predict(["", "ok"])) - 2 == 0
    assert predictor.probabilities([]).shape == (0, 3)


def test_a_predictor_travels_to_executors(predictor):
    predictor.predict(TEXTS)
    there = pickle.dumps(predictor)
    # What was computed on the way stays at home.
    assert len(there) < len(pickle.dumps(predictor.bundle)) + 1000
    assert pickle.loads(there).predict(TEXTS) == predictor.predict(TEXTS)


def test_a_words_inputs_are_kept_and_the_answers_stay_the_same(tiny_bundle):
    fresh, used = Predictor(tiny_bundle), Predictor(tiny_bundle)
    for text in TEXTS:
        used.probabilities([text])
    np.testing.assert_allclose(used.probabilities(TEXTS), fresh.probabilities(TEXTS), atol=1e-6)
