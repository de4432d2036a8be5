"""Texts as users and APIs hand them over: gaps, and halves of emoji, made fit for UTF-8."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from adc.errors import UsageError

# What files that went through several hands have around a value: \r, tabs, no-break spaces, and the marks of
# zero width and of direction that programs put beside Arabic.
UNSEEN = " \t\r\n\u00a0\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
# Lines looked at to tell whether a file is UTF-8.
LINES_SEEN = 100


def whole_text(text: Any, what: str) -> str:
    """A text without lone surrogates; of a gap in a column an empty one.

    Raises UsageError for what is neither, beginning with `what` it was.
    """
    if isinstance(text, str):
        return without_surrogates(text)
    if pd.api.types.is_scalar(text) and pd.isna(text):
        return ""
    raise UsageError(f"{what} is {type(text).__name__}, not str")


def without_surrogates(text: str) -> str:
    """Lone surrogates, which no UTF-8 can hold, as U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def require_utf8(lines: Iterable[str], what: str) -> None:
    """Raises UsageError, beginning with `what` they are of, for the first lines of another encoding."""
    if not are_utf8(lines):
        raise UsageError(
            f"{what} is not UTF-8; convert it, for example by iconv -f WINDOWS-1256 -t UTF-8 "
            "(-f UTF-16 for what Excel calls Unicode)"
        )


def are_utf8(lines: Iterable[str]) -> bool:
    """Whether lines were UTF-8, given that what is not has been decoded as U+FFFD.

    In most lines that are not blank, U+FFFD must not be most of what is beyond ASCII: here and there a letter
    may be torn. UTF-16 begins with two bytes that UTF-8 never has.
    """
    written = [line for line in lines if line.strip()]
    beyond_ascii = [[character for character in line if not character.isascii()] for line in written]
    replaced = sum(2 * beyond.count("\ufffd") > len(beyond) for beyond in beyond_ascii)
    return not written or (2 * replaced < len(written) and not written[0].startswith("\ufffd\ufffd"))
