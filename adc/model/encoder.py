"""From clean text to token ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PADDING, UNKNOWN = 0, 1
RESERVED = 2


@dataclass(frozen=True, eq=False)
class Tokens:
    """The tokens of N texts, one after the other, T in all.

    words: the W different ones, as written. ids: theirs, int64 (W,). which: each token's word, int64 (T,).
    lengths: tokens a text, int64 (N,).
    """

    words: list[str]
    ids: np.ndarray
    which: np.ndarray
    lengths: np.ndarray

    @property
    def flat(self) -> np.ndarray:
        """The id of each token, int64 (T,)."""
        result: np.ndarray = self.ids[self.which]
        return result

    def only(self, words: np.ndarray) -> "Tokens":
        """Some of the different words, by their numbers, each a text of its own."""
        return Tokens(
            [self.words[word] for word in words],
            self.ids[words],
            np.arange(len(words)),
            np.ones(len(words), np.int64),
        )

    def by_text(self) -> list[list[int]]:
        """The ids of each text's tokens."""
        return [part.tolist() for part in np.split(self.flat, np.cumsum(self.lengths)[:-1])][
            : len(self.lengths)
        ]


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

    def _split(self, texts: Sequence[str] | pa.Array) -> pa.ListArray:
        lists = pc.list_slice(pc.split_pattern(pa.array(texts, pa.string()), " "), 0, self.max_tokens)
        # An array of lists of any lengths, not of one.
        return lists.cast(pa.list_(pa.string()))

    def read(self, texts: Sequence[str] | pa.Array) -> list[str]:
        """What is read of clean texts: their first tokens."""
        read: list[str] = pc.binary_join(self._split(texts), " ").to_pylist()
        return read

    def tokens(self, texts: Sequence[str] | pa.Array) -> Tokens:
        """The tokens that are read of clean texts, at least one of each."""
        lists = self._split(texts)
        coded = lists.flatten().dictionary_encode()
        words = coded.dictionary.to_pylist()
        ids = self._ids
        return Tokens(
            words,
            np.array([ids.get(word, UNKNOWN) for word in words], np.int64),
            coded.indices.to_numpy(zero_copy_only=False).astype(np.int64),
            pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64),
        )

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each clean text."""
        return self.tokens(texts).by_text()
