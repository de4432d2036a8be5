"""What tests put into tables and see in them: rows as tuples and records."""

import datetime
from collections.abc import Mapping

from pyspark.sql import DataFrame

from adc.lake import Lake, as_rows
from adc.tables import CLEAN_TWEETS, RAW_TWEETS, Table

NOON = datetime.datetime(2025, 1, 31, 12, tzinfo=datetime.UTC)
FILLED = {
    RAW_TWEETS.name: {
        "id_num": 1, "status": "found", "attempts": 1, "fetched_at": NOON, "run_id": "earlier",
    },
    CLEAN_TWEETS.name: {
        "source": "test", "n_words": 3, "arabic_ratio": 1.0, "split": "train", "weight": 1.0,
        "profile_hash": "-",
    },
}  # fmt: skip


def rows(frame: DataFrame, *columns: str) -> list[tuple]:
    """The rows as tuples of these columns (all if none is named), sorted; NULLs first."""
    chosen = frame.select(*columns) if columns else frame
    return sorted((tuple(row) for row in chosen.collect()), key=lambda row: [(v is not None, v) for v in row])


def contents(lake: Lake, table: Table, *columns: str) -> list[tuple]:
    """A table's rows, as `rows` gives them."""
    return rows(lake.read(table), *columns)


def raw_rows(lake: Lake, *records: Mapping[str, object]) -> DataFrame:
    """Rows of raw_tweets: what a record leaves out is as after a look-up that found the tweet."""
    return as_rows(
        lake.spark,
        RAW_TWEETS,
        [FILLED[RAW_TWEETS.name] | {"id_num": int(str(record["id"]))} | record for record in records],
    )


def clean_rows(lake: Lake, *records: Mapping[str, object]) -> DataFrame:
    """Rows of clean_tweets: `clean` and `text_hash` are the text itself unless given."""
    return as_rows(
        lake.spark,
        CLEAN_TWEETS,
        [
            FILLED[CLEAN_TWEETS.name] | {"clean": record["text"], "text_hash": record["text"]} | record
            for record in records
        ],
    )


def compacted(lake: Lake, table: Table) -> bool:
    """Whether OPTIMIZE has been run over the table."""
    return not lake.handle(table).history().where("operation = 'OPTIMIZE'").isEmpty()


def merged_by_range(lake: Lake, table: Table) -> bool:
    """Whether every MERGE into the table looked at a range of its keys only, and there was one."""
    merges = lake.handle(table).history().where("operation = 'MERGE'").select("operationParameters.predicate")
    predicates = [row["predicate"] for row in merges.collect()]
    return bool(predicates) and all(">=" in predicate for predicate in predicates)
