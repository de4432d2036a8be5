"""What the first lines of people's CSV tell, with Spark and without."""

from collections.abc import Iterable, Sequence

SEPARATORS = ",;\t"
# One that no text holds: a table of one column has none.
NO_SEPARATOR = "\x1f"


def header_line(lines: Iterable[str]) -> str:
    """The first line that is not blank."""
    return next((line for line in lines if line.strip(" \t\r\n")), "")


def separator_in(header: str) -> str:
    """The one of SEPARATORS that the header line has most of; NO_SEPARATOR where it has none."""
    likeliest = max(SEPARATORS, key=header.count)
    return likeliest if likeliest in header else NO_SEPARATOR


def names_in(record: Sequence[str]) -> list[str]:
    """The names in the first record, without quotes and the blanks around them."""
    return [name.strip().strip('"').strip() for name in record]
