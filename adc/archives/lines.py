"""What all readers share: which files to read, lines as Spark gives them, and partition columns."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from pyspark.sql import DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F

from adc.archives.tweets import FILE
from adc.files import Files, local_path

# At most this much of a line is looked at to tell a file's form and encoding.
BEGINNING = 4096


@dataclass(frozen=True)
class Source:
    """A file, a folder of files or a Delta table; or only some of its files, by their paths within it."""

    path: str
    names: tuple[str, ...] | None = None

    def reader(self, spark: SparkSession) -> DataFrameReader:
        """Spark's reader for `places`."""
        # So that columns which folders name are there, as when Spark reads all of it.
        return spark.read if self.names is None else spark.read.option("basePath", self.path)

    @property
    def places(self) -> list[str]:
        """The paths with their special characters escaped: Spark would take them for glob patterns."""
        paths = [self.path] if self.names is None else [f"{self.path}/{name}" for name in self.names]
        return [re.sub(r"([\[\]{}*?\\])", r"\\\1", path) for path in paths]

    def data_names(self, spark: SparkSession) -> list[str]:
        """The names of what Spark reads in a folder; of a file its own, unless Spark leaves it out."""
        return Files(spark).data_names(self.path) if self.names is None else list(self.names)

    def within(self, name: str) -> "Source":
        """One of its files alone."""
        return Source(self.path, (name,))


def name_within(files: Files, folder: str, file: str) -> str:
    """A file's path within a folder, of what Spark has in `_metadata.file_path`."""
    whole, base = (local_path(uri) or uri for uri in (unquote(file), files.qualified(folder)))
    return whole.removeprefix(base.rstrip("/") + "/")


def folder_columns(spark: SparkSession, source: Source) -> list[str]:
    """The partition columns, as of folders named day=1; Spark puts them behind a file's own."""
    return [name for name in source.reader(spark).text(source.places).columns if name != "value"]


def valid_texts(spark: SparkSession, source: Source, wholetext: bool = False) -> DataFrame:
    """`value`: lines or whole files, with U+FFFD for bytes that are no UTF-8; partition columns, and FILE."""
    texts = source.reader(spark).text(source.places, wholetext=wholetext)
    return texts.withColumns({"value": F.make_valid_utf8("value"), FILE: F.col("_metadata.file_path")})


def raw_lines(spark: SparkSession, source: Source) -> DataFrame:
    """The lines that are not blank, each in `value` as it stands there."""
    lines = source.reader(spark).option("lineSep", "\n").text(source.places)
    return lines.where(F.btrim("value", F.lit(" \t\r")) != "")


def first_lines(spark: SparkSession, source: Source) -> tuple[str, str]:
    """The first two lines that are not blank, "" where there is none; of a long one its two ends, joined."""
    text, half = F.btrim("value", F.lit("\ufeff \t\r")), BEGINNING // 2
    ends = F.when(F.length(text) <= BEGINNING, text).otherwise(
        F.concat(F.substring(text, 1, half), F.substring(text, -half, half))
    )
    lines = source.reader(spark).text(source.places).where(text != "").select(ends).take(2)
    first, second, *_ = [*(row[0] for row in lines), "", ""]
    return first, second
