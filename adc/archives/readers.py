"""Opens a user's file as a DataFrame, every column as it stands there (CSV and text: all strings)."""

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from adc.errors import UsageError
from adc.files import Files
from adc.settings import InputSettings

COMPRESSIONS = (".gz", ".bz2", ".zst")
FORMAT_OF_ENDING = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".txt": "text",
}


def read_archive(spark: SparkSession, path: str, settings: InputSettings) -> DataFrame:
    """The rows of a Delta table, or of Parquet, CSV, JSON-lines or plain text files.

    Raises UsageError naming the file when it is not there or cannot be read as its form.
    """
    if not Files(spark).exists(path):
        raise UsageError(f"input {path} does not exist")
    form = settings.format if settings.format != "auto" else form_of(spark, path)
    try:
        frame = _read(spark, path, form)
    except (AnalysisException, Py4JJavaError) as error:
        raise UsageError(f"input {path} cannot be read as {form}: {_reason(error)}") from None
    if "_corrupt_record" in frame.columns and len(frame.columns) == 1:
        raise UsageError(f"input {path}: no line of it is JSON")
    return frame


def form_of(spark: SparkSession, path: str) -> str:
    """The form of a file or folder, by Delta's log in it, else by the ending of its name."""
    files = Files(spark)
    if files.exists(f"{path}/_delta_log"):
        return "delta"
    for name in [path, *files.names(path)]:
        for compression in COMPRESSIONS:
            name = name.removesuffix(compression)
        for ending, form in FORMAT_OF_ENDING.items():
            if name.lower().endswith(ending):
                return form
    raise UsageError(
        f"input {path}: its name tells no form; --set input.format=… (csv, parquet, json, delta, text)"
    )


def _read(spark: SparkSession, path: str, form: str) -> DataFrame:
    if form == "csv":
        separator, line_ending = _csv_shape(spark, path)
        # Every column a string: a tweet id that has been a number once may have lost its last digits.
        reader = (
            spark.read.option("header", True)
            .option("multiLine", True)
            .option("escape", '"')
            .option("sep", separator)
        )
        # Told, the parser leaves line breaks within quotes as they are; left to find out, it changes them.
        return (reader.option("lineSep", line_ending) if line_ending else reader).csv(path)
    if form == "json":
        return spark.read.option("primitivesAsString", True).json(path)
    if form == "text":
        return spark.read.text(path)
    return spark.read.format(form).load(path)


def _csv_shape(spark: SparkSession, path: str) -> tuple[str, str | None]:
    """What the header line shows: the character between columns (`,` `;` or tab) and the line's ending."""
    line = spark.read.option("lineSep", "\n").text(path).first()
    header = line[0] if line else ""
    separator = max(",;\t", key=header.count)
    if header.endswith("\r"):
        return separator, "\r\n"
    # Lines that end with \r alone, as old Macs wrote them, are the parser's own affair.
    return separator, None if "\r" in header else "\n"


def _reason(error: AnalysisException | Py4JJavaError) -> str:
    """The first line of what went wrong at the bottom of it."""
    if isinstance(error, AnalysisException):
        return str(error).splitlines()[0]
    cause = error.java_exception
    while cause.getCause() is not None:
        cause = cause.getCause()
    return str(cause.getMessage()).splitlines()[0]
