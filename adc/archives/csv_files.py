"""Reads CSV as people write it: separators, line endings, headers, and rows that are cut wrongly."""

import csv
import io
from collections import Counter

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from adc.archives.lines import Source, folder_columns, name_within
from adc.archives.tweets import BAD_RECORD, FILE, named
from adc.csv_header import header_line, names_in, separator_in
from adc.errors import UsageError
from adc.files import Files

# A header may have line breaks within quotes: its names are looked for in so many lines.
HEADER_LINES = 20
# Of so many files each is opened for its header; of more all lines are read, which takes less time.
FILES_OPENED = 100


def read_csv(spark: SparkSession, source: Source) -> DataFrame:
    """Every column a string; what has more or fewer columns than the header has its record in BAD_RECORD.

    FILE tells each row's file.
    """
    path = source.path
    _refuse_other_headers(spark, source)
    lines = _header_lines(spark, source)
    separator, line_ending = _csv_shape(lines)
    reader = (
        source.reader(spark)
        .option("header", True)
        .option("multiLine", True)
        .option("escape", '"')
        .option("sep", separator)
        .option("columnNameOfCorruptRecord", BAD_RECORD)
    )
    if line_ending:
        # Told, the parser leaves line breaks within quotes as they are; left to find out, it changes them.
        reader = reader.option("lineSep", line_ending)
    # Not left to Spark: it renames what is there twice, keeps blanks around names, and takes the path for a
    # pattern once more.
    names, partitions = _header(path, lines), folder_columns(spark, source)
    if not names:
        return spark.createDataFrame([], StructType())
    if _is_id(names):
        # A list of ids without a header.
        reader, names = reader.option("header", False), ["id"]
    _refuse_repeated(path, [*names, *partitions])
    # A tweet id that has been a number once may have lost its last digits.
    schema = StructType([StructField(name, StringType()) for name in (*names, BAD_RECORD)])
    rows = reader.schema(schema).csv(source.places)
    last = names[-1]
    # Line by line a file may end in \n or \r\n: of the latter the \r is left at the last column.
    end = named(last)
    # Named beside another column: Spark does not read the bad records alone.
    blank = F.coalesce(F.btrim(F.col(BAD_RECORD), F.lit(" \r\n")) == "", F.lit(False)) & end.isNull()
    cut = F.when(end.endswith("\r"), F.nullif(F.regexp_replace(end, "\r$", ""), F.lit(""))).otherwise(end)
    return rows.where(~blank).withColumns({last: cut, FILE: F.col("_metadata.file_path")})


def _refuse_other_headers(spark: SparkSession, source: Source) -> None:
    """Spark takes the columns of a folder's other files by their places in the first one's header."""
    path, names = source.path, source.data_names(spark)
    folders = source.names is None and any("=" in name for name in names)
    if len(names) < 2 and not folders:
        return
    if folders or len(names) > FILES_OPENED:
        lines = _different_first_lines(spark, source)
    else:
        lines = {name: _header_lines(spark, source.within(name)) for name in names}
    headers = {name: _header(f"{path}/{name}", first) for name, first in lines.items()}
    with_ids = [name for name, header in headers.items() if _is_id(header)]
    # An empty file has no rows that could be taken for others.
    with_names = [name for name, header in headers.items() if header and not _is_id(header)]
    if with_ids and with_names:
        raise UsageError(
            f"input {path}: {with_names[0]} has a header, {with_ids[0]} none: it begins with an id; give all "
            "its files one, such as id, or none"
        )
    written = [(name, _compared(header)) for name, header in headers.items() if header]
    for name, header in written:
        first, expected = written[0]
        if header != expected:
            raise UsageError(
                f"input {path}: its files have not the same columns in the same order: {first} has "
                f"{', '.join(expected)}; {name} has {', '.join(header)}; read them one by one"
            )


def _different_first_lines(spark: SparkSession, source: Source) -> dict[str, list[str]]:
    """The lines that a folder's files begin with, each once, by the name of a file that begins so."""
    # Of a large file, which is read in pieces, only the first.
    begun = _lines(spark, source).where("_metadata.file_block_start = 0")
    file, place = F.col("_metadata.file_path").alias("file"), F.monotonically_increasing_id().alias("place")
    placed = begun.select("value", file, place)
    firsts = placed.groupBy("file").agg(F.min_by("value", "place").alias("line"))
    found = firsts.groupBy("line").agg(F.min("file").alias("file")).orderBy("file").collect()
    files = Files(spark)
    return {name_within(files, source.path, row["file"]): [row["line"]] for row in found}


def _compared(header: list[str]) -> list[str]:
    """The names of a header in lower case; `id` for an id."""
    return ["id"] if _is_id(header) else [name.lower() for name in header]


def _is_id(header: list[str]) -> bool:
    """Whether what stands in place of a header is the first of a list of ids."""
    return len(header) == 1 and header[0].isdecimal()


def _refuse_repeated(path: str, names: list[str]) -> None:
    for name, number in Counter(map(str.lower, names)).items():
        if number > 1:
            raise UsageError(f"input {path}: it has {number} columns named {name}; leave one or rename them")


def _header_lines(spark: SparkSession, source: Source) -> list[str]:
    """The first lines, among which the header is."""
    return [row[0] for row in _lines(spark, source).take(HEADER_LINES)]


def _lines(spark: SparkSession, source: Source) -> DataFrame:
    """The lines, as they stand there, that are not empty.

    Not only those that hold more than blanks: to Spark's parser, too, an empty line alone is none.
    """
    return source.reader(spark).option("lineSep", "\n").text(source.places).where("value != ''")


def _header(path: str, lines: list[str]) -> list[str]:
    """The names in the first record, without quotes and the blanks around them; of an empty file none.

    One without a name, as pandas writes its index, is called by its place: _c0.
    """
    text = "\n".join(lines).lstrip("\ufeff")
    separator, _ = _csv_shape(lines)
    try:
        record = next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [])
    except csv.Error as error:
        raise UsageError(f"input {path}: its header cannot be read: {error}") from None
    names = names_in(record)
    if lines and not any(names):
        raise UsageError(f"input {path}: its first line is blank; it has to name the columns")
    return [name or f"_c{place}" for place, name in enumerate(names)]


def _csv_shape(lines: list[str]) -> tuple[str, str | None]:
    """The character between columns, and what ends a line."""
    header = header_line(lines)
    # Lines that end with \r alone, as old Macs wrote them, are the parser's own affair.
    return separator_in(header), None if "\r" in header[:-1] else "\n"
