"""Cuts JSON that is not one value a line into its values: arrays, indented pages, a personal archive.

Python alone; it tells where a value ends and leaves it as it is written, so no id passes through a number.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice

import pyarrow as pa

BATCH = 1000
# window.YTD.tweets.part0 = [ …
ASSIGNMENT = re.compile(r"\s*window\.[\w.]+\s*=")
BETWEEN = re.compile(r"[\s,;\[\]\ufeff]*")
INDENTATION = re.compile(r"(?:^|\n)([ \t]*)\Z")
DECODER = json.JSONDecoder(parse_int=str, parse_float=str)


def spans_lines(first: str, second: str) -> bool:
    """Whether JSON with these first two lines is more than a value a line."""
    first, second = first.strip("\ufeff \t\r"), second.strip()
    if ASSIGNMENT.match(first):
        return True
    if first.startswith("["):
        return not first.endswith("]")
    return first.startswith("{") and not first.endswith("}") and bool(second) and not second.startswith("{")


def json_values(text: str) -> Iterator[str]:
    """The objects in a text as they are written, those of an array one by one.

    A broken one comes as it is, up to the next line with the same indentation that begins an object, else to
    the end of the text.
    """
    assignment = ASSIGNMENT.match(text)
    at = assignment.end() if assignment else 0
    while (at := BETWEEN.match(text, at).end()) < len(text):  # type: ignore[union-attr]
        try:
            end = DECODER.raw_decode(text, at)[1]
        except (ValueError, RecursionError):
            line_start = text.rfind("\n", 0, at) + 1
            indentation = INDENTATION.match(text[line_start:at])
            next_one = indentation and re.compile(rf"\n{indentation[1]}\{{").search(text, at)
            end = next_one.start() if next_one else len(text)
        yield text[at:end]
        at = end


def split_texts(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Texts in the column `value` in, their values there out; what stands beside a text, beside each."""
    for batch in batches:
        beside = [name for name in batch.schema.names if name != "value"]
        for row, text in enumerate(batch.column("value")):
            values = json_values(text.as_py())
            while some := list(islice(values, BATCH)):
                same = pa.array([row] * len(some))
                columns = {name: batch.column(name).take(same) for name in beside}
                yield pa.RecordBatch.from_pydict({"value": some} | columns)
