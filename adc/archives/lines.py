"""A user's file as Spark reads its lines, whatever they hold, and what there is in a folder of such files."""

import re

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from adc.files import Files

# Of a line no more than this is looked at to tell what it is.
BEGINNING = 4096


def literal(path: str) -> str:
    """The path as Spark has to be told it, so that it takes none of its characters for a pattern."""
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", path)


def data_names(spark: SparkSession, path: str) -> list[str]:
    """The names of what Spark reads in a folder; of a file its own, unless Spark leaves it out."""
    return list(Files(spark).sizes(path))


def folder_columns(spark: SparkSession, path: str) -> list[str]:
    """The columns that folders name, as in day=1/: they come behind a file's own."""
    return [name for name in spark.read.text(literal(path)).columns if name != "value"]


def valid_texts(spark: SparkSession, path: str, wholetext: bool = False) -> DataFrame:
    """One column, `value`: lines or whole files, with U+FFFD for bytes that are no UTF-8."""
    return spark.read.text(literal(path), wholetext=wholetext).select(
        F.make_valid_utf8("value").alias("value")
    )


def raw_lines(spark: SparkSession, path: str) -> DataFrame:
    """The lines that are not blank, each in `value` as it stands there."""
    return (
        spark.read.option("lineSep", "\n").text(literal(path)).where(F.btrim("value", F.lit(" \t\r")) != "")
    )


def first_lines(spark: SparkSession, path: str) -> tuple[str, str]:
    """The first two lines that are not blank, of a long one its two ends; without them empty texts."""
    text, half = F.btrim("value", F.lit("\ufeff \t\r")), BEGINNING // 2
    ends = F.when(F.length(text) <= BEGINNING, text).otherwise(
        F.concat(F.substring(text, 1, half), F.substring(text, -half, half))
    )
    lines = spark.read.text(literal(path)).where(text != "").select(ends).take(2)
    first, second, *_ = [*(row[0] for row in lines), "", ""]
    return first, second
