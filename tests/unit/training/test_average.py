"""The moving average of weights that a bundle holds."""

import numpy as np
import pytest

from adc.model.forward import softmax
from adc.training.average import Average
from adc.training.calibration import fit_temperature


@pytest.fixture
def weight():
    import keras

    return keras.Variable(np.array([1.0], np.float32))


def test_without_an_update_the_weights_are_their_own(weight):
    average = Average([weight])
    weight.assign([5.0])
    with average.in_place():
        assert weight.numpy().tolist() == [5.0]


def test_the_first_updates_count_more_and_the_weights_come_back(weight):
    average = Average([weight])
    weight.assign([11.0])
    average.update()
    with average.in_place():
        assert weight.numpy() == pytest.approx([1 * 0.1 + 11 * 0.9])
    assert weight.numpy().tolist() == [11.0]
    for _ in range(400):
        average.update()
    with average.in_place():
        assert weight.numpy() == pytest.approx([11.0], abs=1e-3)


@pytest.mark.parametrize("truth", [0.1, 1.0, 3.0, 40.0])
def test_the_temperature_that_made_the_labels_is_found(truth):
    draw = np.random.default_rng(0)
    logits = draw.normal(0, 3 * truth, (20000, 3)).astype(np.float32)
    noise = draw.gumbel(size=logits.shape)
    assert fit_temperature(logits, (logits / truth + noise).argmax(axis=1)) == pytest.approx(truth, rel=0.05)


def test_a_few_rows_that_are_all_right_make_no_answer_certain():
    draw = np.random.default_rng(0)
    logits = draw.normal(0, 1, (20, 3))
    told = softmax(logits, fit_temperature(logits, logits.argmax(axis=1)))
    assert told.max(axis=1).mean() < 0.97
