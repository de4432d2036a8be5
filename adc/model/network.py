"""The network as TensorFlow trains it. `forward` computes the same from the same arrays without it."""

from typing import Any

import keras
import numpy as np

from adc.model.bundle import NetworkSpec
from adc.model.recurrence import GRU

CELLS = {"gru": GRU, "lstm": keras.layers.LSTM, "rnn": keras.layers.SimpleRNN}


def build_network(spec: NetworkSpec, seed: int = 0, cudnn: bool = True) -> Any:
    """A Keras model from tokens, int (B, T), and evidence, float (B, T, spec.evidence), to logits (B, C).

    [word vectors ‖ evidence] → recurrent layer, both ways → maximum, mean and attention over the tokens;
    beside it a dense layer a token → maximum and mean; and the evidence summed; all together → classes.
    cudnn: whether the recurrent layer may be cuDNN's on a GPU, which XLA cannot compile. Word vectors and the
    recurrent layer stay float32 whatever Keras' policy: a table is cast as a whole, and cuDNN's GRU in
    bfloat16 ends in NaN (TensorFlow 2.21, H100).
    """
    tokens = keras.Input((None,), dtype="int32", name="tokens")  # (B, T)
    given = keras.Input((None, spec.evidence), dtype="float32", name="evidence")  # (B, T, 2C)
    mask = keras.ops.not_equal(tokens, 0)  # (B, T)
    weights = keras.ops.expand_dims(keras.ops.cast(mask, "float32"), -1)  # (B, T, 1)

    def uniform(number: int) -> Any:
        return keras.initializers.GlorotUniform(seed=seed + number)

    inputs, pooled = [], []
    if spec.embedding:
        words = keras.layers.Embedding(
            spec.vocabulary,
            spec.embedding,
            embeddings_initializer=keras.initializers.RandomUniform(seed=seed),
            dtype="float32",
            name="words",
        )(tokens)  # (B, T, E)
        inputs.append(keras.layers.SpatialDropout1D(spec.dropout, seed=seed + 1)(words))
    if spec.evidence:
        shown = keras.layers.Dropout(spec.evidence_dropout, noise_shape=(None, None, 1), seed=seed + 6)(given)
        inputs.append(shown)
        pooled.append(keras.ops.sum(shown * weights, axis=1))  # (B, 2C)
    features = keras.ops.concatenate(inputs, -1)  # (B, T, E + 2C)

    def largest_and_mean(values: Any) -> list[Any]:
        largest = keras.ops.max(values - 1e9 * (1 - weights), axis=1)
        return [largest, keras.ops.sum(values * weights, axis=1) / keras.ops.sum(weights, axis=1)]

    if spec.cell != "none":
        loop = {} if spec.cell == "rnn" else {"use_cudnn": "auto" if cudnn else False}
        # Left to itself, Bidirectional copies the layer with its seeds: both ways would start out the same.
        forward, backward = (
            CELLS[spec.cell](
                spec.units,
                return_sequences=True,
                go_backwards=backwards,
                kernel_initializer=uniform(2 + 10 * backwards),
                recurrent_initializer=keras.initializers.Orthogonal(seed=seed + 3 + 10 * backwards),
                dtype="float32",
                **loop,
            )
            for backwards in (False, True)
        )
        both = keras.layers.Bidirectional(forward, backward_layer=backward, dtype="float32", name="states")
        states = both(features, mask=mask)  # (B, T, 2U)
        scores = keras.layers.Dense(1, use_bias=False, kernel_initializer=uniform(7), name="attention")(
            states
        )
        attention = keras.ops.softmax(scores - 1e9 * (1 - weights), axis=1)  # (B, T, 1)
        pooled += [*largest_and_mean(states), keras.ops.sum(states * attention, axis=1)]
    if spec.dense:
        dense = keras.layers.Dense(
            spec.dense, activation="tanh", kernel_initializer=uniform(8), name="dense"
        )(features)  # (B, T, D)
        pooled += largest_and_mean(dense)
    joined = keras.layers.Dropout(spec.output_dropout, seed=seed + 4)(keras.ops.concatenate(pooled, -1))
    logits = keras.layers.Dense(spec.classes, kernel_initializer=uniform(5), dtype="float32", name="logits")(
        joined
    )  # (B, C)
    return keras.Model([tokens, given], logits, name=f"bi{spec.cell}")


def export_weights(network: Any) -> dict[str, np.ndarray]:
    """The trained arrays under the names that `forward` reads."""
    layers = {layer.name: layer for layer in network.layers}
    arrays = {}
    if "words" in layers:
        arrays["words"] = layers["words"].embeddings
    if "states" in layers:
        for way in ("forward", "backward"):
            cell = getattr(layers["states"], f"{way}_layer").cell
            arrays |= {
                f"{way}_kernel": cell.kernel,
                f"{way}_recurrent": cell.recurrent_kernel,
                f"{way}_bias": cell.bias,
            }
        arrays["attention"] = layers["attention"].kernel
    for name in ("dense", "logits"):
        if name in layers:
            arrays |= {f"{name}_kernel": layers[name].kernel, f"{name}_bias": layers[name].bias}
    return {
        name: np.asarray(keras.ops.convert_to_numpy(array), np.float16 if name == "words" else np.float32)
        for name, array in arrays.items()
    }


def as_stored(network: Any) -> None:
    """Rounds the word vectors to the half precision that `export_weights` keeps them in."""
    for layer in network.layers:
        if layer.name == "words":
            layer.embeddings.assign(keras.ops.cast(keras.ops.cast(layer.embeddings, "float16"), "float32"))
