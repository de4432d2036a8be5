"""The NumPy forward pass: the same numbers as the Keras network that training optimises."""

import numpy as np
import pytest

from adc.model.bundle import NetworkSpec
from adc.model.forward import Forward, log_softmax, softmax
from tests.conftest import weight_shapes

# Keras' own, on every array it hands over.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

LENGTHS = np.array([1, 7, 3, 12, 12, 2])
DROPOUTS = (0.4, 0.5, 0.1)
SPECS = {
    "whole, gru": NetworkSpec("gru", 6, 5, 40, 3, *DROPOUTS, evidence=6, dense=4),
    "whole, lstm": NetworkSpec("lstm", 6, 5, 40, 3, *DROPOUTS, evidence=6, dense=4),
    "whole, rnn": NetworkSpec("rnn", 6, 5, 40, 3, *DROPOUTS, evidence=6, dense=4),
    "words alone": NetworkSpec("gru", 6, 5, 40, 3, *DROPOUTS),
    "evidence alone": NetworkSpec("lstm", 6, 0, 40, 3, *DROPOUTS, evidence=6),
    "no recurrence": NetworkSpec("none", 6, 5, 40, 3, *DROPOUTS, evidence=6, dense=4),
    "linear": NetworkSpec("none", 6, 0, 40, 3, *DROPOUTS, evidence=6),
}
RECURRENT = [name for name, spec in SPECS.items() if spec.cell != "none"]


def built(name: str):
    """(spec, Keras network, its arrays): weights drawn wide, biases too, so that every term counts."""
    from adc.model.network import as_stored, build_network, export_weights

    network = build_network(SPECS[name], seed=1)
    draw = np.random.default_rng(2)
    network.set_weights([draw.normal(0, 0.7, array.shape) for array in network.get_weights()])
    as_stored(network)
    return SPECS[name], network, export_weights(network)


@pytest.fixture(scope="module", params=SPECS)
def trained(request):
    return built(request.param)


@pytest.fixture(scope="module", params=RECURRENT)
def recurrent(request):
    return built(request.param)


@pytest.fixture(scope="module")
def sequences() -> list[np.ndarray]:
    draw = np.random.default_rng(3)
    return [draw.integers(1, 40, length) for length in LENGTHS]


def inputs(spec: NetworkSpec, sequences, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens and evidence, which depends on the token, padded to a width."""
    table = np.random.default_rng(4).normal(0, 1, (40, spec.evidence)).astype(np.float32)
    tokens = np.zeros((len(sequences), width), np.int32)
    for row, sequence in zip(tokens, sequences, strict=True):
        row[: len(sequence)] = sequence
    return tokens, np.where(tokens[:, :, None] > 0, table[tokens], 0)


def logits(weights, cell: str, tokens: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """The forward pass on padded texts; what pads is a word like others, as it does not matter."""
    forward = Forward(weights, cell)
    inputs = forward.inputs(tokens.T.ravel(), evidence.transpose(1, 0, 2).reshape(tokens.size, -1))
    return forward.logits(inputs.reshape(*tokens.T.shape, -1), (tokens != 0).sum(axis=1))


@pytest.mark.parametrize("width", [12, 16], ids=["padded to the longest", "padded beyond it"])
def test_same_logits_as_keras_for_texts_of_unequal_length(trained, sequences, width):
    spec, network, weights = trained
    tokens, evidence = inputs(spec, sequences, width)
    ours = logits(weights, spec.cell, tokens, evidence)
    assert ours.shape == (len(LENGTHS), 3)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, network.predict_on_batch([tokens, evidence]), rtol=1e-5, atol=2e-5)
    assert np.ptp(ours, axis=0).min() > 0.1


def test_padding_changes_nothing(trained, sequences):
    spec, _, weights = trained
    alone = [
        logits(weights, spec.cell, *inputs(spec, [sequence], len(sequence)))[0] for sequence in sequences
    ]
    together = logits(weights, spec.cell, *inputs(spec, sequences, 20))
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-5)


def test_the_order_of_words_matters_to_what_is_recurrent(recurrent):
    spec, _, weights = recurrent
    texts = [np.array([2, 3, 4, 5]), np.array([5, 4, 3, 2])]
    there, back = logits(weights, spec.cell, *inputs(spec, texts, 4))
    assert np.abs(there - back).max() > 1e-3


def test_dropout_is_for_training_only(trained, sequences):
    spec, network, weights = trained
    tokens, evidence = inputs(spec, sequences, 12)
    learning = np.asarray(network([tokens, evidence], training=True))
    assert np.abs(learning - logits(weights, spec.cell, tokens, evidence)).max() > 1e-3


@pytest.mark.parametrize("name", SPECS)
def test_the_same_seed_builds_the_same_network_and_another_seed_another(name):
    from adc.model.network import build_network, export_weights

    first, again, other = (export_weights(build_network(SPECS[name], seed)) for seed in (5, 5, 6))
    assert {name: array.shape for name, array in first.items()} == weight_shapes(SPECS[name])
    assert all(array.dtype == np.float32 for name, array in first.items() if name != "words")
    assert all((first[name] == again[name]).all() for name in first)
    assert not (first["logits_kernel"] == other["logits_kernel"]).all()
    if SPECS[name].cell != "none":
        assert not (first["forward_kernel"] == first["backward_kernel"]).all()


def test_softmax_is_stable_and_calibrated_by_temperature():
    values = np.array([[1000.0, 999.0, -1000.0], [0.0, 0.0, 0.0]], np.float32)
    odds = np.exp([0, -1]) / np.exp([0, -1]).sum()
    np.testing.assert_allclose(softmax(values), [[*odds, 0], [1 / 3] * 3], atol=1e-6)
    np.testing.assert_allclose(log_softmax(values)[0], [*np.log(odds), -2000 + np.log(odds[0])], atol=1e-3)
    cooler = np.exp([0, -0.5]) / np.exp([0, -0.5]).sum()
    np.testing.assert_allclose(softmax(values, 2.0)[0], [*cooler, 0], atol=1e-6)
