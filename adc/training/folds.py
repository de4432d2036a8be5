"""What is decided of a training row by the hash of its text, which is the same in every run."""

from collections.abc import Iterable, Sequence

import numpy as np

from adc.cleaning.rows import split_keys

FOLDS = 5
# The fold that no row is in: a model fitted without it is fitted on all rows.
NONE = FOLDS


# What a tweet has and a text typed into a program has not, as the cleaning rules mark it.
TWEET_MARKS = frozenset({"<url>", "<user>", "<email>", "<nl>"})


def folds_of(hashes: Iterable[str], authors: Iterable[str | None]) -> np.ndarray:
    """The folds of texts, int64 (N,): all of an author are in one, as they are in one split.

    By hashes in hex digits, of which the first eight decide the split.
    """
    keys = split_keys(hashes, authors)
    return np.array([int(key[8:16], 16) % FOLDS for key in keys], np.int64)


def drawn(text_hash: str, share: float) -> bool:
    """Whether a text is in this share of all, by the digits of its hash after those of its fold."""
    return int(text_hash[16:24], 16) < share * 16**8


def as_learnt(clean: Sequence[str], hashes: Sequence[str], plain_share: float) -> list[str]:
    """Clean training texts, this share of them without TWEET_MARKS: the same ones for all models."""
    return [plain(text) if drawn(key, plain_share) else text for text, key in zip(clean, hashes, strict=True)]


def plain(clean: str) -> str:
    """A clean text without TWEET_MARKS; as it was if there is nothing else."""
    return " ".join(word for word in clean.split(" ") if word not in TWEET_MARKS) or clean
