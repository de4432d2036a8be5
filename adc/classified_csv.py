"""Classification of a CSV file record by record, in flat memory, without Spark or TensorFlow."""

import csv
import gzip
import sys
import zlib
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

from adc.classification import classify
from adc.errors import UsageError
from adc.texts import are_utf8

RECORDS_AT_ONCE = 5000
# Lines looked at to tell whether a file is UTF-8.
LINES_SEEN = 100
SEPARATORS = ",;\t"
# Of the columns of `predictions` those that CSV can hold and that differ from row to row.
TOLD = ("dialect", "confidence", "region", "region_confidence", "plausible", "note")
ADDED = [f"adc_{name}" for name in TOLD]

Record = list[str]


def classified_csv(
    path: str | Path, text_column: str = "text", bundle: str | Path | None = None
) -> Iterator[Record]:
    """The records of a CSV file (also `.gz`; UTF-8), its header first, each with its text's prediction.

    Behind a record's own fields, which stay as they are, come adc_dialect, adc_confidence and the others of
    TOLD, as in the table `predictions`: probabilities with four decimals, plausible dialects with blanks
    between them, nothing for NULL. The separator is the one of SEPARATORS that the header has most of.
    Raises UsageError, before anything is given, for a file that cannot be read, naming the line.
    """
    # A field may be as long as a text: the module's own limit is 128 KiB.
    csv.field_size_limit(sys.maxsize)
    try:
        with _opened(path) as lines:
            head = list(islice(lines, LINES_SEEN))
            if not are_utf8(head):
                raise UsageError(f"{path} is not UTF-8: convert it, as by `iconv -f WINDOWS-1256 -t UTF-8`")
            separator = max(SEPARATORS, key=next(filter(str.strip, head), "").count)
            deque(_records(path, lines, separator), maxlen=0)
            records = _records(path, lines, separator)
            header = next(records, [])
            place = _place(path, header, text_column)
            yield header + ADDED
            while some := list(islice(records, RECORDS_AT_ONCE)):
                yield from _with_predictions(some, place, bundle)
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None


def _opened(path: str | Path) -> TextIO:
    # A byte order mark is no part of the first name; line breaks within a text stay as they are.
    if str(path).lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace", newline="")
    return Path(path).open(encoding="utf-8-sig", errors="replace", newline="")


def _records(path: str | Path, lines: TextIO, separator: str) -> Iterator[Record]:
    """All that are not blank, from the file's beginning. Raises UsageError for one that is none."""
    lines.seek(0)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    length = 0
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise UsageError(f"{path}, line {line}: {error}") from None
        if record is None:
            return
        length = length or len(record)
        if len(record) not in (0, length):
            raise UsageError(f"{path}, line {line}: {len(record)} fields, where the header has {length}")
        if record:
            yield record


def _place(path: str | Path, header: Record, text_column: str) -> int:
    """Where the texts are."""
    if header.count(text_column) != 1:
        count = "two columns" if text_column in header else "no column"
        raise UsageError(f"{path} has {count} {text_column!r}; its columns: {', '.join(header) or 'none'}")
    if taken := [name for name in ADDED if name in header]:
        raise UsageError(f"{path} has columns that classify adds: {', '.join(taken)}; rename or drop them")
    return header.index(text_column)


def _with_predictions(records: list[Record], place: int, bundle: str | Path | None) -> Iterator[Record]:
    told = classify([record[place] for record in records], bundle)[list(TOLD)]
    for record, row in zip(records, told.itertuples(index=False), strict=True):
        yield [*record, *map(_written, row)]


def _written(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.4f}"
    return " ".join(value) if isinstance(value, list) else str(value or "")
