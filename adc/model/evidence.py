"""The evidence of a token: what linear models over n-grams say of its word, for and against each class.

2C numbers for C classes: weights of a linear SVM, then log-count ratios of naive Bayes (as in Wang and
Manning 2012), summed over the word, the pair it closes with the word before, and its character n-grams.
Plain arrays and NumPy only; `adc.training.evidence` fits them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from adc.model.encoder import UNKNOWN, Encoder, Tokens

# Character n-grams of a word between two spaces, as scikit-learn's char_wb.
WORD_GRAMS = (2, 5)
# Words whose n-grams are summed at once: bounds the memory.
BLOCK = 4096
# Odd and without a pattern: Knuth's multiplier for 64 bits (MMIX).
MULTIPLIER = np.uint64(6364136223846793005)
# Ends the names under which the scales of rows are stored.
SCALES = "_scales"


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of evidence in eight bits a number: N rows of 2C, each half of a row with a scale of its own.

    values: int8 (N, 2C). scales: float16 (N, 2).
    """

    values: np.ndarray
    scales: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray) -> Self:
        """The nearest to float (N, 2C)."""
        halves = rows.astype(np.float32).reshape(len(rows), 2, rows.shape[1] // 2)
        scales = (np.abs(halves).max(axis=2, initial=0) / 127).astype(np.float16)
        # A half of nothing but zeros, or of less than float16 can tell.
        scales[scales == 0] = 1
        values = np.rint(halves / scales[:, :, None].astype(np.float32)).clip(-127, 127)
        return cls(values.astype(np.int8).reshape(rows.shape), scales)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, which: Any) -> np.ndarray:
        """Some rows, by an array or a slice: float32 (n, 2C)."""
        scales = np.repeat(self.scales[which].astype(np.float32), self.values.shape[1] // 2, axis=1)
        result: np.ndarray = self.values[which] * scales
        return result

    def scaled(self, scale: np.ndarray) -> Self:
        """The same with each half divided by its scale, (2,)."""
        return type(self)(self.values, (self.scales / scale).astype(np.float16))


@dataclass(frozen=True, eq=False)
class Evidence:
    """Fitted tables of rows of 2C numbers.

    words: V rows, a row an id of the encoder: the word's own and its n-grams' evidence, summed.
    pairs: sorted keys of `pair_keys` (P,), with pair_rows, P.
    grams: sorted keys of `gram_keys` (G,), with gram_idf (G,) and gram_rows, G, for other words.
    """

    words: Rows
    pairs: np.ndarray
    pair_rows: Rows
    grams: np.ndarray
    gram_idf: np.ndarray
    gram_rows: Rows

    @property
    def width(self) -> int:
        """2C, the numbers of a token."""
        return int(self.words.values.shape[1])

    def arrays(self) -> dict[str, np.ndarray]:
        """The tables as plain arrays by name, to be stored; `of_arrays` is the way back."""
        arrays: dict[str, np.ndarray] = {}
        for name, table in self._tables().items():
            if isinstance(table, Rows):
                arrays |= {name: table.values, f"{name}{SCALES}": table.scales}
            else:
                arrays[name] = table
        return arrays

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """The tables from what `arrays` gave."""
        tables: dict[str, Any] = {}
        for field in fields(cls):
            scales = arrays.get(f"{field.name}{SCALES}")
            tables[field.name] = arrays[field.name] if scales is None else Rows(arrays[field.name], scales)
        return cls(**tables)

    def _tables(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def of_tokens(self, tokens: Tokens) -> np.ndarray:
        """The evidence of all tokens: float32 (T, 2C)."""
        result: np.ndarray = self.of_words(tokens)[tokens.which]
        rows, places = self.pairs_of(tokens)
        result[places] += self.pair_rows[rows]
        return result

    def of_words(self, tokens: Tokens) -> np.ndarray:
        """What each different word says wherever it stands: float32 (W, 2C)."""
        result = self.words[tokens.ids]
        unknown = np.flatnonzero(tokens.ids == UNKNOWN)
        result[unknown] = self.of_spelling([tokens.words[place] for place in unknown])
        return result

    def pairs_of(self, tokens: Tokens) -> tuple[np.ndarray, np.ndarray]:
        """The known pairs: their rows of `pair_rows`, and the places of the tokens that close them."""
        return found(self.pairs, pair_keys(tokens.flat, tokens.lengths))

    def of_spelling(self, words: Sequence[str]) -> np.ndarray:
        """The evidence of words' n-grams alone, Σ tf·idf·row / ‖tf·idf‖, tf sublinear: float32 (N, 2C)."""
        result = np.zeros((len(words), self.width), np.float32)
        for start in range(0, len(words), BLOCK):
            owners, keys = gram_keys([f" {word} " for word in words[start : start + BLOCK]], *WORD_GRAMS)
            rows, places = found(self.grams, keys)
            if not len(rows):
                continue
            pairs, counts = np.unique(owners[places] * len(self.grams) + rows, return_counts=True)
            owners, rows = np.divmod(pairs, len(self.grams))
            tfidf = (1 + np.log(counts)) * self.gram_idf[rows]
            first = np.flatnonzero(np.diff(owners, prepend=-1))
            norms = np.sqrt(np.add.reduceat(tfidf**2, first))
            sums = np.add.reduceat(tfidf[:, None].astype(np.float32) * self.gram_rows[rows], first)
            result[start + owners[first]] = sums / norms[:, None]
        return result

    def scaled(self, scale: np.ndarray) -> Self:
        """The same evidence with each half divided by its scale, (2,)."""
        scaled: dict[str, Any] = {
            name: table.scaled(scale) for name, table in self._tables().items() if isinstance(table, Rows)
        }
        return replace(self, **scaled)


def gram_keys(texts: Sequence[str], smallest: int, largest: int) -> tuple[np.ndarray, np.ndarray]:
    """Every character n-gram of every text: the text's number, int64 (M,), and a 64-bit hash, uint64 (M,).

    The hash is a polynomial in the code points, modulo 2^64: all windows of all texts at once.
    """
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    owner = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    owners: list[np.ndarray] = [np.zeros(0, np.int64)]
    keys: list[np.ndarray] = [np.zeros(0, np.uint64)]
    key = np.ones(len(codes), np.uint64)
    for size in range(1, min(largest, len(codes)) + 1):
        key = key[: len(codes) - size + 1] * MULTIPLIER + codes[size - 1 :]
        if size >= smallest:
            inside = owner[size - 1 :] == owner[: len(key)]
            owners.append(owner[: len(key)][inside])
            keys.append(key[inside])
    return np.concatenate(owners), np.concatenate(keys)


def pair_keys(ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """A key for each token and the one before it, int64 (tokens,); -1 for what opens a text or is unknown."""
    before = np.concatenate([[0], ids[:-1]])[: len(ids)]
    keys: np.ndarray = before << 32 | ids
    keys[(ids <= UNKNOWN) | (before <= UNKNOWN)] = -1
    keys[np.cumsum(lengths) - lengths] = -1
    return keys


def found(table: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where keys stand in a sorted table: its rows, and the places in `keys`, of those that are in it."""
    if not len(table):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    rows = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    places = np.flatnonzero(table[rows] == keys)
    return rows[places], places


def encoded(
    texts: Sequence[str], encoder: Encoder, evidence: Evidence | None
) -> tuple[list[list[int]], np.ndarray]:
    """Each text's token ids, and the evidence of all their tokens, one after the other: (T, 2C or 0)."""
    tokens = encoder.tokens(texts)
    if evidence is None:
        return tokens.by_text(), np.zeros((len(tokens.which), 0), np.float32)
    return tokens.by_text(), evidence.of_tokens(tokens)


def padded_evidence(evidence: np.ndarray, lengths: np.ndarray, width: int) -> np.ndarray:
    """Flat evidence of texts of these lengths, (tokens, 2C), as float32 (B, width, 2C), 0 where padded."""
    result = np.zeros((len(lengths), width, evidence.shape[1]), np.float32)
    result[np.arange(width) < lengths[:, None]] = evidence
    return result
