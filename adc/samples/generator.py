"""The sample corpus: ids, dialects and texts, the same for the same seed."""

import csv
import os
import random
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from adc.errors import UsageError
from adc.samples.lexicons import lexicon
from adc.samples.sentences import compose
from adc.samples.tweets import dress, roughen, wordless

# Relative sizes of the countries, about those of the real task's label file.
_SIZES = {
    "EG": 126, "PL": 95, "KW": 92, "LY": 80, "QA": 68, "JO": 61, "LB": 60, "SA": 59, "AE": 57,
    "BH": 45, "OM": 42, "SY": 35, "DZ": 35, "IQ": 34, "SD": 32, "MA": 30, "YE": 26, "TN": 24,
}  # fmt: skip
_NEAR_DUPLICATE = 0.02
_WORDLESS = 0.01
_REMEMBERED = 50  # texts of a dialect that a near-duplicate may repeat

# A tweet id holds its time: milliseconds since Twitter's own epoch, above 22 bits of machine and sequence.
_FIRST_MS = 1546300800000 - 1288834974657  # 2019-01-01
_SPAN_MS = 2 * 365 * 86_400_000  # up to the end of 2020
_ID_LOW_BITS = 22


class SampleTweet(NamedTuple):
    """An invented tweet: its id, the country code of its dialect, its raw text."""

    id: str
    dialect: str
    text: str


def sample_corpus(rows: int = 4000, seed: int = 0) -> list[SampleTweet]:
    """Invented tweets in all 18 dialects, in id order; the same for the same rows and seed anywhere.

    Ids are unique and look like those of 2019 and 2020. From 180 rows on no dialect is absent. UsageError
    for fewer rows than one.
    """
    return list(_tweets(rows, seed))


def write_sample_corpus(path: str | os.PathLike[str], rows: int = 4000, seed: int = 0) -> None:
    """Write the sample corpus as UTF-8 CSV with the header `id,dialect,text`, quoted as in RFC 4180.

    Line breaks inside texts stay as they are. A file appears whole or not at all; a pipe is written to.
    UsageError where that cannot be done.
    """
    # What a link leads to is replaced, not the link.
    target = Path(os.path.realpath(path))
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        stream = Path(path).exists() and not Path(path).is_file()
        with Path(path if stream else unfinished).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\r\n")
            writer.writerow(SampleTweet._fields)
            writer.writerows(_tweets(rows, seed))
        if not stream:
            unfinished.replace(target)
    except OSError as error:
        raise UsageError(f"cannot write the sample corpus to {path}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


def _tweets(rows: int, seed: int) -> Iterator[SampleTweet]:
    if rows < 1:
        raise UsageError(f"a sample corpus of {rows} rows was asked for; ask for 1 or more")
    rng = random.Random(seed)
    recent: dict[str, deque[str]] = {dialect: deque(maxlen=_REMEMBERED) for dialect in _SIZES}
    for tweet_id, dialect in zip(_ids(rows, rng), _dialects(rows, rng), strict=True):
        yield SampleTweet(tweet_id, dialect, _text(dialect, recent[dialect], rng))


def _text(dialect: str, recent: deque[str], rng: random.Random) -> str:
    home = lexicon(dialect)
    kind = rng.random()
    if kind < _WORDLESS:
        return dress(wordless(home, rng), home, rng)
    if kind < _WORDLESS + _NEAR_DUPLICATE and recent:
        return dress(rng.choice(recent), home, rng)
    recent.append(roughen(compose(dialect, rng), rng))
    return dress(recent[-1], home, rng)


def _dialects(rows: int, rng: random.Random) -> list[str]:
    """The dialect of each row, shuffled: every country gets its share to within a row."""
    sizes = list(accumulate(_SIZES.values(), initial=0))
    starts = [round(rows * size / sizes[-1]) for size in sizes]
    dialects = [
        dialect
        for dialect, start, end in zip(_SIZES, starts, starts[1:], strict=False)
        for _ in range(start, end)
    ]
    rng.shuffle(dialects)
    return dialects


def _ids(rows: int, rng: random.Random) -> Iterator[str]:
    """Increasing ids, each drawn from its own slice of the two years."""
    for row in range(rows):
        start, end = _SPAN_MS * row // rows, _SPAN_MS * (row + 1) // rows
        milliseconds = _FIRST_MS + rng.randrange(start, max(end, start + 1))
        yield str(milliseconds << _ID_LOW_BITS | rng.getrandbits(_ID_LOW_BITS))
