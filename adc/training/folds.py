"""What is decided of a training row by the hash of its text, which is the same in every run."""

FOLDS = 5
# The fold that no row is in: a model fitted without it is fitted on all rows.
NONE = FOLDS


def fold_of(text_hash: str) -> int:
    """The fold of a text by its hash in hex digits; the first eight decide its split."""
    return int(text_hash[8:16], 16) % FOLDS


def drawn(text_hash: str, share: float) -> bool:
    """Whether a text is in this share of all, by the digits of its hash after those of its fold."""
    return int(text_hash[16:24], 16) < share * 16**8
