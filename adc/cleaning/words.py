"""The fast way through a column of texts: each rule sees only the words that it could change.

Rules look at one word at a time, but for a few texts, which stay whole (`whole_texts`). Four words in five
are plain Arabic letters, which most rules leave alone; the bytes of the others tell which rules they need
(`Kind`). Words are sorted by kind and joined to texts of several words, since a rule costs more per text than
per byte; after the rules they are put back into place.
"""

from collections.abc import Callable, Sequence
from enum import IntFlag
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adc.cleaning.patterns import BEYOND_A_WORD, RETWEET

# Texts in, texts out: pyarrow string arrays of one length.
Step = Callable[[pa.Array], pa.Array]


class Kind(IntFlag):
    """What is in a word that some rule looks for; in plain words there is nothing."""

    NONE = 0
    LETTER = 1  # Latin, or an Arabic one that a rule of the profile changes
    DIGIT = 2
    BREAK = 4  # line breaks, doubled spaces
    DOT = 8  # . and /
    SIGN = 16  # any punctuation
    MARK = 32  # tashkeel, tatweel, Arabic digits, controls; an Arabic letter three times
    EMOJI = 64  # U+1F300 to U+1FAFF, which normalisation leaves alone
    OTHER = 128  # all else
    # A word with OTHER counts as having everything: normalisation may make anything of it.
    ANY = 255
    # A text that stays in one; every rule sees it.
    WHOLE = 256


# Stands between joined words: a word by itself to every rule. `without_private_use` frees texts of it.
_SEPARATOR = "\ue00f"
# With more words a text rules cost less per word, but also run over more words that do not need them.
_WORDS_A_TEXT = 8
_TEXTS_A_BLOCK = 512


@cache
def kinds_by_byte(changed: str) -> bytes:
    """The kinds that each byte of UTF-8 stands for (256,), where rules change these Arabic letters.

    A letter is told by its second byte: those after D8 (ء to غ) and those after D9 (ف to ي) differ.
    """
    table = np.full(256, Kind.ANY, np.uint8)
    table[:0x20] = table[0x7F] = Kind.MARK
    table[[ord(character) for character in "\t\n\v\f\r"]] = Kind.BREAK
    table[0x21:0x7F] = Kind.SIGN
    table[[ord("&"), ord("<")]] = Kind.ANY  # of an entity, a tag
    table[ord(" ")] = 0
    for kind, characters in (
        (Kind.LETTER, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        (Kind.DIGIT, "0123456789"),
        (Kind.DOT | Kind.SIGN, "./"),
    ):
        table[[ord(character) for character in characters]] = kind
    table[[0xD8, 0xD9]] = table[0x81:0x8B] = table[0xA1:0xBB] = 0
    table[0x80] = table[0x8B:0xA0] = Kind.MARK
    table[[0x9B, 0x9F]] = 0  # ؛ and ؟
    for letter in changed:
        table[letter.encode()[1]] = Kind.LETTER
    return table.tobytes()


def strings(offsets: np.ndarray, data: np.ndarray) -> pa.Array:
    """Texts (N,) from offsets (N + 1,) into UTF-8 (B,)."""
    ends = pa.py_buffer(offsets.astype(np.int32, copy=False))
    return pa.StringArray.from_buffers(len(offsets) - 1, ends, pa.py_buffer(data))


def offsets_of(texts: pa.Array) -> np.ndarray:
    """Where texts begin in their buffer, and the last one's end: int32 (N + 1,)."""
    if not len(texts):
        return np.zeros(1, np.int32)
    return np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]


def data_of(texts: pa.Array) -> np.ndarray:
    """The texts' UTF-8, one behind the other: uint8 (B,)."""
    offsets = offsets_of(texts)
    return np.frombuffer(texts.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]


def nulls_as_in(texts: pa.Array, made: pa.Array) -> pa.Array:
    """What was made of texts (N,), with NULL where they are."""
    return pc.if_else(pc.is_valid(texts), made, None) if texts.null_count else made


