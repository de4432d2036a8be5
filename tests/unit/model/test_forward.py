"""The NumPy forward pass: the same numbers as the Keras network that training optimises."""

import numpy as np
import pytest

from adc.model.bundle import NetworkSpec
from adc.model.encoder import padded
from adc.model.forward import logits, softmax

# Keras' own, on every array it hands over.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

LENGTHS = (1, 7, 3, 12, 12, 2)
CELLS = ("gru", "lstm")


@pytest.fixture(scope="module", params=CELLS)
def trained(request):
    """(cell, Keras network, its arrays): weights drawn wide, biases too, so that every term counts."""
    from adc.model.network import build_network, export_weights

    network = build_network(NetworkSpec(request.param, 6, 5, 40, 3, 0.4), seed=1)
    draw = np.random.default_rng(2)
    network.set_weights([draw.normal(0, 0.7, array.shape) for array in network.get_weights()])
    return request.param, network, export_weights(network)


@pytest.fixture(scope="module")
def sequences() -> list[np.ndarray]:
    draw = np.random.default_rng(3)
    return [draw.integers(1, 40, length) for length in LENGTHS]


@pytest.mark.parametrize("width", [12, 16], ids=["padded to the longest", "padded beyond it"])
def test_same_logits_as_keras_for_texts_of_unequal_length(trained, sequences, width):
    cell, network, weights = trained
    tokens = padded(sequences, width)
    ours = logits(weights, cell, tokens)
    assert ours.shape == (len(LENGTHS), 3)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, network.predict_on_batch(tokens), atol=1e-5)
    assert np.ptp(ours, axis=0).min() > 0.1


def test_padding_changes_nothing(trained, sequences):
    cell, _, weights = trained
    alone = [logits(weights, cell, padded([sequence]))[0] for sequence in sequences]
    np.testing.assert_allclose(logits(weights, cell, padded(sequences, 20)), alone, atol=1e-6)


def test_the_order_of_words_matters(trained):
    cell, _, weights = trained
    there, back = logits(weights, cell, np.array([[2, 3, 4, 5], [5, 4, 3, 2]], np.int32))
    assert np.abs(there - back).max() > 1e-3


def test_dropout_is_for_training_only(trained, sequences):
    cell, network, weights = trained
    tokens = padded(sequences)
    learning = np.asarray(network(tokens, training=True))
    assert np.abs(learning - logits(weights, cell, tokens)).max() > 1e-3


@pytest.mark.parametrize("cell", CELLS)
def test_the_same_seed_builds_the_same_network_and_another_seed_another(cell):
    from adc.model.network import build_network, export_weights

    spec = NetworkSpec(cell, 3, 4, 10, 2, 0.1)
    first, again, other = (export_weights(build_network(spec, seed)) for seed in (5, 5, 6))
    assert {name: array.shape for name, array in first.items()} == {
        "words": (10, 4),
        **{
            f"{way}_{part}": shape
            for way in ("forward", "backward")
            for part, shape in (
                {"kernel": (4, 9), "recurrent": (3, 9), "bias": (2, 9)}
                if cell == "gru"
                else {"kernel": (4, 12), "recurrent": (3, 12), "bias": (12,)}
            ).items()
        },
        "logits_kernel": (12, 2),
        "logits_bias": (2,),
    }
    assert all(array.dtype == np.float32 for array in first.values())
    assert all((first[name] == again[name]).all() for name in first)
    assert not (first["words"] == other["words"]).all()
    assert not (first["forward_kernel"] == first["backward_kernel"]).all()


def test_softmax_is_stable_and_calibrated_by_temperature():
    values = np.array([[1000.0, 999.0, -1000.0], [0.0, 0.0, 0.0]], np.float32)
    odds = np.exp([0, -1]) / np.exp([0, -1]).sum()
    np.testing.assert_allclose(softmax(values), [[*odds, 0], [1 / 3] * 3], atol=1e-6)
    cooler = np.exp([0, -0.5]) / np.exp([0, -0.5]).sum()
    np.testing.assert_allclose(softmax(values, 2.0)[0], [*cooler, 0], atol=1e-6)
