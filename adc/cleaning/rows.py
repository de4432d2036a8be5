"""What cleaning makes of a row: its clean text, figures, hash, split, or the reason why it is unusable.

Row-local: a row's result depends on the row alone. Arrow in and out; knows no Spark.
"""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adc.cleaning.patterns import (
    ARABIC_LETTER,
    ARABIC_WORD,
    FOREIGN_ALONE,
    FOREIGN_LETTER,
    FOREIGN_WORD,
)
from adc.cleaning.profiles import Profile, clean_array
from adc.cleaning.words import data_of, kinds_by_byte, strings, words_of

# The words of a text, as they are spelled, and nothing else.
WORDS = Profile(
    "words",
    {
        "html": "on",
        "line_breaks": "drop",
        "unicode": "on",
        "invisible": "on",
        "retweet": "on",
        "urls": "drop",
        "emails": "drop",
        "mentions": "drop",
        "hashtags": "words",
        "placeholders": "drop",
        "tashkeel": "on",
        "tatweel": "on",
        "emoji": "drop",
        "numbers": "drop",
        "latin": "on",
        "punctuation": "drop",
        "white_space": "on",
    },
)
# Two texts that differ only in what this takes out are the same text: links, handles, spelling, marks.
AGGRESSIVE = Profile(
    "aggressive",
    {
        **WORDS.switches,
        "alef": "on",
        "alef_maksura": "on",
        "teh_marbuta": "on",
        "hamza": "on",
        "elongation": "one",
    },
)
VAL_SHARE = TEST_SHARE = 0.1
# Marker tokens are no words of the text.
MARKER_TOKEN = "<[a-z]+>"
# More than this share of FOREIGN_LETTER makes a text Persian, Urdu or Kurdish if it also has a small word of
# theirs, or a letter of theirs alone. Arabic typed on their keyboards may exceed it but has words of its own.
MOST_FOREIGN = 0.08
# A text of this many words or more, at most this share of them distinct, is no sample of anybody's speech.
REPETITIVE_WORDS, LEAST_DISTINCT = 8, 0.3


