"""What all readers share: lines as Spark gives them, and a folder's files and partition columns."""

import re

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from adc.files import Files

# At most this much of a line is looked at to tell a file's form and encoding.
BEGINNING = 4096


def literal(path: str) -> str:
    """The path with its special characters escaped: Spark would take it for a glob pattern."""
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", path)


def data_names(spark: SparkSession, path: str) -> list[str]:
    """The names of what Spark reads in a folder; of a file its own, unless Spark leaves it out."""
    return list(Files(spark).sizes(path))


def folder_columns(spark: SparkSession, path: str) -> list[str]:
    """The partition columns, as of folders named day=1; Spark puts them behind a file's own."""
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
    """The first two lines that are not blank, "" where there is none; of a long one its two ends, joined."""
    text, half = F.btrim("value", F.lit("\ufeff \t\r")), BEGINNING // 2
    ends = F.when(F.length(text) <= BEGINNING, text).otherwise(
        F.concat(F.substring(text, 1, half), F.substring(text, -half, half))
    )
    lines = spark.read.text(literal(path)).where(text != "").select(ends).take(2)
    first, second, *_ = [*(row[0] for row in lines), "", ""]
    return first, second
