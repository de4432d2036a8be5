"""The linear models' own answer to a text: a logistic regression over what each of them says.

Stacked generalisation (Wolpert 1992). The network learns from it, and the answer is shared between the two.
Plain arrays and NumPy only; `adc.training.cross_fit` fits it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Self

import numpy as np

from adc.model.evidence import TINY
from adc.model.forward import log_softmax
from adc.model.ngrams import Index, gram_keys

# Character n-grams of a whole text, across its words, and the part of a text that they are taken from.
BAYES_GRAMS = (3, 7)
BAYES_CHARACTERS = 1000
# Texts whose n-grams are looked up at once: bounds the memory.
BLOCK = 512
# The score of a class that a model has not seen.
NEVER = -1e4


@dataclass(frozen=True, eq=False)
class Bayes:
    """Multinomial naive Bayes over the character n-grams of texts.

    grams: keys of `gram_keys` (G,). rows: int8 (G, C), times scale (C,) their log-probabilities by class less
    the mean over the classes. prior: log-probabilities, (C,).
    """

    grams: np.ndarray
    rows: np.ndarray
    scale: np.ndarray
    prior: np.ndarray

    @classmethod
    def of(cls, grams: np.ndarray, rows: np.ndarray, prior: np.ndarray) -> Self:
        """With rows, float (G, C), in eight bits a number: whole numbers are summed several times as fast."""
        largest = np.maximum(rows.max(axis=0, initial=0), -rows.min(axis=0, initial=0))
        scale = np.maximum(largest, TINY).astype(np.float32) / 127
        whole = rows / scale
        return cls(grams, np.rint(whole, out=whole).astype(np.int8), scale, prior)

    @cached_property
    def _index(self) -> Index:
        return Index(self.grams)

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """Joint log-probabilities up to a number a text, float32 (N, C)."""
        result = np.tile(self.prior.astype(np.float32), (len(texts), 1))
        for start in range(0, len(texts), BLOCK):
            owners, keys = gram_keys(read_by_bayes(texts[start : start + BLOCK]), *BAYES_GRAMS)
            rows, places = self._index.found(keys)
            if not len(rows):
                continue
            owners = owners[places]
            order = np.argsort(owners, kind="stable")
            first = np.flatnonzero(np.diff(owners[order], prepend=-1))
            found = self.rows.take(rows[order], axis=0, mode="clip")
            sums = np.add.reduceat(found, first, axis=0, dtype=np.int32)
            result[start + owners[order[first]]] += sums * self.scale
        return result


def read_by_bayes(texts: Sequence[str]) -> list[str]:
    """The beginnings of texts, as far as naive Bayes reads them."""
    return [text[:BAYES_CHARACTERS] for text in texts]


@dataclass(frozen=True, eq=False)
class Judge:
    """A logistic regression over M models' calibrated log-probabilities.

    temperatures: (M,), of the models' scores. kernel: (M·C, C). bias: (C,).
    """

    temperatures: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray

    def log_probabilities(self, members: Sequence[np.ndarray]) -> np.ndarray:
        """Float32 (N, C), from each model's scores, (N, C)."""
        inputs = calibrated(members, self.temperatures)
        return np.asarray(log_softmax(inputs @ self.kernel + self.bias), np.float32)


def calibrated(members: Sequence[np.ndarray], temperatures: Sequence[float] | np.ndarray) -> np.ndarray:
    """The models' log-probabilities side by side, (N, M·C)."""
    pairs = zip(members, temperatures, strict=True)
    return np.concatenate([log_softmax(scores, temperature) for scores, temperature in pairs], axis=1)


@dataclass(frozen=True, eq=False)
class Stack:
    """The linear models of whole texts beside the evidence's tables: a judge and, perhaps, naive Bayes."""

    judge: Judge
    bayes: Bayes | None = None

    def log_probabilities(self, texts: Sequence[str], of_texts: np.ndarray) -> np.ndarray:
        """Float32 (N, C) of clean texts, as far as they are read, and of `Evidence.of_texts`, (N, 2C).

        Only `bayes` looks at the texts themselves.
        """
        members = np.split(of_texts, 2, axis=1)
        if self.bayes is not None:
            members.append(self.bayes.scores(texts))
        return self.judge.log_probabilities(members)

    def arrays(self) -> dict[str, np.ndarray]:
        """The tables as plain arrays by name, to be stored; `of_arrays` is the way back."""
        arrays = {f"judge_{field.name}": getattr(self.judge, field.name) for field in fields(Judge)}
        if self.bayes is not None:
            arrays |= {f"bayes_{field.name}": getattr(self.bayes, field.name) for field in fields(Bayes)}
        return arrays

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """The stack from what `arrays` gave."""
        judge = Judge(*(arrays[f"judge_{field.name}"] for field in fields(Judge)))
        if "bayes_grams" not in arrays:
            return cls(judge)
        return cls(judge, Bayes(*(arrays[f"bayes_{field.name}"] for field in fields(Bayes))))


def blended(logits: np.ndarray, linear: np.ndarray, share: float) -> np.ndarray:
    """Logits (N, C) of an answer that takes `share` of the linear models' log-probabilities (N, C).

    The rest is the network's: a geometric mean (a logarithmic opinion pool).
    """
    result: np.ndarray = (1 - share) * log_softmax(logits) + share * linear
    return result
