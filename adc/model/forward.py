"""The network's forward pass in NumPy, from a bundle's plain arrays: what scoring runs.

Cells as Keras 3 defines them: GRU with reset_after (Cho et al. 2014, cuDNN's form), LSTM after Hochreiter
and Schmidhuber 1997 with a forget gate.
"""

from collections.abc import Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]


class Forward:
    """A network's arrays, laid out for many texts.

    Everything below the recurrence is linear in a token's word and evidence, so it is computed once for each
    different word and pair (`inputs`, `of_pairs`) and added up. Of the F numbers of a row of inputs the first
    2C are the evidence itself, then comes what enters the gates, forward and backward, then the dense layer.
    """

    def __init__(self, weights: Arrays, cell: str) -> None:
        self.cell, self.weights = cell, weights
        self._words = weights.get("words")
        width = 0 if self._words is None else self._words.shape[1]
        parts = []
        if cell != "none":
            ways = [weights[f"{way}_kernel"] for way in ("forward", "backward")]
            # GRU has a bias within the recurrence, too.
            biases = [np.atleast_2d(weights[f"{way}_bias"]) for way in ("forward", "backward")]
            self._recurrent = np.stack([weights[f"{way}_recurrent"] for way in ("forward", "backward")])
            self._inner = np.stack([bias[-1:] for bias in biases]) if cell == "gru" else np.float32(0)
            self._units = self._recurrent.shape[1]
            self._gates = self._recurrent.shape[2]
            # A sigmoid is a hyperbolic tangent of half its input, so what enters gates is halved beforehand.
            half = _halves(cell, self._units)
            self._recurrent, self._inner = self._recurrent * half, self._inner * half
            parts += [(kernel * half, bias[0] * half) for kernel, bias in zip(ways, biases, strict=True)]
        if "dense_kernel" in weights:
            parts.append((weights["dense_kernel"], weights["dense_bias"]))
        read = parts[0][0].shape[0] if parts else weights["logits_kernel"].shape[0]
        self._evidence = read - width
        # Evidence passes through as it is.
        through = np.concatenate([np.zeros((width, self._evidence)), np.eye(self._evidence)])
        parts.insert(0, (through, np.zeros(self._evidence)))
        self._kernel = np.concatenate([kernel for kernel, _ in parts], axis=1).astype(np.float32)
        self._bias = np.concatenate([bias for _, bias in parts]).astype(np.float32)
        self._width = width

    @property
    def width(self) -> int:
        """F, the numbers that a word brings."""
        return len(self._bias)

    def inputs(self, ids: np.ndarray, evidence: np.ndarray) -> np.ndarray:
        """What words bring, float32 (W, F), from their ids (W,) and evidence (W, 2C)."""
        result = evidence @ self._kernel[self._width :] + self._bias
        if self._words is not None:
            result += self._words[ids].astype(np.float32) @ self._kernel[: self._width]
        return np.asarray(result, np.float32)

    def of_pairs(self, evidence: np.ndarray) -> np.ndarray:
        """What pairs add to the words that close them, float32 (P, F), from their evidence (P, 2C)."""
        return np.asarray(evidence @ self._kernel[self._width :], np.float32)

    def logits(self, inputs: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Float32 (B, C) from inputs (T, B, F) of texts of these lengths, (B,), 1 to T each.

        The same as `adc.model.network.build_network`. What stands behind a text's end does not matter.
        """
        texts = _Texts(lengths, len(inputs))
        ends = self._evidence
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
        units, gates = self._units, self._gates
        step_of = {"gru": self._gru, "lstm": self._lstm, "rnn": self._rnn}[self.cell]
        # Both ways side by side: (2, B, …).
        hidden = np.zeros((2, batch, units), np.float32)
        memory = np.zeros((2, batch, units), np.float32)
        entering = np.empty((2, batch, gates), np.float32)
        states = np.empty((longest, batch, 2 * units), np.float32)
        for step in range(longest):
            back = longest - 1 - step
            entering[0], entering[1] = inputs[step, :, :gates], inputs[back, :, gates:]
            hidden, memory = step_of(entering, hidden, memory)
            if back >= texts.sure:
                # Backward, a text begins where it ends.
                there = texts.tail[back - texts.sure]
                hidden[1] *= there
                memory[1] *= there
            states[step, :, :units], states[back, :, units:] = hidden[0], hidden[1]
        return states

    def _gru(
        self, entering: np.ndarray, hidden: np.ndarray, memory: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        units = self._units
        inner = hidden @ self._recurrent
        inner += self._inner
        gates = _sigmoid_of_double(inner[:, :, : 2 * units] + entering[:, :, : 2 * units])
        candidate = inner[:, :, 2 * units :]
        candidate *= gates[:, :, units:]
        candidate += entering[:, :, 2 * units :]
        np.tanh(candidate, out=candidate)
        # update · hidden + (1 - update) · candidate
        result = hidden - candidate
        result *= gates[:, :, :units]
        result += candidate
        return result, memory

    def _lstm(
        self, entering: np.ndarray, hidden: np.ndarray, memory: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        inner = hidden @ self._recurrent
        inner += entering
        np.tanh(inner, out=inner)
        entry, forget, candidate, output = np.split(inner, 4, axis=2)
        for gate in (entry, forget, output):
            gate *= 0.5
            gate += 0.5
        new = forget * memory + entry * candidate
        return output * np.tanh(new), new

    def _rnn(
        self, entering: np.ndarray, hidden: np.ndarray, memory: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return np.tanh(hidden @ self._recurrent + entering), memory


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


def _sigmoid_of_double(values: np.ndarray) -> np.ndarray:
    """The sigmoid of twice the values, in place: by tanh, which overflows nowhere."""
    np.tanh(values, out=values)
    values *= 0.5
    values += 0.5
    return values


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
