"""Opens a user's file as a DataFrame, every column as it stands there (CSV and text: all strings)."""

import csv
import io
import json
import re
from collections import Counter

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, IllegalArgumentException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from adc.archives.tweets import BAD_RECORD, named
from adc.archives.values import spans_lines, split_texts
from adc.errors import UsageError, java_cause
from adc.files import Files
from adc.settings import InputSettings

COMPRESSIONS = (".gz", ".bz2", ".zst")
FORMAT_OF_ENDING = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".js": "json",
    ".txt": "text",
}
# How a file begins whose name tells nothing.
FORMAT_OF_BEGINNING = {"PAR1": "parquet", "{": "json", "[": "json", "window.": "json"}
TEXT_FORMS = ("csv", "json", "text")
# How files begin that are ZIP's (also Excel's), and those that Hadoop unpacks by these endings.
ZIP = b"PK\x03\x04"
PACKED = {b"\x1f\x8b": ".gz", b"\x28\xb5\x2f\xfd": ".zst"}
WEB_ADDRESS = re.compile("https?://", re.IGNORECASE)
# What Hadoop says of a file with a colon in its name, of which it makes that of the checksums beside it.
COLON = re.compile(r"Relative path in absolute URI: \.(.+)\.crc")
# A separator that no text holds: a table of one column has none.
NO_SEPARATOR = "\x1f"
# Between two values of JSON on one line, of which Spark reads the first alone; also within a text.
TOGETHER = r"\}\s*\{\s*\""
# In a folder of CSV so many files are compared by their headers.
HEADERS_SEEN = 100
# A header may have line breaks within quotes: its names are looked for in so many lines.
HEADER_LINES = 20
# Of a line no more than this is looked at to tell what it is.
BEGINNING = 4096
# So many lines are looked at to tell whether a file is UTF-8.
LINES_SEEN = 100


def read_archive(spark: SparkSession, path: str, settings: InputSettings) -> DataFrame:
    """The rows of a Delta table, or of Parquet, CSV, JSON or plain text files.

    Where lines of JSON cannot be parsed there is a column BAD_RECORD with the line in its row.
    Raises UsageError naming the file when it is not there or cannot be read as its form.
    """
    form = form_of(spark, path, settings)
    try:
        if form in TEXT_FORMS:
            _refuse_other_encodings(spark, path)
        frame = _read(spark, path, form)
    except (AnalysisException, Py4JJavaError) as error:
        raise UsageError(f"input {path} cannot be read as {form}: {_reason(error)}") from None
    if frame.columns == [BAD_RECORD]:
        raise UsageError(f"input {path}: {_no_objects(frame)}")
    return frame


def literal(path: str) -> str:
    """The path as Spark has to be told it, so that it takes none of its characters for a pattern."""
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", path)


def form_of(spark: SparkSession, path: str, settings: InputSettings) -> str:
    """The form of a file or folder as set, or by Delta's log in it, its name's ending or its first bytes.

    Raises UsageError when it is not there, or nothing tells its form.
    """
    if WEB_ADDRESS.match(path):
        # Hadoop has a file system of these, to which everything exists.
        raise UsageError(f"input {path}: nothing is read from the web; download it, and name the file")
    try:
        return _form(spark, path, settings)
    except (AnalysisException, IllegalArgumentException, Py4JJavaError) as error:
        raise UsageError(f"input {path} cannot be read: {_reason(error)}") from None


def _form(spark: SparkSession, path: str, settings: InputSettings) -> str:
    files = Files(spark)
    if not files.exists(path):
        raise UsageError(f"input {path} does not exist")
    names = files.names(path)
    if not names:
        raise UsageError(f"input {path} is an empty folder")
    _refuse_packed(files, path)
    if settings.format != "auto":
        return settings.format
    if files.exists(f"{path}/_delta_log"):
        return "delta"
    for name in map(str.lower, [path, *names]):
        for compression in COMPRESSIONS:
            name = name.removesuffix(compression)
        for ending, form in FORMAT_OF_ENDING.items():
            if name.endswith(ending):
                return form
    first = _first_lines(spark, path)[0].lstrip("\ufeff \t\r")
    for beginning, form in FORMAT_OF_BEGINNING.items():
        if first.startswith(beginning):
            return form
    raise UsageError(
        f"input {path}: its name tells no form, nor do its first bytes; --set input.format=… "
        "(csv, parquet, json, delta, text)"
    )


