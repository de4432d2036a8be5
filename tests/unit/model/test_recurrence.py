"""The loop of our own is Keras' GRU: the same states, last state and gradients."""

import numpy as np
import pytest

# Keras' own, on every array it hands over.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

LENGTHS = [1, 6, 3, 6, 2]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("longest", [1, 6, 8])
def test_states_and_gradients_are_those_of_keras(backwards, longest):
    import keras
    import tensorflow as tf

    from adc.model.recurrence import GRU

    draw = np.random.default_rng(longest)
    sequences = draw.normal(size=(5, longest, 4)).astype(np.float32)
    mask = tf.sequence_mask(np.minimum(LENGTHS, longest), longest)
    weights = [draw.normal(size=shape).astype(np.float32) for shape in ((4, 9), (3, 9), (2, 9))]
    by_states = draw.normal(size=(5, longest, 3)).astype(np.float32)
    # Keras hands the states of a backward layer over in reverse.
    meant = mask[:, ::-1] if backwards else mask
    told = []
    for kind in (keras.layers.GRU, GRU):
        layer = kind(3, return_sequences=True, go_backwards=backwards)
        layer.build(sequences.shape)
        layer.set_weights(weights)
        with tf.GradientTape() as tape:
            given = tf.Variable(sequences)
            states = layer(given, mask=mask) * tf.cast(meant, tf.float32)[:, :, None]
            loss = tf.reduce_sum(states * by_states)
        asked = [given, *(variable.value for variable in layer.trainable_variables)]
        told.append([states.numpy(), *(slope.numpy() for slope in tape.gradient(loss, asked))])
    for theirs, ours in zip(*told, strict=True):
        assert np.abs(theirs).max() > 0.1 or longest == 1
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-6)


def test_without_a_mask_keras_computes():
    import keras

    from adc.model.recurrence import GRU

    sequences = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
    theirs, ours = keras.layers.GRU(3), GRU(3)
    theirs.build(sequences.shape)
    ours.build(sequences.shape)
    ours.set_weights(theirs.get_weights())
    expected = keras.ops.convert_to_numpy(theirs(sequences))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(ours(sequences)), expected)
