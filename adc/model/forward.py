"""The network's forward pass in NumPy, from a bundle's plain arrays: what scoring runs.

Cells as Keras 3 defines them: GRU with reset_after (Cho et al. 2014, cuDNN's form), LSTM after Hochreiter
and Schmidhuber 1997 with a forget gate.
"""

from collections.abc import Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]
# One array for the forward pass over the tokens, one for the backward.
Ways = tuple[np.ndarray, np.ndarray]


class Forward:
    """A network's arrays, laid out for many texts.

    Everything below the recurrence is linear in a token's word and evidence, so it is computed once for each
    different word and pair (`inputs`, `of_pairs`) and added up. Of the F numbers of a row of inputs the first
    2C are the evidence itself, then comes what enters the gates, forward and backward, then the dense layer.
    evidence: 2C, or 0 for a network that reads none.
    """

    def __init__(self, weights: Arrays, cell: str) -> None:
        self.cell, self.weights = cell, weights
        self._words = weights.get("words")
        width = 0 if self._words is None else self._words.shape[1]
        parts = []
        if cell != "none":
            kernels = [weights[f"{way}_kernel"] for way in ("forward", "backward")]
            biases = np.stack([np.atleast_2d(weights[f"{way}_bias"]) for way in ("forward", "backward")])
            recurrent = np.stack([weights[f"{way}_recurrent"] for way in ("forward", "backward")])
            self._units, self._gates = recurrent.shape[1:]
            if cell == "gru":
                # Of the bias within the recurrence only what the reset gate scales must stay there.
                candidate = slice(2 * self._units, None)
                self._inner = biases[:, 1:, candidate] / 2
                recurrent[:, :, candidate] /= 2
                biases[:, 1, candidate] = 0
            # A sigmoid is a hyperbolic tangent of half its input, so what enters gates is halved beforehand.
            half = _halves(cell, self._units)
            # Each gate by a matrix of its own, so that its numbers lie side by side: (2, gates, U, U).
            gates = (recurrent * half).reshape(2, self._units, -1, self._units)
            self._recurrent = np.ascontiguousarray(gates.swapaxes(1, 2))
            parts += [
                (kernel * half, bias.sum(axis=0) * half) for kernel, bias in zip(kernels, biases, strict=True)
            ]
        if "dense_kernel" in weights:
            parts.append((weights["dense_kernel"], weights["dense_bias"]))
        read = parts[0][0].shape[0] if parts else weights["logits_kernel"].shape[0]
        self.evidence = read - width
        # Evidence passes through as it is.
        through = np.concatenate([np.zeros((width, self.evidence)), np.eye(self.evidence)])
        parts.insert(0, (through, np.zeros(self.evidence)))
        self._kernel = np.concatenate([kernel for kernel, _ in parts], axis=1).astype(np.float32)
        self._bias = np.concatenate([bias for _, bias in parts]).astype(np.float32)
        self._width = width

    @property
    def width(self) -> int:
        """F, the numbers that a word brings."""
        return len(self._bias)

    def inputs(self, ids: np.ndarray, evidence: np.ndarray) -> np.ndarray:
        """What words bring, float32 (W, F), from their ids, (W,) or one for all, and evidence (W, 2C)."""
        result = self.of_pairs(evidence)
        own = self._bias
        if self._words is not None:
            own = self._words[ids].astype(np.float32) @ self._kernel[: self._width] + own
        result += own
        return result

    def of_pairs(self, evidence: np.ndarray) -> np.ndarray:
        """What pairs add to the words that close them, float32 (P, F), from their evidence (P, 2C)."""
        return np.asarray(evidence @ self._kernel[self._width :], np.float32)

    def logits(self, inputs: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Float32 (B, C) from inputs (T, B, F) of texts of these lengths, (B,), 1 to T each.

        The same as `adc.model.network.build_network`. What stands behind a text's end does not matter.
        """
        texts = _Texts(lengths, len(inputs))
        ends = self.evidence
        pooled = [texts.sum(inputs[:, :, :ends])]
        if self.cell != "none":
            states = self._states(inputs[:, :, ends : ends + 2 * self._gates], texts)  # (T, B, 2U)
            ends += 2 * self._gates
            scores = states @ self.weights["attention"]
            scores[texts.sure :][~texts.tail] = -np.inf
            powers = np.exp(scores - scores.max(axis=0))
            powers /= powers.sum(axis=0)
            pooled += [*texts.largest_and_mean(states), np.einsum("tbu,tbo->bu", states, powers)]
        if inputs.shape[2] > ends:
            pooled += texts.largest_and_mean(np.tanh(inputs[:, :, ends:]))
        kernel, bias = self.weights["logits_kernel"], self.weights["logits_bias"]
        result: np.ndarray = np.concatenate(pooled, axis=1) @ kernel + bias
        return result

    def _states(self, inputs: np.ndarray, texts: "_Texts") -> np.ndarray:
        """The hidden states after every token, float32 (T, B, 2U)."""
        longest, batch, _ = inputs.shape
        units = self._units
        step_of = {"gru": self._gru, "lstm": self._lstm, "rnn": self._rnn}[self.cell]
        entering = inputs.reshape(longest, batch, 2, -1, units).transpose(0, 2, 3, 1, 4)
        # Both ways side by side: (2, B, U) and (2, gates, B, U).
        hidden = np.zeros((2, batch, units), np.float32)
        memory = np.zeros_like(hidden)
        inner = np.empty(entering.shape[1:], np.float32)
        states = np.empty((longest, batch, 2 * units), np.float32)
        for step in range(longest):
            back = longest - 1 - step
            np.matmul(hidden[:, None], self._recurrent, out=inner)
            step_of(inner, (entering[step, 0], entering[back, 1]), hidden, memory)
            if back >= texts.sure:
                # Backward, a text begins where it ends.
                there = texts.tail[back - texts.sure]
                hidden[1] *= there
                memory[1] *= there
            states[step, :, :units], states[back, :, units:] = hidden
        return states

    # One step: from `inner`, what the recurrence makes of `hidden`, and what enters each way, (gates, B, U);
    # all but the latter is overwritten.

    def _gru(self, inner: np.ndarray, entering: Ways, hidden: np.ndarray, memory: np.ndarray) -> None:
        gates, update, reset, candidate = inner[:, :2], inner[:, 0], inner[:, 1], inner[:, 2]
        for gates_one_way, enters in zip(gates, entering, strict=True):
            gates_one_way += enters[:2]
        np.tanh(gates, out=gates)
        gates += 1  # now twice the sigmoid; the candidate's recurrence is halved
        candidate += self._inner
        candidate *= reset
        for candidate_one_way, enters in zip(candidate, entering, strict=True):
            candidate_one_way += enters[2]
        np.tanh(candidate, out=candidate)
        # update · hidden + (1 - update) · candidate
        hidden -= candidate
        hidden *= update
        hidden *= 0.5
        hidden += candidate

    def _lstm(self, inner: np.ndarray, entering: Ways, hidden: np.ndarray, memory: np.ndarray) -> None:
        for inner_one_way, enters in zip(inner, entering, strict=True):
            inner_one_way += enters
        np.tanh(inner, out=inner)
        entry, forget, candidate, output = inner.swapaxes(0, 1)
        for gate in (entry, forget, output):
            gate += 1  # twice the sigmoid
        memory *= forget
        entry *= candidate
        memory += entry
        memory *= 0.5
        np.tanh(memory, out=hidden)
        hidden *= output
        hidden *= 0.5

    def _rnn(self, inner: np.ndarray, entering: Ways, hidden: np.ndarray, memory: np.ndarray) -> None:
        for inner_one_way, enters in zip(inner, entering, strict=True):
            inner_one_way += enters
        np.tanh(inner[:, 0], out=hidden)


class _Texts:
    """Which of T steps are in which of B texts: the first `sure` in all, of the others those of `tail`.

    tail: (T - sure, B, 1). Texts of like length stand together, so most steps need no mask.
    """

    def __init__(self, lengths: np.ndarray, longest: int) -> None:
        self.sure = int(lengths.min())
        self.tail = (np.arange(self.sure, longest)[:, None] < lengths)[:, :, None]
        self._lengths = lengths[:, None].astype(np.float32)

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Over the steps of each text: (B, n) of (T, B, n)."""
        result: np.ndarray = values[: self.sure].sum(axis=0)
        if len(self.tail):
            result += np.where(self.tail, values[self.sure :], 0).sum(axis=0)
        return result

    def largest_and_mean(self, values: np.ndarray) -> list[np.ndarray]:
        """Over the steps of each text: (B, n) of (T, B, n), each."""
        largest = values[: self.sure].max(axis=0)
        if len(self.tail):
            largest = np.maximum(largest, np.where(self.tail, values[self.sure :], -np.inf).max(axis=0))
        return [largest, self.sum(values) / self._lengths]


def _halves(cell: str, units: int) -> np.ndarray:
    """½ for the columns of sigmoid gates, 1 for those of candidates: Keras' order of the gates."""
    gates = {"gru": [0.5, 0.5, 1], "lstm": [0.5, 0.5, 1, 0.5], "rnn": [1]}[cell]
    return np.repeat(np.array(gates, np.float32), units)


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
