"""The corpus file that the lookup server answers from, read with its ids intact to the last digit."""

import gzip
import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from adc.errors import UsageError

Columns = tuple[Sequence[str | None], Sequence[str | None]]  # ids and texts, a row each


def load_corpus(path: str | Path, id_column: str = "id", text_column: str = "text") -> dict[str, str | None]:
    """Id → text from a CSV (`.csv`), Parquet (`.parquet`) or JSON lines (`.jsonl`, `.json`) file.

    The text forms may be gzipped (`.csv.gz`, ...) and are UTF-8, with or without a BOM. An empty CSV field
    is the empty text, not null. Where an id is there twice, its last row stands. Raises UsageError for a
    file that cannot be read, lacks a column, or has ids missing or as floats, which have lost digits.
    """
    path = Path(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    form = suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else path.suffix.lower()
    readers = {
        ".csv": _read_csv,
        ".json": _read_json_lines,
        ".jsonl": _read_json_lines,
        ".parquet": _read_parquet,
    }
    if form not in readers:
        raise UsageError(f"{path}: give a .csv, .jsonl or .json file (also with .gz) or a .parquet file")
    try:
        ids, texts = readers[form](path, id_column, text_column)
    except (OSError, EOFError, zlib.error, ValueError, pa.ArrowException) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    corpus: dict[str, str | None] = {}
    for row, (tweet_id, text) in enumerate(zip(ids, texts, strict=True), 1):
        if not tweet_id:
            raise UsageError(f"{path}: row {row} has no {id_column!r}; every row needs one")
        corpus[tweet_id] = text
    return corpus


def _require(path: Path, wanted: Sequence[str], found: Sequence[str]) -> None:
    if missing := [name for name in wanted if name not in found]:
        lacks = " and no ".join(f"column {name!r}" for name in missing)
        raise UsageError(f"{path} has no {lacks}; its columns: {', '.join(found) or 'none'}")


def _wrong_type(where: Path | str, column: str, holds: object, is_id: bool) -> UsageError:
    need = "ids as strings or integers: a float has lost the last digits" if is_id else "texts as strings"
    return UsageError(f"{where}: {column!r} holds {holds}; write {need}")


def _read_csv(path: Path, id_column: str, text_column: str) -> Columns:
    columns = [id_column, text_column]
    parsing = pa.csv.ParseOptions(newlines_in_values=True)
    with pa.csv.open_csv(path, parse_options=parsing) as opening:
        _require(path, columns, opening.schema.names)
    as_strings = pa.csv.ConvertOptions(
        include_columns=columns,
        column_types=dict.fromkeys(columns, pa.string()),
        strings_can_be_null=False,
    )
    table = pa.csv.read_csv(path, parse_options=parsing, convert_options=as_strings)
    return table[id_column].to_pylist(), table[text_column].to_pylist()


def _read_parquet(path: Path, id_column: str, text_column: str) -> Columns:
    columns = [id_column, text_column]
    dataset = pa.parquet.ParquetDataset(path)
    _require(path, columns, dataset.schema.names)
    table = dataset.read(columns=columns)
    for name in columns:
        kind = table.schema.field(name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        is_id = name == id_column
        fits = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)
        if not fits and not (is_id and pa.types.is_integer(kind)):
            raise _wrong_type(path, name, kind, is_id)
    return table[id_column].cast(pa.string()).to_pylist(), table[text_column].to_pylist()


def _read_json_lines(path: Path, id_column: str, text_column: str) -> Columns:
    """By `json`, not pyarrow: pyarrow would refuse ids of which only some are quoted, and name no line."""
    ids: list[str | None] = []
    texts: list[str | None] = []
    found: dict[str, None] = {}
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if line.isspace():
                continue
            where = f"{path}, line {number}"
            try:
                row = json.loads(line)
            except ValueError as error:
                raise UsageError(f"{where} is not JSON: {error}") from error
            if not isinstance(row, dict):
                raise UsageError(f"{where} is not a JSON object")
            found.update(dict.fromkeys(row))
            tweet_id, text = row.get(id_column), row.get(text_column)
            if not isinstance(tweet_id, str | int | None) or isinstance(tweet_id, bool):
                raise _wrong_type(where, id_column, tweet_id, is_id=True)
            if not isinstance(text, str | None):
                raise _wrong_type(where, text_column, text, is_id=False)
            ids.append(None if tweet_id is None else str(tweet_id))
            texts.append(text)
    _require(path, [id_column, text_column], list(found))
    return ids, texts