def private_in(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where in UTF-8 (B,) characters from U+E000 to U+E03F stand, and their last bytes."""
    lead = np.flatnonzero(data == 0xEE)
    lead = lead[data[lead + 1] == 0x80]
    return lead, data[lead + 2]


def stretched(data: np.ndarray) -> np.ndarray:
    """Where in UTF-8 (B,) an Arabic letter may stand three times, by its second byte: bool (B - 4,)."""
    alike = (data[:-2] == data[2:]) & (data[2:] < 0xC0)
    found: np.ndarray = alike[:-2] & alike[2:]
    return found


def taken_by(hits: pa.Array, texts: pa.Array, step: Step) -> pa.Array:
    """The texts (N,) after a step that only the hits take: bool (N,), NULL is none."""
    if not pc.any(hits).as_py():
        return texts
    if pc.all(hits, skip_nulls=False).as_py():
        return step(texts)
    return pc.replace_with_mask(texts, hits, step(texts.filter(hits)))


def words_of(texts: pa.Array, table: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where words begin in the texts' data and their kinds, (W,) each, and the texts' first words, (N + 1,).

    A word begins with the space before it. A space before another, or before a line break, begins none.
    """
    data, offsets = data_of(texts), offsets_of(texts)
    offsets = offsets - offsets[0]
    begins, kinds = [np.empty(0, np.int32)], [np.empty(0, np.uint8)]
    # By blocks that stay in the cache.
    for start in range(0, len(texts), _TEXTS_A_BLOCK):
        block = offsets[start : start + _TEXTS_A_BLOCK + 1]
        if block[0] < block[-1]:
            found, kinds_of_found = _words_of_block(data[block[0] : block[-1]], block[:-1] - block[0], table)
            begins.append(found.astype(np.int32) + block[0])
            kinds.append(kinds_of_found)
    words = np.concatenate(begins)
    return words, np.concatenate(kinds), np.searchsorted(words, offsets)


def _words_of_block(data: np.ndarray, texts: np.ndarray, table: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Where words begin, and their kinds, (W,) each, in UTF-8 (B,) with texts beginning at these places."""
    kinds = np.frombuffer(bytearray(data.tobytes()).translate(table), np.uint8)

    def add(start: int, where: np.ndarray, kind: Kind) -> None:
        kinds[start : start + len(where)] |= where.view(np.uint8) * np.uint8(kind)

    before, here = data[:-1], data[1:]
    # What has a letter's or a mark's second byte: punctuation, digits, and marks that NFKC joins to letters.
    add(1, (before == 0xD8) & (here < 0xA0), Kind.SIGN)
    late = (before == 0xD9) & (here >= 0x93)
    digits = late & (here >= 0xA0) & (here < 0xAA)
    add(1, digits, Kind.DIGIT | Kind.MARK)
    add(1, late ^ digits, Kind.ANY)
    add(4, stretched(data), Kind.MARK)
    far = np.flatnonzero(data == 0xF0)  # U+10000 and above, four bytes each
    third = data[far + 2]
    emoji = (data[far + 1] == 0x9F) & (third >= 0x8C) & (third < 0xAC)
    kinds[far[~emoji]] = Kind.ANY
    far = far[emoji]
    kinds[far], kinds[far + 1], kinds[far + 2], kinds[far + 3] = Kind.EMOJI, 0, 0, 0
    begins = data == 0x20
    surplus = begins[:-1] & (here <= 0x20)
    add(0, surplus, Kind.BREAK)
    begins[:-1] ^= surplus
    begins[texts[texts < len(data)]] = True
    words = np.flatnonzero(begins)
    return words, np.bitwise_or.reduceat(kinds, words)


def whole_texts(texts: pa.Array, kinds: np.ndarray, first_words: np.ndarray) -> np.ndarray:
    """Which texts have to stay in one, from the kinds of their words: bool (N,)."""
    found = pc.fill_null(pc.match_substring_regex(texts, RETWEET), False)
    whole: np.ndarray = found.to_numpy(zero_copy_only=False, writable=True)
    other = np.bitwise_or.reduceat(np.append(kinds, np.uint8(0)), first_words)[:-1] & Kind.OTHER != 0
    found = pc.match_substring_regex(texts.filter(pa.array(other)), BEYOND_A_WORD)
    whole[other] |= pc.fill_null(found, False).to_numpy(zero_copy_only=False)
    return whole


def clean_words(texts: pa.Array, table: bytes, steps: Sequence[tuple[Kind, Step]]) -> pa.Array:
    """Texts (N,) after the steps, each taken by the words that have one of its kinds.

    The steps must leave no two spaces together; those at a text's ends may stay.
    """
    data = data_of(texts)
    words, kinds, first_words = words_of(texts, table)
    whole = whole_texts(texts, kinds, first_words)
    kinds[np.repeat(whole, np.diff(first_words))] = Kind.NONE
    # Pieces: words of the same kinds, side by side in a text.
    begins = np.empty(len(words) + 1, bool)
    begins[1:-1] = kinds[1:] != kinds[:-1]
    begins[first_words] = True
    places = np.flatnonzero(begins)
    pieces = strings(np.append(words, np.int32(len(data)))[places], data)
    kinds = kinds[places[:-1]]
    needy = np.flatnonzero(kinds)
    order = needy[np.argsort(kinds[needy], kind="stable")]
    stay = pa.array(whole)
    cleaned, alone = _cleaned(_joined(pieces, order), kinds[order], texts.filter(stay), steps)
    place = np.arange(len(kinds))
    place[order] = len(kinds) + 2 * np.arange(len(order))
    pieces = pa.concat_arrays([pieces, _parted(cleaned)]).take(pa.array(place))
    # They lie one behind the other, so a text is from its first piece to the next text's.
    texts_again = strings(offsets_of(pieces)[np.searchsorted(places, first_words)], data_of(pieces))
    if len(alone):
        texts_again = pc.replace_with_mask(texts_again, stay, alone)
    return nulls_as_in(texts, texts_again)


def _joined(pieces: pa.Array, order: np.ndarray) -> pa.Array:
    """Texts of the pieces in this order, each piece behind a separator."""
    parts = np.full((len(order), 2), len(pieces))
    parts[:, 1] = order
    joined = pa.concat_arrays([pieces, pa.array([f" {_SEPARATOR}"])]).take(pa.array(parts.ravel()))
    starts = np.arange(0, 2 * len(order), 2 * _WORDS_A_TEXT)
    return strings(offsets_of(joined)[np.append(starts, 2 * len(order))], data_of(joined))


def _parted(texts: pa.Array) -> pa.Array:
    """The pieces of such texts, trimmed since, at even places; what divided them between."""
    data = data_of(texts)
    places, characters = private_in(data)
    separators = places[characters == _SEPARATOR.encode()[2]]
    bounds = np.empty((len(separators), 2), np.int32)
    bounds[:, 0] = separators + 3
    bounds[:-1, 1] = separators[1:] - (data[separators[1:] - 1] == 0x20)
    bounds[-1:, 1] = len(data)
    return strings(bounds.ravel(), data) if len(bounds) else texts


def _cleaned(
    joined: pa.Array, kinds: np.ndarray, alone: pa.Array, steps: Sequence[tuple[Kind, Step]]
) -> tuple[pa.Array, pa.Array]:
    """Joined pieces of these kinds, and texts (A,), after the steps."""
    texts = pa.concat_arrays([joined, alone])
    kinds_of_texts = np.full(len(texts), Kind.WHOLE, np.uint16)
    if len(kinds):
        kinds_of_texts[: len(joined)] = np.bitwise_or.reduceat(kinds, np.arange(0, len(kinds), _WORDS_A_TEXT))
    for needs, step in steps:
        needed = kinds_of_texts & np.uint16(needs | Kind.WHOLE) != 0
        texts = taken_by(pa.array(needed), texts, step)
    return texts.slice(0, len(joined)), texts.slice(len(joined))
