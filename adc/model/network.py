"""The network as TensorFlow trains it. `forward` computes the same from the same arrays without it."""

from typing import Any

import keras
import numpy as np

from adc.model.bundle import NetworkSpec

CELLS = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}


def build_network(spec: NetworkSpec, seed: int = 0) -> Any:
    """A Keras model from tokens, int (B, T), to logits, float (B, C).

    Word vectors → recurrent layer, both ways → maximum and mean over the tokens → classes.
    """
    tokens = keras.Input((None,), dtype="int32", name="tokens")  # (B, T)
    mask = keras.ops.not_equal(tokens, 0)  # (B, T)
    weights = keras.ops.expand_dims(keras.ops.cast(mask, "float32"), -1)  # (B, T, 1)

    words = keras.layers.Embedding(
        spec.vocabulary,
        spec.embedding,
        embeddings_initializer=keras.initializers.RandomUniform(seed=seed),
        name="words",
    )(tokens)  # (B, T, E)
    words = keras.layers.SpatialDropout1D(spec.dropout, seed=seed + 1)(words)
    # Left to itself, Bidirectional copies the layer with its seeds: both ways would start out the same.
    forward, backward = (
        CELLS[spec.cell](
            spec.units,
            return_sequences=True,
            go_backwards=backwards,
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 2 + 10 * backwards),
            recurrent_initializer=keras.initializers.Orthogonal(seed=seed + 3 + 10 * backwards),
        )
        for backwards in (False, True)
    )
    states = keras.layers.Bidirectional(forward, backward_layer=backward, name="states")(
        words, mask=mask
    )  # (B, T, 2U)
    largest = keras.ops.max(states - 1e9 * (1 - weights), axis=1)  # (B, 2U)
    mean = keras.ops.sum(states * weights, axis=1) / keras.ops.sum(weights, axis=1)  # (B, 2U)
    pooled = keras.layers.Dropout(spec.dropout / 2, seed=seed + 4)(keras.ops.concatenate([largest, mean], -1))
    logits = keras.layers.Dense(
        spec.classes, kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 5), name="logits"
    )(pooled)  # (B, C)
    return keras.Model(tokens, logits, name=f"bi{spec.cell}")


def export_weights(network: Any) -> dict[str, np.ndarray]:
    """The trained arrays under the names that `forward` reads."""
    states = network.get_layer("states")
    arrays = {"words": network.get_layer("words").embeddings}
    for way, layer in (("forward", states.forward_layer), ("backward", states.backward_layer)):
        arrays |= {
            f"{way}_kernel": layer.cell.kernel,
            f"{way}_recurrent": layer.cell.recurrent_kernel,
            f"{way}_bias": layer.cell.bias,
        }
    logits = network.get_layer("logits")
    arrays |= {"logits_kernel": logits.kernel, "logits_bias": logits.bias}
    return {name: np.asarray(keras.ops.convert_to_numpy(array), np.float32) for name, array in arrays.items()}
