"""Labelled tweets from files, cleaned for the model, without Spark: what benchmarks of the model read."""

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from adc.cleaning import load_profile
from adc.cleaning.rows import clean_rows

# Weight in training of the kinds of rows in more_train.parquet (docs/experiments.md).
KINDS = {"slice": 1.0, "open": 0.3, "slice5": 0.7}

# A line break, or a character by its number, as Python writes them.
ESCAPE = re.compile(r"\\(?:n|u([0-9a-f]{4})|U([0-9a-f]{8}))")


def labelled(folder: Path) -> pd.DataFrame:
    """id, dialect and text of ids.csv + texts.parquet."""
    return pd.read_csv(folder / "ids.csv", dtype=str).merge(
        pd.read_parquet(folder / "texts.parquet"), on="id"
    )


def copies(texts: pa.Array, rows: int) -> Iterator[tuple[int, pa.Array]]:
    """So many texts, a copy of all at a time, with the number of its first row; a copy has its own word."""
    letters = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"
    for number, first in enumerate(range(0, rows, len(texts))):
        word = "".join(letters[int(digit)] for digit in str(number))
        yield first, pc.binary_join_element_wise(texts.slice(0, rows - first), word, " ")


def read_tweets(folder: Path, more: tuple[str, ...] = ()) -> pd.DataFrame:
    """clean, dialect, text_hash, author, split and weight of ids.csv + texts.parquet, split by hash.

    `more` names further training rows: `extra` (extra_train.parquet) and the kinds of more_train.parquet.
    A text that is in the main files is not taken again: none of val or test is trained on.
    """
    parts = [_cleaned(labelled(folder), None, 1.0)]
    if "extra" in more:
        parts.append(_cleaned(pd.read_parquet(folder / "extra_train.parquet"), "train", 1.0))
    kinds = [kind for kind in more if kind != "extra"]
    if kinds:
        rows = more_tweets(folder)
        parts += [_cleaned(rows[rows["kind"] == kind], "train", KINDS[kind]) for kind in kinds]
    return pd.concat(parts).drop_duplicates("text_hash").reset_index(drop=True)


def more_tweets(folder: Path) -> pd.DataFrame:
    """text, dialect and kind of more_train.parquet, without the escapes that a program left in some texts."""
    rows = pd.read_parquet(folder / "more_train.parquet")
    return rows.assign(text=rows["text"].map(lambda text: ESCAPE.sub(_unescaped, text)))


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1] or escape[2], 16)) if escape[1] or escape[2] else "\n"


def _cleaned(rows: pd.DataFrame, split: str | None, weight: float) -> pd.DataFrame:
    batch = pa.RecordBatch.from_pydict(
        {
            "text": pa.array(rows["text"], pa.string()),
            "dialect": pa.array(rows["dialect"], pa.string()),
            "author": pa.nulls(len(rows), pa.string()),
            "split": pa.array([split] * len(rows), pa.string()),
        }
    )
    clean = clean_rows(batch, load_profile("model"), min_words=2, min_arabic=0.5).to_pandas()
    clean["weight"], clean["author"] = weight, None
    kept = clean["reason"].isna()
    return clean.loc[kept, ["clean", "dialect", "text_hash", "author", "split", "weight"]]
