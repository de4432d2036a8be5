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
LINE_ENDINGS = "\r\n"


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
        first_line = str(error).splitlines()[0]
        raise UsageError(f"input {path} cannot be read as {form}: {first_line}") from None
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
        # Every column a string: a tweet id that has been a number once may have lost its last digits.
        return (
            spark.read.option("header", True)
            .option("multiLine", True)
            .option("escape", '"')
            .option("sep", _separator(spark, path))
            .csv(path)
        )
    if form == "json":
        return spark.read.option("primitivesAsString", True).json(path)
    if form == "text":
        return spark.read.text(path)
    return spark.read.format(form).load(path)


def _separator(spark: SparkSession, path: str) -> str:
    """The character that the header line shows most of: spreadsheets write `;` or a tab too."""
    line = spark.read.text(path).first()
    header = line[0] if line else ""
    return max(",;\t", key=header.count)
