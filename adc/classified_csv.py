"""Classification of a CSV file record by record, in flat memory, without Spark or TensorFlow."""

import csv
import gzip
import zlib
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

from adc.classification import chosen_bundle, classify
from adc.csv_header import header_line, names_in, separator_in
from adc.errors import UsageError
from adc.model.bundle import Bundle
from adc.settings_layers import load_settings
from adc.texts import LINES_SEEN, require_utf8, without_surrogates

RECORDS_AT_ONCE = 5000
# Characters of a field. The module's own limit is less than some texts have; with none, a quotation mark that
# is not closed would take the rest of the file into memory.
LONGEST_FIELD = 16 << 20
# Of the columns of `predictions` those that CSV can hold and that differ from row to row.
TOLD = ("dialect", "confidence", "region", "region_confidence", "plausible", "note")
ADDED = [f"adc_{name}" for name in TOLD]

Record = list[str]


def classified_csv(
    path: str | Path, text_column: str = "text", bundle: Bundle | str | Path | None = None
) -> Iterator[Record]:
    """The records of a CSV file (also `.gz`), its header first, each with what is predicted of its text.

    Behind a record's own fields, which stay as they are (a byte that is no UTF-8 as the surrogate that stands
    for it), come adc_dialect, adc_confidence and the others of TOLD, as in the table `predictions`:
    probabilities with four decimals, plausible dialects with blanks between them, nothing for NULL. Blank
    lines are left out. Raises UsageError, before anything is given, for a bundle that is wrong and a file
    that cannot be read, naming the line.
    """
    csv.field_size_limit(LONGEST_FIELD)
    model = chosen_bundle(bundle, load_settings().score)
    try:
        with _opened(path) as lines:
            if not lines.seekable():
                raise UsageError(f"{path} is a pipe, which cannot be read twice: give a file")
            head = list(islice(lines, LINES_SEEN))
            require_utf8(map(without_surrogates, head), str(path))
            separator = separator_in(header_line(head))
            deque(_records(path, lines, separator), maxlen=0)
            records = _records(path, lines, separator)
            header = next(records, [])
            place = _place(path, names_in(header), text_column)
            yield header + ADDED
            while some := list(islice(records, RECORDS_AT_ONCE)):
                yield from _with_predictions(some, place, model)
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None


def _opened(path: str | Path) -> TextIO:
    # A byte order mark is no part of the first name; line breaks within a text stay as they are.
    if str(path).lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="")
    return Path(path).open(encoding="utf-8-sig", errors="surrogateescape", newline="")


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


def _place(path: str | Path, names: list[str], text_column: str) -> int:
    """Where the texts are."""
    if names.count(text_column) != 1:
        count = "two columns" if text_column in names else "no column"
        raise UsageError(f"{path} has {count} {text_column!r}; its columns: {', '.join(names) or 'none'}")
    if taken := [name for name in ADDED if name in names]:
        raise UsageError(f"{path} has columns that classify adds: {', '.join(taken)}; rename or drop them")
    return names.index(text_column)


def _with_predictions(records: list[Record], place: int, bundle: Bundle) -> Iterator[Record]:
    told = classify([record[place] for record in records], bundle)[list(TOLD)]
    for record, row in zip(records, told.itertuples(index=False), strict=True):
        yield [*record, *map(_written, row)]


def _written(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.4f}"
    return " ".join(value) if isinstance(value, list) else str(value or "")
