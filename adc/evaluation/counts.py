"""What Spark counts, so that a corpus of any size reaches the driver as a few hundred rows.

Each function takes rows with `label`, `predicted`, `region`, `confidence`, `plausible`, `words`, `correct`.
"""

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from adc.evaluation.selective import CONFIDENCE_STEPS, LENGTHS


def _rows() -> Column:
    return F.count("*").alias("n")


def _true(condition: Column) -> Column:
    return F.sum(condition.cast("long"))


def pairs(rows: DataFrame, answer: str = "predicted") -> pd.DataFrame:
    """`n` by `label` and `predicted`, which may be another column of answers."""
    return rows.groupBy("label", F.col(answer).alias("predicted")).agg(_rows()).toPandas()


def joint(one: DataFrame, other: DataFrame) -> pd.DataFrame:
    """`n` by `label` and what two models answered, `first` and `second`."""
    first = one.select("id", "label", F.col("predicted").alias("first"))
    second = other.select("id", F.col("predicted").alias("second"))
    return first.join(second, "id").groupBy("label", "first", "second").agg(_rows()).toPandas()


def confidence_steps(rows: DataFrame) -> pd.DataFrame:
    """`n`, `correct` and `confidence` (summed) of the answers by `step` of confidence."""
    step = F.least(F.lit(CONFIDENCE_STEPS - 1), F.floor(F.col("confidence") * CONFIDENCE_STEPS)).cast("int")
    return (
        rows.where("predicted IS NOT NULL AND confidence IS NOT NULL")
        .groupBy(step.alias("step"))
        .agg(_rows(), _true(F.col("correct")).alias("correct"), F.sum("confidence").alias("confidence"))
        .toPandas()
    )


def lengths(rows: DataFrame) -> pd.DataFrame:
    """`n` and `correct` by `words`; what is longer than the last step of LENGTHS counts as that."""
    words = F.least("words", F.lit(LENGTHS[-1])).alias("words")
    return rows.groupBy(words).agg(_rows(), _true(F.col("correct")).alias("correct")).toPandas()


def plausible_sizes(rows: DataFrame) -> pd.DataFrame:
    """`n`, and `held` rows whose label is plausible, by `label` and `size` of plausible."""
    held = _true(F.array_contains("plausible", F.col("label"))).alias("held")
    told = rows.where("plausible IS NOT NULL")
    return told.groupBy("label", F.size("plausible").alias("size")).agg(_rows(), held).toPandas()
