"""Opens a user's file as a DataFrame, every column as it stands there (CSV and text: all strings)."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from functools import reduce

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, IllegalArgumentException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from adc.archives.csv_files import read_csv
from adc.archives.json_values import spans_lines, split_texts
from adc.archives.lines import BEGINNING, Source, first_lines, name_within, raw_lines, valid_texts
from adc.archives.tweets import BAD_RECORD, FILE, named
from adc.delta_files import delta_rows
from adc.errors import UsageError, java_cause, with_file
from adc.files import Files
from adc.settings import InputSettings
from adc.texts import LINES_SEEN, require_utf8

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
# Forms by how a file begins, where its name does not tell.
FORMAT_OF_BEGINNING = {"PAR1": "parquet", "{": "json", "[": "json", "window.": "json"}
TEXT_FORMS = ("csv", "json", "text")
# The first bytes of ZIP and new Excel files, of old Excel files, and of what Hadoop unpacks by such endings.
ZIP, OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
PACKED = {b"\x1f\x8b": ".gz", b"\x28\xb5\x2f\xfd": ".zst"}
WEB_ADDRESS = re.compile("https?://", re.IGNORECASE)
# Hadoop's error where a file's name has a colon: it takes the name of the checksum file beside it for a URI.
COLON = re.compile(r"Relative path in absolute URI: \.(.+)\.crc")
# So many files of a folder are looked at one by one for their encoding.
FEW_FILES = 10
# What may be several JSON values on one line: an array, and an object behind another, of which Spark reads
# only the first; a text may hold that, too.
SEVERAL = r"^[\ufeff\s]*\[|\}\s*\{\s*\""
# An id that has been a float is another id.
AS_WRITTEN = {"primitivesAsString": "true"}


def read_archive(spark: SparkSession, source: Source, settings: InputSettings) -> DataFrame:
    """The rows of a Delta table, or of Parquet, CSV, JSON or plain text files.

    Where lines of JSON cannot be parsed there is a column BAD_RECORD with the line in its row, and FILE.
    Raises UsageError naming the file when it is not there or cannot be read as its form.
    """
    path, form = source.path, form_of(spark, source, settings)
    try:
        if form in TEXT_FORMS:
            _refuse_other_encodings(spark, source)
        return _read(spark, source, form)
    except (AnalysisException, Py4JJavaError) as error:
        raise UsageError(f"input {path} cannot be read as {form}: {_reason(error)}") from None


def form_of(spark: SparkSession, source: Source, settings: InputSettings) -> str:
    """The form of a file or folder as set, or by Delta's log in it, its name's ending or its first bytes.

    Raises UsageError when it is not there, or nothing tells its form.
    """
    path = source.path
    if WEB_ADDRESS.match(path):
        # Hadoop has a file system of these, to which everything exists.
        raise UsageError(f"input {path}: nothing is read from the web; download it, and name the file")
    try:
        return _form(spark, source, settings)
    except (AnalysisException, IllegalArgumentException, Py4JJavaError) as error:
        raise UsageError(f"input {path} cannot be read: {_reason(error)}") from None


def _form(spark: SparkSession, source: Source, settings: InputSettings) -> str:
    path, files = source.path, Files(spark)
    if not files.exists(path):
        raise UsageError(f"input {path} does not exist")
    names = files.names(path)
    if not names:
        raise UsageError(f"input {path} is an empty folder")
    is_delta = "_delta_log" in names
    if not is_delta and not source.data_names(spark):
        raise UsageError(
            f"input {path}: Spark leaves out files whose name begins with _ or a dot, as {names[0]}; "
            "rename it"
        )
    _refuse_packed(files, path)
    if settings.format != "auto":
        return settings.format
    if is_delta:
        return "delta"
    if form := _form_told(path) or _form_told_by_all(path, source.data_names(spark)):
        return form
    first = first_lines(spark, source)[0].lstrip("\ufeff \t\r")
    for beginning, form in FORMAT_OF_BEGINNING.items():
        if first.startswith(beginning):
            return form
    raise UsageError(
        f"input {path}: its name tells no form, nor do its first bytes; --set input.format=… "
        "(csv, parquet, json, delta, text)"
    )


def _form_told(name: str) -> str | None:
    """The form that a name's ending tells, whatever it is compressed by."""
    name = name.lower()
    for compression in COMPRESSIONS:
        name = name.removesuffix(compression)
    return next((form for ending, form in FORMAT_OF_ENDING.items() if name.endswith(ending)), None)


def _form_told_by_all(path: str, names: Iterable[str]) -> str | None:
    """The form that names in a folder tell; UsageError where they tell several, as data and a README.txt."""
    told: dict[str, str] = {}
    for name in names:
        if form := _form_told(name):
            told.setdefault(form, name)
    if len(told) > 1:
        listed = ", ".join(f"{name} ({form})" for form, name in told.items())
        raise UsageError(
            f"input {path}: its files are of different forms: {listed}; name one of them, or move what is no "
            "data elsewhere; --set input.format=… reads all as one form"
        )
    return next(iter(told), None)


def _refuse_packed(files: Files, path: str) -> None:
    """Raises UsageError for a file of Excel or ZIP, and one whose compression its name does not tell."""
    beginning = files.beginning(path, len(ZIP))
    if beginning in (ZIP, OLD_EXCEL):
        raise UsageError(
            f"input {path} is an Excel or ZIP file: save it as CSV UTF-8, or unzip it and name what it holds"
        )
    for first, ending in PACKED.items():
        if beginning.startswith(first) and not path.lower().endswith(ending):
            raise UsageError(f"input {path} is compressed: it can be read when its name ends in {ending}")


