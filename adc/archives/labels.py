"""The user's own spellings of dialects, as codes: the file of input.labels."""

import csv
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

import yaml
from pyspark.sql import Column
from pyspark.sql import functions as F

from adc.dialects import DIALECTS
from adc.errors import UsageError
from adc.files import Files
from adc.job import Job
from adc.texts import UNSEEN

# A spelling mapped to one of these stands for no dialect: its rows have no label.
NOTHING = ("", "null", "~")
# Unknown labels that a message shows, and characters of each; a column with more than the most has no labels.
LABELS_SHOWN, LABEL_SHOWN, MOST_UNKNOWN = 10, 40, 100
# Spellings that are looked at to find one.
KEYS_A_MAP = 8
NO_CODES = (
    "; to map them to codes, give input.labels to the job that reads the file (clean, evaluate --labelled)"
)


def read_labels(files: Files, path: str) -> dict[str, str | None]:
    """Lower-case spelling → code (None: no label), from YAML `spelling: code` or CSV of these two columns.

    Every code stands for itself, also in lower case. Raises UsageError naming the file and the spelling.
    """
    if not files.exists(path):
        raise UsageError(f"input.labels={path} does not exist")
    try:
        text = files.read_text(path)
        is_yaml = PurePosixPath(path).suffix.lower() in (".yaml", ".yml")
        pairs = _from_yaml(text, path) if is_yaml else _from_csv(text, path)
    except (UnicodeDecodeError, yaml.YAMLError, csv.Error) as error:
        raise UsageError(f"input.labels={path} cannot be read: {error}") from None
    codes: dict[str, str | None] = {}
    for written, code in pairs:
        spelling, code = written.strip(UNSEEN).lower(), code.strip(UNSEEN)
        meant = None if code in NOTHING else code
        if codes.setdefault(spelling, meant) != meant:
            raise UsageError(f"input.labels={path}: {written} stands for {codes[spelling]} and for {meant}")
    return {code.lower(): code for code in (*DIALECTS.codes, *codes.values()) if code} | codes


def as_codes(label: Column, codes: Mapping[str, str | None]) -> Column:
    """Labels as codes; one that the mapping lacks stays as it is."""
    # Spark looks at a map's keys one after another, for every row: so there are many maps of a few spellings
    # each, of which a hash tells the one to look in.
    maps: list[dict[str, str | None]] = [{} for _ in range(1 + len(codes) // KEYS_A_MAP)]
    for spelling, code in codes.items():
        maps[zlib.crc32(spelling.encode(errors="replace")) % len(maps)][spelling] = code
    known = F.from_json(F.lit(json.dumps(maps)), "array<map<string, string>>")
    written = F.lower(label)
    own = F.get(known, (F.crc32(written) % len(maps)).cast("int"))
    return F.when(F.map_contains_key(own, written), F.try_element_at(own, written)).otherwise(label)


def shown_labels(labels: Sequence[str]) -> str:
    """The first of some labels, each cut: where a column is not of labels they are many, and long."""
    first = ", ".join(" ".join(label.split())[:LABEL_SHOWN] for label in labels[:LABELS_SHOWN])
    return first + (", …" if len(labels) > LABELS_SHOWN else "")


def tell_unknown_labels(
    job: Job, name: str, unknown: Sequence[str], labels: int, what: str, most: int = MOST_UNKNOWN
) -> None:
    """Says which labels of `name`, which has so many in all, are unknown, in that they `what`.

    Raises UsageError where they are more than `most`.
    """
    if not unknown:
        return
    advice = NO_CODES if set(unknown).difference(DIALECTS.codes) else ""
    told = f"{what}: {shown_labels(unknown)}{advice}"
    if len(unknown) > most:
        raise UsageError(
            f"{name}: {len(unknown):,} of {labels:,} labels {told}; input.label names their column"
        )
    job.say(f"labels that {told}")


def _from_yaml(text: str, path: str) -> Iterable[tuple[str, str]]:
    # Everything a string: NO is Norway.
    content = yaml.load(text, Loader=yaml.BaseLoader)
    if not isinstance(content, dict):
        raise UsageError(f"input.labels={path}: expected lines `spelling: code`")
    for spelling, code in content.items():
        if not isinstance(code, str):
            raise UsageError(f"input.labels={path}: {spelling} must stand for one code, not {code}")
    return content.items()


def _from_csv(text: str, path: str) -> Iterable[tuple[str, str]]:
    lines = text.splitlines()
    separator = max(",;\t", key=(lines or [""])[0].count)
    for row in csv.reader(lines, delimiter=separator):
        if row and len(row) != 2:
            raise UsageError(f"input.labels={path}: {separator.join(row)}: expected spelling{separator}code")
        if row:
            yield row[0], row[1]
