"""From clean text to token ids."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

PADDING, UNKNOWN = 0, 1
RESERVED = 2


@dataclass(frozen=True)
class Encoder:
    """Words by their rank in `vocabulary`; clean texts are split at spaces and cut at `max_tokens`."""

    vocabulary: tuple[str, ...]
    max_tokens: int

    @property
    def size(self) -> int:
        """Rows of an embedding table: the words, padding and the unknown word."""
        return len(self.vocabulary) + RESERVED

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: rank + RESERVED for rank, word in enumerate(self.vocabulary)}

    def split(self, text: str) -> list[str]:
        """The tokens that are read of one clean text, as written; never empty."""
        return text.split(" ")[: self.max_tokens]

    def encode(self, text: str) -> list[int]:
        """The token ids of one clean text; never empty."""
        return self.ids_of(self.split(text))

    def ids_of(self, words: Iterable[str]) -> list[int]:
        """The ids of tokens as `split` gives them."""
        ids = self._ids
        return [ids.get(word, UNKNOWN) for word in words]

    def encode_all(self, texts: Iterable[str]) -> list[list[int]]:
        """The token ids of each clean text."""
        return [self.encode(text) for text in texts]


def padded(sequences: Sequence[Sequence[int] | np.ndarray], length: int | None = None) -> np.ndarray:
    """Token ids as int32 (B, T), padded at the end to the longest or to `length`."""
    width = length or max(map(len, sequences))
    tokens = np.full((len(sequences), width), PADDING, dtype=np.int32)
    for row, sequence in enumerate(sequences):
        tokens[row, : len(sequence)] = sequence
    return tokens