def _refuse_packed(files: Files, path: str) -> None:
    """Raises UsageError for a file of Excel or ZIP, and one whose compression its name does not tell."""
    beginning = files.beginning(path, len(ZIP))
    if beginning == ZIP:
        raise UsageError(
            f"input {path} is an Excel or ZIP file: save it as CSV UTF-8, or unzip it and name what it holds"
        )
    for first, ending in PACKED.items():
        if beginning.startswith(first) and not path.lower().endswith(ending):
            raise UsageError(f"input {path} is compressed: it can be read when its name ends in {ending}")


def _no_objects(frame: DataFrame) -> str:
    """What is wrong with JSON of which nothing is an object."""
    record = frame.where(F.col(BAD_RECORD).isNotNull()).take(1)[0][0]
    try:
        json.loads(record)
    except ValueError:
        return "no line of it is JSON"
    return 'its values are no objects; each has to be one, such as {"id": "1", "text": "…"}'


def _read(spark: SparkSession, path: str, form: str) -> DataFrame:
    if form == "csv":
        return _read_csv(spark, path)
    if form == "json":
        # Numbers as they are written: an id that has been a float is another id.
        reader = spark.read.option("primitivesAsString", True)
        if spans_lines(*_first_lines(spark, path)):
            texts = _texts(spark, path, wholetext=True)
            return reader.json(texts.mapInArrow(split_texts, "value STRING"))
        lines = _texts(spark, path).where(F.btrim("value", F.lit(" \t\r")) != "")
        together = F.col("value").rlike(TOGETHER)
        # Columns that folders name, as in day=1/, are beside the lines' own: there is no taking lines apart.
        if not _partitions(spark, path) and not lines.where(together).isEmpty():
            apart = lines.where(together).mapInArrow(split_texts, "value STRING")
            return reader.json(lines.where(~together).union(apart))
        frame = reader.json(literal(path))
        if BAD_RECORD in frame.columns:
            # From a file Spark would not read the bad lines alone, or only count the others.
            return reader.schema(frame.schema).json(lines)
        return frame
    if form == "text":
        return spark.read.text(literal(path))
    if form == "parquet":
        return _read_parquet(spark, path)
    return spark.read.format(form).load(path)


def _read_parquet(spark: SparkSession, path: str) -> DataFrame:
    """The columns that any of a folder's files has."""
    try:
        return spark.read.option("mergeSchema", True).parquet(literal(path))
    except (AnalysisException, Py4JJavaError):
        # A column of other types in other files is no matter where nobody asks for it.
        names = _data_names(spark, path)[:HEADERS_SEEN]
        if len(names) < 2 or len({_parquet_columns(spark, f"{path}/{name}") for name in names}) > 1:
            raise
        return spark.read.parquet(literal(path))


def _parquet_columns(spark: SparkSession, path: str) -> frozenset[str]:
    return frozenset(spark.read.parquet(literal(path)).columns)


def _data_names(spark: SparkSession, path: str) -> list[str]:
    """The names in a folder but for those that Spark leaves out."""
    return [name for name in Files(spark).names(path) if not name.startswith(("_", "."))]


def _texts(spark: SparkSession, path: str, wholetext: bool = False) -> DataFrame:
    """One column, `value`: lines or whole files, with U+FFFD for bytes that are no UTF-8."""
    return spark.read.text(literal(path), wholetext=wholetext).select(
        F.make_valid_utf8("value").alias("value")
    )


