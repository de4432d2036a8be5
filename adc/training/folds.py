"""What is decided of a training row by the hash of its text, which is the same in every run."""

from collections.abc import Container, Iterable, Sequence

import numpy as np
import pandas as pd

from adc.cleaning.rows import split_keys

FOLDS = 5
# The fold that no row is in: a model fitted without it is fitted on all rows.
NONE = FOLDS
# More than this share of a label's texts in one fold: those of too few authors.
MOST_IN_A_FOLD = 0.8

# What a tweet has and a text typed into a program has not, as the cleaning rules mark it.
TWEET_MARKS = frozenset({"<url>", "<user>", "<email>", "<nl>"})


def folds_of(
    hashes: Iterable[str],
    authors: Iterable[str | None],
    labels: Iterable[str] = (),
    by_text: Container[str] = (),
) -> np.ndarray:
    """The folds of texts, int64 (N,): all of an author are in one, as they are in one split.

    But of labels in `by_text` each text for itself. By hashes in hex digits, of which the first eight decide
    the split.
    """
    if by_text:
        authors = [None if label in by_text else own for own, label in zip(authors, labels, strict=True)]
    keys = split_keys(hashes, authors)
    return np.array([int(key[8:16], 16) % FOLDS for key in keys], np.int64)


def of_too_few_authors(
    hashes: Sequence[str], authors: Sequence[str | None], labels: Sequence[str]
) -> frozenset[str]:
    """The labels whose texts are to be parted by text: by author nearly all would be in one fold.

    A model without that fold would hardly know the label, and all that learn from it would learn never to
    answer it.
    """
    by_author, by_text = (
        pd.crosstab(np.array(labels), folds_of(hashes, keys), normalize="index").max(axis=1)
        for keys in (authors, [None] * len(hashes))
    )
    # By text a handful may be no better off.
    return frozenset(by_author.index[(by_author > MOST_IN_A_FOLD) & (by_text < by_author)])


def drawn(text_hash: str, share: float) -> bool:
    """Whether a text is in this share of all, by the digits of its hash after those of its fold."""
    return int(text_hash[16:24], 16) < share * 16**8


def as_learnt(clean: Sequence[str], hashes: Sequence[str], plain_share: float) -> list[str]:
    """Clean training texts, this share of them without TWEET_MARKS: the same ones for all models."""
    return [plain(text) if drawn(key, plain_share) else text for text, key in zip(clean, hashes, strict=True)]


def plain(clean: str) -> str:
    """A clean text without TWEET_MARKS; as it was if there is nothing else."""
    return " ".join(word for word in clean.split(" ") if word not in TWEET_MARKS) or clean