def text_figures(clean: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Of clean texts, (N,) each: words with Arabic letters; share of Arabic among the letters, or 0."""
    begins, kinds, first_words = words_of(clean, kinds_by_byte(""))
    data = data_of(clean)
    ends = np.append(begins, np.int32(len(data)))
    # A plain word is Arabic letters of two bytes each, behind a space unless it comes first.
    plain = (np.diff(ends) - (data[begins] == 0x20)) // 2
    plain[kinds != 0] = 0
    plain_words, plain_letters = _sums(plain > 0, first_words), _sums(plain, first_words)
    others = strings(ends, data).filter(pa.array(kinds != 0)).dictionary_encode()
    of_others = _word_figures(others.dictionary)[:, others.indices.to_numpy()]
    first_others = np.searchsorted(np.flatnonzero(kinds), first_words)
    other_words, other_letters, other_arabic = (_sums(figure, first_others) for figure in of_others)
    words, letters = plain_words + other_words, plain_letters + other_letters
    arabic = plain_letters + other_arabic
    return pa.array(words), pa.array(arabic / np.maximum(letters, 1))


def _sums(figure: np.ndarray, firsts: np.ndarray) -> np.ndarray:
    """The sum of a figure of words (W,) over each text, from the texts' first words (N + 1,): int32 (N,)."""
    sums = np.zeros(len(figure) + 1, np.int32)
    np.cumsum(figure, out=sums[1:])
    return np.diff(sums[firsts])


def _word_figures(words: pa.Array) -> np.ndarray:
    """Words with Arabic letters, letters, Arabic letters: (3, W)."""
    bare = pc.replace_substring_regex(words, MARKER_TOKEN, "")
    patterns = (rf"\S*{ARABIC_LETTER}\S*", r"\pL", ARABIC_LETTER)
    return np.stack([pc.count_substring_regex(bare, pattern) for pattern in patterns])


def other_language(texts: pa.Array) -> pa.Array:
    """Which texts are Persian, Urdu or Kurdish by their letters and smallest words: bool (N,)."""
    suspects = pc.match_substring_regex(texts, FOREIGN_LETTER)
    if not pc.any(suspects).as_py():
        return suspects
    # Words between `_`, each with its own: RE2 cannot look around.
    words = clean_array(texts.filter(suspects), WORDS)
    words = pc.binary_join_element_wise("_", pc.replace_substring(words, " ", "__"), "_", "")
    foreign = pc.count_substring_regex(words, FOREIGN_LETTER)
    letters = pc.count_substring_regex(words, ARABIC_LETTER)
    share = pc.divide(pc.cast(foreign, pa.float64()), pc.max_element_wise(letters, 1))
    small = pc.count_substring_regex(words, FOREIGN_WORD)
    sign = pc.or_(pc.greater(small, 0), pc.match_substring_regex(words, FOREIGN_ALONE))
    small = pc.if_else(pc.greater_equal(small, 2), small, 0)
    theirs = pc.or_(pc.and_(sign, pc.greater(share, MOST_FOREIGN)), pc.greater(small, 0))
    arabic = pc.count_substring_regex(words.filter(theirs), ARABIC_WORD)
    # Of their letters alone no word of Arabic may be there; of their words fewer: many say الله or السلام.
    found = pc.less(arabic, pc.max_element_wise(small.filter(theirs), 1))
    found = pc.replace_with_mask(pa.array(np.zeros(len(words), dtype=bool)), theirs, found)
    return pc.replace_with_mask(pa.array(np.zeros(len(texts), dtype=bool)), suspects, found)


def repetitive(clean: pa.Array, words: pa.Array) -> pa.Array:
    """Which clean texts, of so many Arabic words, say the same few over and over: bool (N,)."""
    enough = pc.greater_equal(words, REPETITIVE_WORDS)
    lists = pc.utf8_split_whitespace(clean.filter(enough))
    tokens = pc.list_flatten(lists).dictionary_encode()
    codes = tokens.indices.to_numpy()
    arabic = pc.match_substring_regex(tokens.dictionary, ARABIC_LETTER).to_numpy(zero_copy_only=False)[codes]
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    of_text = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)[arabic]
    kinds = max(1, len(tokens.dictionary))
    # Not np.unique, which hashes integers and takes several times as long here.
    pairs = np.sort(of_text * kinds + codes[arabic])
    distinct = np.bincount(pairs[np.diff(pairs, prepend=-1) != 0] // kinds, minlength=len(lengths))
    few = distinct <= LEAST_DISTINCT * np.bincount(of_text, minlength=len(lengths))
    return pc.replace_with_mask(pa.array(np.zeros(len(clean), dtype=bool)), enough, pa.array(few))


def text_hashes(texts: pa.Array) -> list[str]:
    """32 hex digits of the SHA-256 of each text, aggressively normalised."""
    normalised = clean_array(texts, AGGRESSIVE).to_pylist()
    return [hashlib.sha256(text.encode()).hexdigest()[:32] for text in normalised]


def split_of(key: str) -> str:
    """train, val or test (80, 10, 10 of 100) by a hash in hex digits: equal keys share a split."""
    share = int(key[:8], 16) / 2**32
    if share < TEST_SHARE:
        return "test"
    return "val" if share < TEST_SHARE + VAL_SHARE else "train"


def split_keys(hashes: Iterable[str], authors: Iterable[str | None]) -> Iterator[str]:
    """Keys of splits and folds, in hex digits: the hash of a row's author, without one that of its text.

    hashes: of the texts. Rows with the same key share a split and a fold.
    """
    for author, text_hash in zip(authors, hashes, strict=True):
        yield hashlib.sha256(author.encode()).hexdigest() if author else text_hash


def clean_rows(batch: pa.RecordBatch, profile: Profile, min_words: int, min_arabic: float) -> pa.RecordBatch:
    """Adds clean, n_words, arabic_ratio, text_hash, split and reason to rows with text, author and split.

    `reason` is NULL for a usable row; else empty, no_arabic, too_short, not_arabic (script),
    not_arabic_language or repetitive.
    """
    texts = pc.fill_null(batch.column("text").cast(pa.string()), "")
    clean = clean_array(texts, profile)
    words, ratio = text_figures(clean)
    hashes = text_hashes(texts)
    reason = pc.case_when(
        pc.make_struct(
            pc.equal(pc.utf8_trim_whitespace(texts), ""),
            pc.equal(words, 0),
            pc.less(words, min_words),
            pc.less(ratio, min_arabic),
            other_language(texts),
            repetitive(clean, words),
        ),
        pa.scalar("empty"),
        pa.scalar("no_arabic"),
        pa.scalar("too_short"),
        pa.scalar("not_arabic"),
        pa.scalar("not_arabic_language"),
        pa.scalar("repetitive"),
        pa.scalar(None, pa.string()),
    )
    given = batch.column("split").to_pylist()
    keys = split_keys(hashes, batch.column("author").to_pylist())
    split = [own or split_of(key) for own, key in zip(given, keys, strict=True)]
    added = {
        "text": texts,
        "clean": clean,
        "n_words": words.cast(pa.int32()),
        "arabic_ratio": ratio,
        "text_hash": pa.array(hashes, pa.string()),
        "split": pa.array(split, pa.string()),
        "profile_hash": pa.array(np.full(len(texts), profile.hash, dtype=object), pa.string()),
        "reason": reason,
    }
    kept = {name: batch.column(name) for name in batch.schema.names if name not in added}
    return pa.RecordBatch.from_pydict(kept | added)
