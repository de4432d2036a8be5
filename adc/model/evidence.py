"""The evidence of a token: what linear models over n-grams say of its word, for and against each class.

2C numbers for C classes: weights of a linear SVM, then log-count ratios of naive Bayes (as in Wang and
Manning 2012), summed over the word, the pair it closes with the word before, and its character n-grams.
Both models judge a whole text as well, from the same tables. Plain arrays and NumPy only;
`adc.training.evidence` fits them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from adc.model.encoder import Tokens
from adc.model.ngrams import WORD_GRAMS, Index, gram_keys, pair_keys, spelt_out
from adc.model.quantised import Rows

# Words whose n-grams are summed at once: bounds the memory.
BLOCK = 4096
# Divides in place of a length of 0; what is divided is then 0 itself.
TINY = np.float32(1e-9)
# Ends the names under which the scales of rows are stored.
SCALES = "_scales"


class OfWords(NamedTuple):
    """What W words say.

    to_tokens: float32 (W, 2C), to a token that is the word. to_texts: (W, 3C + 2), to a text that it is in:
    the SVM's idf·weights of the word, and Σ tf·idf·weights of its n-grams; naive Bayes' log-count ratios;
    the squares of the SVM's two lengths.
    """

    to_tokens: np.ndarray
    to_texts: np.ndarray


@dataclass(frozen=True, eq=False)
class Evidence:
    """Fitted tables of rows of 2C numbers, and the inverse document frequency (idf) of what each is of.

    words: V rows, a row an id of the encoder, with word_idf (V,).
    pairs: sorted keys of `pair_keys` (P,), with pair_rows, P, and pair_idf (P,).
    grams: sorted keys of `gram_keys` (G,), with gram_rows, G, and gram_idf (G,).
    intercept: the SVM's, (C,).
    """

    words: Rows
    word_idf: np.ndarray
    pairs: np.ndarray
    pair_rows: Rows
    pair_idf: np.ndarray
    grams: np.ndarray
    gram_rows: Rows
    gram_idf: np.ndarray
    intercept: np.ndarray

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
        result: np.ndarray = self.of_words(tokens).to_tokens[tokens.which]
        rows, places = self.pairs_of(tokens)
        result[places] += self.pair_rows[rows]
        return result

    def of_words(self, tokens: Tokens) -> OfWords:
        """What each different word says, to a token of it and to a text that it is in."""
        spelt, norms = self.of_spelling(tokens.words)
        own, idf = self.words[tokens.ids], self.word_idf[tokens.ids]
        to_tokens = own + spelt / np.maximum(norms, TINY)[:, None]
        svm = slice(self.width // 2)
        parts = [
            idf[:, None] * own[:, svm],
            spelt[:, svm],
            to_tokens[:, svm.stop :],
            idf[:, None] ** 2,
            norms[:, None] ** 2,
        ]
        return OfWords(to_tokens, np.concatenate(parts, axis=1))

    def pairs_of(self, tokens: Tokens) -> tuple[np.ndarray, np.ndarray]:
        """The known pairs: their rows of `pair_rows`, and the places of the tokens that close them."""
        return self._pair_index.found(pair_keys(tokens.flat, tokens.lengths))

    def of_spelling(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Of words' n-grams alone, tf sublinear: Σ tf·idf·row, float32 (N, 2C), and ‖tf·idf‖, (N,)."""
        sums, norms = np.zeros((len(words), self.width), np.float32), np.zeros(len(words), np.float32)
        for start in range(0, len(words), BLOCK):
            owners, keys = gram_keys(spelt_out(words[start : start + BLOCK]), *WORD_GRAMS)
            rows, places = self._gram_index.found(keys)
            if not len(rows):
                continue
            pairs, counts = np.unique(owners[places] * len(self.grams) + rows, return_counts=True)
            owners, rows = np.divmod(pairs, len(self.grams))
            tfidf = ((1 + np.log(counts)) * self.gram_idf[rows]).astype(np.float32)
            first = np.flatnonzero(np.diff(owners, prepend=-1))
            norms[start + owners[first]] = np.sqrt(np.add.reduceat(tfidf**2, first))
            sums[start + owners[first]] = sums_from(self.gram_rows.weighted(rows, tfidf), first)
        return sums, norms

    @cached_property
    def _pair_index(self) -> Index:
        return Index(self.pairs)

    @cached_property
    def _gram_index(self) -> Index:
        return Index(self.grams)

    def of_texts(self, tokens: Tokens, to_texts: np.ndarray | None = None) -> np.ndarray:
        """What the SVM (its margins) and naive Bayes (log-odds) make of whole texts: float32 (N, 2C).

        Repeated words and pairs count once. The SVM reads idf of words and pairs, and tf·idf of the n-grams
        of words, each scaled to the unit length that it would have if no two words shared an n-gram.
        to_texts: that of the words, if it is known already.
        """
        if to_texts is None:
            to_texts = self.of_words(tokens).to_texts
        classes, texts = self.width // 2, len(tokens.lengths)
        text_of = np.repeat(np.arange(texts), tokens.lengths)
        words, spelt, odds, squares = np.split(
            _summed_once(text_of, tokens.which, to_texts, texts), classes * np.arange(1, 4), axis=1
        )
        rows, places = self.pairs_of(tokens)
        kinds, kind_of = np.unique(rows, return_inverse=True)
        own, idf = self.pair_rows[kinds], self.pair_idf[kinds, None]
        of_pairs = np.concatenate([idf * own[:, :classes], own[:, classes:], idf**2], axis=1)
        pairs, odds_of_pairs, square = np.split(
            _summed_once(text_of[places], kind_of, of_pairs, texts), classes * np.arange(1, 3), axis=1
        )
        margins = (words + pairs) / np.maximum(np.sqrt(squares[:, :1] + square), TINY)
        margins += spelt / np.maximum(np.sqrt(squares[:, 1:]), TINY)
        return np.concatenate([margins + self.intercept, odds + odds_of_pairs], axis=1)

    def scaled(self, scale: np.ndarray) -> Self:
        """The same evidence with each half divided by its scale, (2,)."""
        scaled: dict[str, Any] = {
            name: table.scaled(scale) for name, table in self._tables().items() if isinstance(table, Rows)
        }
        return replace(self, intercept=(self.intercept / scale[0]).astype(np.float32), **scaled)


