"""More than one commit as if it were one, beside other jobs that write to the same tables."""

import time
from collections.abc import Callable, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from adc.conflicts import Result, backoff
from adc.errors import RunError
from adc.lake import Lake
from adc.tables import Table

# Each time others have to be there between just these commits.
ATTEMPTS = 10


def together(lake: Lake, written: Sequence[tuple[Table, DataFrame]], write: Callable[[], Result]) -> Result:
    """Calls `write`, which commits more than once, and returns what it does.

    `written` are the tables, each with the keys of the rows that are written. Where another job has written
    some of these meanwhile, what two wrote by turns may contradict itself: it is called again, so it must be
    repeatable. Raises RunError if that goes on.
    """
    for table, _ in written:
        lake.ensure(table)
    for attempt in range(1, ATTEMPTS + 1):
        before = [lake.version(table) for table, _ in written]
        result = write()
        since = zip(written, before, strict=True)
        if not any(_written_beside(lake, table, version, keys) for (table, keys), version in since):
            return result
        time.sleep(backoff(attempt))
    tables = " and ".join(lake.where(table) for table, _ in written)
    raise RunError(f"other jobs write the same rows of {tables} all the time; run the same again")


def _written_beside(lake: Lake, table: Table, since: int, keys: DataFrame) -> bool:
    """Whether others than this lake's writer have changed rows of these keys after this version."""
    theirs = changes_of_others(lake, table, since)
    return theirs is not None and not theirs.join(keys, keys.columns, "left_semi").isEmpty()


def changes_of_others(lake: Lake, table: Table, since: int) -> DataFrame | None:
    """The change feed of what others than this lake's writer have committed after this version."""
    newer = lake.version(table) - since
    history = lake.handle(table).history(newer).collect() if newer else ()
    of_others = [row["version"] for row in history if row["userMetadata"] != lake.writer]
    if not of_others:
        return None
    return lake.changes_since(table, min(of_others)).where(F.col("_commit_version").isin(of_others))
