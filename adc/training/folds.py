"""Which training rows a linear model may not see: folds by the hash of a text."""

FOLDS = 5
# The fold that no row is in: a model fitted without it is fitted on all rows.
NONE = FOLDS


def fold_of(text_hash: str) -> int:
    """The fold of a text by its hash in hex digits; the first eight decide its split."""
    return int(text_hash[8:16], 16) % FOLDS
