"""From a user's list of ids to the ids still to ask: checked, without duplicates, against what is known."""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from adc.archives.columns import ROUNDED as AS_NUMBER
from adc.lake import key_range

# A tweet id as the API writes it. Ids are 64-bit, and no id in use is shorter than a digit.
ID_PATTERN = r"^[1-9][0-9]{0,18}\z"

# What a float's 53 bits or a spreadsheet's 15 digits cannot hold of an id is zeros at its end (of 19 digits
# JavaScript writes 17). Below 17 digits too many ids look so by chance. A CASE looks at nothing of other ids,
# which may be of any length.
ROUNDED = (
    "CASE WHEN id_num >= 10000000000000000 THEN CAST(CAST(id_num AS DOUBLE) AS BIGINT) = id_num "
    "OR id_num % CAST(pow(10, length(id) - 15) AS BIGINT) = 0 OR (length(id) = 19 AND id_num % 100 = 0) "
    "ELSE false END"
)
# What they make of an id where they write it as a number; it cannot be asked.
WRITTEN_ROUNDED = f"id RLIKE r'{AS_NUMBER}'"
# How likely an id looks so by chance.
ROUNDED_BY_CHANCE = (
    "CASE WHEN id_num >= 10000000000000000 THEN pow(2, 52 - floor(log2(id_num))) "
    "+ IF(length(id) = 19, 0.01, pow(10, 15 - length(id))) ELSE 0 END"
)


@dataclass(frozen=True)
class WorkList:
    """The plan of a run.

    checked:  every id, as check_ids gives it; cached.
    usable:   those that can be asked, with what is known of them; cached.
    to_ask:   id, id_num, dialect of ids to ask now.
    relabel:  id, id_num, dialect of ids known without a label that now have one.
    conflict: id, dialect, known_dialect of ids whose label contradicts the one that is known.
    agreed:   id of those with a label that nothing contradicts.
    """

    checked: DataFrame
    usable: DataFrame
    to_ask: DataFrame
    relabel: DataFrame
    conflict: DataFrame
    agreed: DataFrame

    def unpersist(self) -> None:
        """Frees what is cached: it answers for the list by its name, also to a later run in this process."""
        self.usable.unpersist()
        self.checked.unpersist()


def check_ids(rows: DataFrame) -> DataFrame:
    """(id, id_num, dialect, occurrences, reason), a row an id, from (id, dialect) as users write them.

    `invalid_id`: it cannot be asked. `two_labels`: it can, but its labels contradict each other, so none
    is taken.
    """
    # In order: what goes to quarantine must be the same on every run.
    labels = F.sort_array(F.collect_set("dialect"))
    id_num = F.when(F.col("id").rlike(ID_PATTERN), F.col("id").try_cast("bigint"))
    return (
        rows.withColumn("id", F.coalesce("id", F.lit("")))
        .groupBy("id")
        .agg(F.count("*").alias("occurrences"), labels.alias("labels"))
        .withColumn("id_num", id_num)
        .withColumn(
            "reason",
            F.when(F.col("id_num").isNull(), "invalid_id").when(F.size("labels") > 1, "two_labels"),
        )
        .withColumn("dialect", F.when(F.size("labels") == 1, F.col("labels")[0]))
        .select("id", "id_num", "dialect", "occurrences", "labels", "reason")
    )


def plan(rows: DataFrame, known: DataFrame, retry: Sequence[str]) -> WorkList:
    """What to do about (id, dialect) rows, given raw_tweets and the statuses that are to be asked again."""
    checked = check_ids(rows).cache()
    listed = checked.where("id_num IS NOT NULL").select("id", "id_num", "dialect")
    # The table may be a thousand times the list: it is read once, in the list's range, and what is not listed
    # is left out before anything else.
    low, high = key_range(listed, "id_num")
    in_range = known.where(F.col("id_num").between(F.lit(low), F.lit(high)))
    state = in_range.join(listed.select("id_num"), "id_num").select(
        "id_num", F.col("dialect").alias("known_dialect"), F.col("status").alias("known_status")
    )
    usable = listed.join(state, "id_num", "left").cache()
    open_again = F.col("known_status").isin(list(retry)) if retry else F.lit(False)
    return WorkList(
        checked,
        usable,
        to_ask=usable.where(F.col("known_status").isNull() | open_again).select("id", "id_num", "dialect"),
        relabel=usable.where(
            "known_status IS NOT NULL AND known_dialect IS NULL AND dialect IS NOT NULL"
        ).select("id", "id_num", "dialect"),
        conflict=usable.where("known_dialect <> dialect").select("id", "dialect", "known_dialect"),
        agreed=usable.where("dialect = coalesce(known_dialect, dialect)").select("id"),
    )
