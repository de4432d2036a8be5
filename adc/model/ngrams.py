"""Keys of character n-grams and of pairs of words, and the index that finds them in a table."""

from collections.abc import Sequence

import numpy as np

from adc.model.encoder import UNKNOWN

# Character n-grams of a word between two spaces, as scikit-learn's char_wb.
WORD_GRAMS = (2, 5)
# Letters of a word that are read: more than any word has.
MOST_LETTERS = 100
# Odd and without a pattern: Knuth's multiplier for 64 bits (MMIX).
MULTIPLIER = np.uint64(6364136223846793005)


def spelt_out(words: Sequence[str]) -> list[str]:
    """Words with their ends marked; of an endless one the beginning."""
    return [f" {word[:MOST_LETTERS]} " for word in words]


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


class Index:
    """Finds keys in a table of distinct ones, (G,) of 64 bits, ten times as fast as binary search."""

    def __init__(self, table: np.ndarray) -> None:
        # Keys of n-grams that end alike, or of pairs, begin alike: multiplied, their leading bits differ.
        mixed = _mixed(table)
        order = np.argsort(mixed)
        self._keys, self._rows = mixed[order], order.astype(np.int32)
        bits = len(table).bit_length() + 1
        self._shift = np.uint64(64 - bits)
        # Where the keys begin that start with these bits: half of a key each.
        starts = np.searchsorted(self._keys, np.arange(1 << bits, dtype=np.uint64) << self._shift)
        self._starts = np.minimum(starts, len(table) - 1).astype(np.int32)

    def found(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The table's rows that hold keys, and the places in `keys`, of those that it holds."""
        table, last = self._keys, len(self._keys) - 1
        if last < 0:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        keys = _mixed(keys)
        rows = self._starts[keys >> self._shift]
        behind = np.flatnonzero(table[rows] < keys)
        while len(behind := behind[rows[behind] < last]):
            rows[behind] += 1
            behind = behind[table[rows[behind]] < keys[behind]]
        places = np.flatnonzero(table[rows] == keys)
        return self._rows[rows[places]].astype(np.int64), places


def _mixed(keys: np.ndarray) -> np.ndarray:
    mixed: np.ndarray = keys.view(np.uint64) * MULTIPLIER
    return mixed