def _read_csv(spark: SparkSession, path: str) -> DataFrame:
    """Every column a string; what has more or fewer columns than the header has its record in BAD_RECORD."""
    _refuse_other_headers(spark, path)
    lines = _header_lines(spark, path)
    separator, line_ending = _csv_shape(lines)
    reader = (
        spark.read.option("header", True)
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
    names, partitions = _header(path, lines), _partitions(spark, path)
    if not names:
        return spark.createDataFrame([], StructType())
    if _is_id(names):
        # A list of ids without a header.
        reader, names = reader.option("header", False), ["id"]
    _refuse_repeated(path, [*names, *partitions])
    # A tweet id that has been a number once may have lost its last digits.
    schema = StructType([StructField(name, StringType()) for name in (*names, BAD_RECORD)])
    rows = reader.schema(schema).csv(literal(path))
    last = names[-1]
    # Line by line a file may end in \n or \r\n: of the latter the \r is left at the last column.
    end = named(last)
    # Named beside another column: Spark does not read the bad records alone.
    blank = F.coalesce(F.btrim(F.col(BAD_RECORD), F.lit(" \r\n")) == "", F.lit(False)) & end.isNull()
    cut = F.when(end.endswith("\r"), F.nullif(F.regexp_replace(end, "\r$", ""), F.lit(""))).otherwise(end)
    return rows.where(~blank).withColumn(last, cut)


def _refuse_other_encodings(spark: SparkSession, path: str) -> None:
    """Bytes here and there that are no UTF-8 become U+FFFD; of a file in another encoding, all of them."""
    beginning = F.make_valid_utf8(F.substring("value", 1, BEGINNING))
    lines = [row[0] for row in _lines(spark, path).select(beginning).take(LINES_SEEN)]
    others = [[character for character in line if not character.isascii()] for line in lines]
    replaced = sum(2 * beyond.count("\ufffd") > len(beyond) for beyond in others)
    # UTF-16 begins with two bytes that UTF-8 has not.
    if lines and (2 * replaced >= len(lines) or lines[0].startswith("\ufffd\ufffd")):
        raise UsageError(
            f"input {path} is not UTF-8; convert it, for example by iconv -f WINDOWS-1256 -t UTF-8 "
            "(-f UTF-16 for what Excel calls Unicode)"
        )


def _refuse_other_headers(spark: SparkSession, path: str) -> None:
    """Spark takes the columns of a folder's other files by their places in the first one's header."""
    names = _data_names(spark, path)
    if len(names) < 2:
        return
    files = {name: f"{path}/{name}" for name in names[:HEADERS_SEEN]}
    first, *others = (
        (name, _compared(_header(file, _header_lines(spark, file)))) for name, file in files.items()
    )
    for name, header in others:
        if header != first[1]:
            raise UsageError(
                f"input {path}: its files have not the same columns in the same order: {first[0]} has "
                f"{', '.join(first[1])}; {name} has {', '.join(header)}; read them one by one"
            )


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


def _header_lines(spark: SparkSession, path: str) -> list[str]:
    """The first lines, among which the header is.

    Not only those that hold more than blanks: to Spark's parser, too, an empty line alone is none.
    """
    lines = spark.read.option("lineSep", "\n").text(literal(path)).where("value != ''").take(HEADER_LINES)
    return [row[0] for row in lines]


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
    names = [name.strip().strip('"').strip() for name in record]
    if lines and not any(names):
        raise UsageError(f"input {path}: its first line is blank; it has to name the columns")
    return [name or f"_c{place}" for place, name in enumerate(names)]


def _partitions(spark: SparkSession, path: str) -> list[str]:
    """The columns that folders name, as in day=1/: they come behind a file's own."""
    return [name for name in spark.read.text(literal(path)).columns if name != "value"]


def _lines(spark: SparkSession, path: str) -> DataFrame:
    """The lines that are not blank, each in `value` as it stands there."""
    return (
        spark.read.option("lineSep", "\n").text(literal(path)).where(F.btrim("value", F.lit(" \t\r")) != "")
    )


def _first_lines(spark: SparkSession, path: str) -> tuple[str, str]:
    """The first two lines that are not blank, of a long one its two ends; without them empty texts."""
    text, half = F.btrim("value", F.lit("\ufeff \t\r")), BEGINNING // 2
    ends = F.when(F.length(text) <= BEGINNING, text).otherwise(
        F.concat(F.substring(text, 1, half), F.substring(text, -half, half))
    )
    lines = spark.read.text(literal(path)).where(text != "").select(ends).take(2)
    first, second, *_ = [*(row[0] for row in lines), "", ""]
    return first, second


def _csv_shape(lines: list[str]) -> tuple[str, str | None]:
    """The character between columns (`,` `;` or tab) that the header line shows, and what ends a line."""
    header = next((line for line in lines if line.strip(" \t\r")), "")
    separator = max(",;\t", key=header.count)
    # Lines that end with \r alone, as old Macs wrote them, are the parser's own affair.
    return separator if separator in header else NO_SEPARATOR, None if "\r" in header[:-1] else "\n"


def _reason(error: AnalysisException | IllegalArgumentException | Py4JJavaError) -> str:
    """The first line of what went wrong at the bottom of it."""
    reason = str(error)
    if isinstance(error, Py4JJavaError):
        reason = str(java_cause(error).getMessage())
    if colon := COLON.search(reason):
        return f"Hadoop reads no file with a colon in its name; rename {colon[1]}"
    return reason.splitlines()[0]
