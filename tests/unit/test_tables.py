"""The tables as docs/tables.md tells of them."""

import re
from pathlib import Path

from adc.tables import TABLES

DOCUMENT = Path(__file__).parents[2] / "docs" / "tables.md"


def test_every_column_of_every_table_is_documented() -> None:
    _, *sections = re.split("^## ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    told = {}
    for section in sections:
        heading, _, body = section.partition("\n")
        first_cells = re.findall(r"^\| (`[^|]*`) \|", body, re.MULTILINE)
        told[heading] = re.findall("`([^`]*)`", " ".join(first_cells))
    del told["Counts"]
    assert told == {table.name: list(table.columns) for table in TABLES}