def _no_objects(record: str) -> str:
    """What is wrong with JSON of which nothing is an object, as this value."""
    try:
        json.loads(record)
    except ValueError:
        return "no line of it is JSON"
    return 'its values are no objects; each has to be one, such as {"id": "1", "text": "…"}'


def _read(spark: SparkSession, source: Source, form: str) -> DataFrame:
    if form == "csv":
        return read_csv(spark, source)
    if form == "json":
        return _read_json(spark, source)
    if form == "text":
        return source.reader(spark).text(source.places)
    if form == "parquet":
        return _read_parquet(spark, source)
    if source.names is not None:
        return delta_rows(spark, source.path, source.names)
    return spark.read.format(form).load(source.path)


def _read_json(spark: SparkSession, source: Source) -> DataFrame:
    """A row an object, its numbers as they are written; what cannot be parsed is in BAD_RECORD."""
    if spans_lines(*first_lines(spark, source)):
        texts = valid_texts(spark, source, wholetext=True)
        return _parsed(source.path, texts.mapInArrow(split_texts, texts.schema))
    lines = valid_texts(spark, source).where(F.btrim("value", F.lit(" \t\r")) != "")
    several = F.col("value").rlike(SEVERAL)
    if not lines.where(several).isEmpty():
        apart = lines.where(several).mapInArrow(split_texts, lines.schema)
        return _parsed(source.path, lines.where(~several).union(apart))
    frame = source.reader(spark).options(**AS_WRITTEN).json(source.places)
    # From a file Spark would not read the bad lines alone, or only count the others.
    return _parsed(source.path, lines, frame.schema) if BAD_RECORD in frame.columns else frame


def _parsed(path: str, values: DataFrame, schema: StructType | None = None) -> DataFrame:
    """The objects in the column `value`, one in each, and the other columns: FILE only beside BAD_RECORD."""
    reader = values.sparkSession.read.options(**AS_WRITTEN)
    schema = schema or reader.json(values.select("value")).schema
    if schema.names == [BAD_RECORD]:
        raise UsageError(f"input {path}: {_no_objects(values.take(1)[0]['value'])}")
    if BAD_RECORD not in schema.names:
        values = values.drop(FILE)
    beside = [name for name in values.columns if name != "value"]
    # As where Spark reads the files: what a folder names stands for a field of the same name.
    hidden = {name.lower() for name in beside}
    own = StructType([field for field in schema if field.name.lower() not in hidden])
    # As rows of an array: of a struct Spark would parse the text anew for each use of the columns.
    parsed = F.inline(F.array(F.from_json("value", own, AS_WRITTEN)))
    return values.select(parsed, *map(named, beside))


def _read_parquet(spark: SparkSession, source: Source) -> DataFrame:
    """The columns that any of a folder's files has; one that has other types in other files, as strings."""
    reader = source.reader(spark).option("mergeSchema", True)
    try:
        return reader.parquet(*source.places)
    except (AnalysisException, Py4JJavaError):
        names = source.data_names(spark)
        if len(names) < 2:
            raise
    reader = Source(source.path, tuple(names)).reader(spark).option("mergeSchema", True)
    alike: dict[str, list[str]] = defaultdict(list)
    types: dict[str, set[str]] = defaultdict(set)
    for name in names:
        schema = reader.parquet(*source.within(name).places).schema
        alike[schema.json()].append(name)
        for field in schema:
            types[field.name.lower()].add(field.dataType.simpleString())
    parts = []
    for same in alike.values():
        part = reader.parquet(*Source(source.path, tuple(same)).places)
        mixed = [name for name in part.columns if len(types[name.lower()]) > 1]
        parts.append(part.withColumns({name: named(name).cast("string") for name in mixed}))
    return reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), parts)


def _refuse_other_encodings(spark: SparkSession, source: Source) -> None:
    """Bytes here and there that are no UTF-8 become U+FFFD; of a file in another encoding, all of them."""
    beginning = F.make_valid_utf8(F.substring("value", 1, BEGINNING))
    for name, lines in _suspects(spark, source).items():
        first = [row[0] for row in lines.select(beginning).take(LINES_SEEN)]
        require_utf8(first, f"input {name}")


def _suspects(spark: SparkSession, source: Source) -> dict[str, DataFrame]:
    """The lines of each file that may be of another encoding."""
    files, path, lines = Files(spark), source.path, raw_lines(spark, source)
    if not files.is_folder(path):
        return {path: lines}
    names = source.data_names(spark)
    if len(names) <= FEW_FILES and not any(files.is_folder(f"{path}/{name}") for name in names):
        return {f"{path}/{name}": raw_lines(spark, source.within(name)) for name in names}
    # To look at each costs a tenth of a second, of many more than to read all once. They are those of which
    # half of the lines are no UTF-8 or, as in UTF-16, hold what is no character.
    file, odd = F.col("_metadata.file_path"), ~F.is_valid_utf8("value") | F.contains("value", F.lit("\0"))
    shares = lines.groupBy(file.alias("file")).agg(F.avg(odd.cast("int")).alias("odd"))
    found = [row["file"] for row in shares.where("odd >= 0.5").orderBy("file").collect()]
    return {f"{path}/{name_within(files, path, name)}": lines.where(file == name) for name in found}


def _reason(error: AnalysisException | IllegalArgumentException | Py4JJavaError) -> str:
    """The first line of what went wrong at the bottom of it, and in which file of a folder."""
    reason = str(error)
    if isinstance(error, Py4JJavaError):
        reason = with_file(error, str(java_cause(error).getMessage()))
    if colon := COLON.search(reason):
        return f"Hadoop reads no file with a colon in its name; rename {colon[1]}"
    return reason.splitlines()[0]
