"""The network's forward pass in NumPy, from a bundle's plain arrays: what scoring runs.

Cells as Keras 3 defines them: GRU with reset_after (Cho et al. 2014, cuDNN's form), LSTM after Hochreiter
and Schmidhuber 1997 with a forget gate.
"""

from collections.abc import Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]


def logits(weights: Arrays, cell: str, tokens: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """Float (B, C) from tokens, int (B, T), padded at the end with 0, and their evidence, float (B, T, 2C).

    Every row holds a token. A network without evidence takes (B, T, 0). The same as
    `adc.model.network.build_network`: which parts there are is told by their arrays.
    """
    mask = (tokens != 0)[:, :, None]  # (B, T, 1)
    features, pooled = evidence, [(evidence * mask).sum(axis=1)]
    if "words" in weights:
        features = np.concatenate([weights["words"][tokens], evidence], axis=-1)  # (B, T, E + 2C)
    if cell != "none":
        forward = _states(weights, "forward", cell, features, mask)
        backward = _states(weights, "backward", cell, features[:, ::-1], mask[:, ::-1])[:, ::-1]
        states = np.concatenate([forward, backward], axis=-1)  # (B, T, 2U)
        powers = softmax(np.where(mask, states @ weights["attention"], -np.inf))  # (B, T, 1)
        pooled += [*_largest_and_mean(states, mask), (states * powers).sum(axis=1)]
    if "dense_kernel" in weights:
        dense = np.tanh(features @ weights["dense_kernel"] + weights["dense_bias"])  # (B, T, D)
        pooled += _largest_and_mean(dense, mask)
    result: np.ndarray = np.concatenate(pooled, axis=-1) @ weights["logits_kernel"] + weights["logits_bias"]
    return result


def _largest_and_mean(values: np.ndarray, mask: np.ndarray) -> list[np.ndarray]:
    largest = np.where(mask, values, -np.inf).max(axis=1)
    return [largest, (values * mask).sum(axis=1) / mask.sum(axis=1, dtype=np.float32)]


def _states(weights: Arrays, way: str, cell: str, features: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The hidden state after every token, float (B, T, U); padding leaves it as it was."""
    kernel, recurrent, bias = (weights[f"{way}_{part}"] for part in ("kernel", "recurrent", "bias"))
    batch, length, _ = features.shape
    units = recurrent.shape[0]
    hidden = np.zeros((batch, units), np.float32)
    memory = np.zeros((batch, units), np.float32)
    inputs = features @ kernel + (bias[0] if cell == "gru" else bias)  # (B, T, G·U), of G gates
    states = np.empty((batch, length, units), np.float32)
    for step in range(length):
        if cell == "gru":
            new_hidden, new_memory = _gru(inputs[:, step], hidden, recurrent, bias[1]), memory
        elif cell == "rnn":
            new_hidden, new_memory = np.tanh(inputs[:, step] + hidden @ recurrent), memory
        else:
            new_hidden, new_memory = _lstm(inputs[:, step], hidden, memory, recurrent)
        hidden = np.where(mask[:, step], new_hidden, hidden)
        memory = np.where(mask[:, step], new_memory, memory)
        states[:, step] = hidden
    return states


def _gru(inputs: np.ndarray, hidden: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> np.ndarray:
    units = hidden.shape[1]
    inner = hidden @ recurrent + bias
    gates = _sigmoid(inputs[:, : 2 * units] + inner[:, : 2 * units])
    update, reset = gates[:, :units], gates[:, units:]
    candidate = np.tanh(inputs[:, 2 * units :] + reset * inner[:, 2 * units :])
    result: np.ndarray = update * hidden + (1 - update) * candidate
    return result


def _lstm(
    inputs: np.ndarray, hidden: np.ndarray, memory: np.ndarray, recurrent: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    entry, forget, candidate, output = np.split(inputs + hidden @ recurrent, 4, axis=1)
    memory = _sigmoid(forget) * memory + _sigmoid(entry) * np.tanh(candidate)
    return _sigmoid(output) * np.tanh(memory), memory


def _sigmoid(values: np.ndarray) -> np.ndarray:
    # By tanh, which overflows nowhere.
    result: np.ndarray = 0.5 * np.tanh(0.5 * values) + 0.5
    return result


def log_softmax(values: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Log-probabilities along the second axis, (B, C) from logits."""
    scaled = values / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    result: np.ndarray = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return result


def softmax(values: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities along the second axis, (B, C) from logits.

    A temperature over 1 makes them less certain.
    """
    result: np.ndarray = np.exp(log_softmax(values, temperature))
    return result