def _summed_once(owners: np.ndarray, which: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """The sums over the different rows that each of `count` owners has, however often: (count, n)."""
    result = np.zeros((count, rows.shape[1]), np.float32)
    if len(which):
        # Sorting takes half the time of np.unique.
        keys = np.sort(owners * len(rows) + which)
        owners, which = np.divmod(keys[np.flatnonzero(np.diff(keys, prepend=-1))], len(rows))
        first = np.flatnonzero(np.diff(owners, prepend=-1))
        result[owners[first]] = sums_from(rows.take(which, axis=0, mode="clip"), first)
    return result


def sums_from(rows: np.ndarray, first: np.ndarray) -> np.ndarray:
    """What `np.add.reduceat(rows, first)` gives, several times as fast: (G, n) of G groups of rows (N, n).

    first: where groups begin, rising. The second rows of all groups are added at once, then the third, …
    """
    sizes = np.diff(first, append=len(rows))
    longest = np.argsort(-sizes, kind="stable")
    first, sizes = first[longest], sizes[longest]
    sums = rows[first]
    for place in range(1, sizes.max(initial=0)):
        there = len(sizes) - int(np.searchsorted(sizes[::-1], place, side="right"))
        sums[:there] += rows.take(first[:there] + place, axis=0, mode="clip")
    result: np.ndarray = np.empty_like(sums)
    result[longest] = sums
    return result
