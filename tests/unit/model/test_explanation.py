"""What a model saw in a text: recomputed word by word from its own answers and tables."""

from dataclasses import replace

import numpy as np
import pytest

from adc.model.bundle import Bundle
from adc.model.encoder import Encoder
from adc.model.explanation import explain
from adc.model.predictor import Predictor


def test_a_word_is_worth_what_leaving_it_out_costs(tiny_bundle: Bundle) -> None:
    predictor, answer = Predictor(tiny_bundle), tiny_bundle.labels.index("MA")

    read = explain(predictor, "عايز واش بزاف", "MA")

    whole, *without = predictor.probabilities(["عايز واش بزاف", "واش بزاف", "عايز بزاف", "عايز واش"])[
        :, answer
    ]
    assert [word.text for word in read] == ["عايز", "واش", "بزاف"]
    assert [word.effect for word in read] == pytest.approx(
        [float(np.log(whole / (1 - whole) / p * (1 - p))) for p in without], rel=1e-3
    )


def test_a_word_speaks_for_the_dialects_of_its_evidence(tiny_bundle: Bundle) -> None:
    assert tiny_bundle.evidence
    word = explain(Predictor(tiny_bundle), "بزاف", "EG", least=0.5)[0]

    svm, bayes = tiny_bundle.evidence.of_tokens(tiny_bundle.encoder.tokens(["بزاف"]))[0].reshape(2, -1)
    over_mean = dict(zip(tiny_bundle.labels, svm + bayes - (svm + bayes).mean(), strict=True))
    expected = sorted((item for item in over_mean.items() if item[1] >= 0.5), key=lambda i: -i[1])
    assert expected
    assert [label for label, _ in word.speaks_for] == [label for label, _ in expected]
    assert [strength for _, strength in word.speaks_for] == pytest.approx([value for _, value in expected])


def test_what_was_not_read_has_no_part_in_the_answer(tiny_bundle: Bundle) -> None:
    short = replace(tiny_bundle, encoder=Encoder(tiny_bundle.encoder.vocabulary, max_tokens=2))

    read = explain(Predictor(short), "عايز كده بزاف", "EG")

    assert [word.effect is None for word in read] == [False, False, True]
    assert read[2].speaks_for == ()
