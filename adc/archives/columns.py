"""Which column of a user's file is which: from any names to the columns that adc works on."""

import re
from pathlib import PurePosixPath

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from adc.archives.labels import as_codes, read_labels
from adc.archives.tweets import Found, find, full_texts, tweets, written_at
from adc.errors import UsageError
from adc.files import Files
from adc.settings import InputSettings
from adc.tables import CLEAN_TWEETS, PREDICTIONS
from adc.texts import UNSEEN

# Names under which a column is found without a setting, the likeliest first: `id_str` before `id`, which some
# programs have read as a float.
ID_NAMES = ("id_str", "id", "tweet_id", "tweetid", "status_id")
TEXT_NAMES = ("text", "full_text", "tweet", "tweet_text", "content", "body", "value")
LABEL_NAMES = ("dialect", "label", "country")
AUTHOR_NAMES = ("author", "author_id", "user_id", "user.id_str", "user.id", "author.id")
CREATED_NAMES = ("created_at", "date", "timestamp")
# What programs write, in lower case, where there is nothing: as an id it would make all such rows one tweet,
# as an author one person's, as a label a class.
ABSENT = ("", "nan", "nat", "none", "null", "na", "<na>", "n/a", "#n/a", "\\n")
# 1.23457E+18, 1234567890123456768.0: what spreadsheets and floats make of an id. Many tweets share one.
# Numbers of fewer digits floats hold as they are.
ROUNDED = r"^(\d([.,]\d+)?[eE]\+?(0?[89]|1\d)|\d{16,}[.,]0+)$"
# Numbers that count rows; tweets' ids have had more digits since 2007.
ROW_NUMBER = r"^\d{1,7}([.]0+)?$"
# What input.id is where the file has no ids, unless a column is named so.
NO_IDS = "none"
# Names that a kept column cannot have: those of the tables it goes to, and of what stages add on the way.
RESERVED = {
    *CLEAN_TWEETS.columns,
    *PREDICTIONS.columns,
    "reason",
    "skipped",
    "gone",
    "occurrences",
    "prediction",
}


def id_rows(frame: DataFrame, path: str, settings: InputSettings) -> DataFrame:
    """(id, dialect) of a list of ids, as written there; a one-column file holds ids under any name."""
    frame = tweets(frame)
    found = _id(frame, settings)
    if found is None and settings.id == NO_IDS:
        raise UsageError(f"input {path}: input.id=none leaves nothing of a list of ids")
    if found is None and len(frame.columns) == 1:
        found = find(frame, frame.columns[0])
    if found is None:
        raise UsageError(_missing(path, "the tweet ids", ID_NAMES, "input.id", frame))
    _refuse_rounded(path, found)
    return frame.select(_trimmed(_string(found)).alias("id"), _dialect(frame, settings).alias("dialect"))


def archive_rows(frame: DataFrame, path: str, settings: InputSettings) -> DataFrame:
    """id, source, text, dialect, author, created_at, split (NULL: by hash), weight, and kept columns.

    A row without an id, or with a rounded one, gets what `hashed` makes of its text.
    """
    frame = tweets(frame)
    text = _text(frame, path, settings)
    id_ = _id(frame, settings)
    _refuse_rounded(path, id_)
    own_id = F.when(~_rounded(id_), _written_id(id_))
    author = _string(_column(frame, settings.author, AUTHOR_NAMES, "input.author"))
    # Else all rows without one would share a split.
    author = F.when(~_absent(_trimmed(author)), author)
    created_at = _created_at(frame, settings)
    split = F.lit(None) if settings.split == "auto" else F.lit(settings.split)
    return frame.select(
        F.coalesce(own_id, hashed(F.coalesce(text, F.lit("")))).alias("id"),
        F.lit(settings.source or PurePosixPath(path).name).alias("source"),
        text.alias("text"),
        _dialect(frame, settings).alias("dialect"),
        author.alias("author"),
        F.coalesce(_time(created_at), written_at(own_id)).alias("created_at"),
        split.cast("string").alias("split"),
        F.lit(settings.weight).alias("weight"),
        *(_kept(frame, given).alias(name) for name, given in kept_columns(settings).items()),
    )


def hashed(text: Column) -> Column:
    """What stands for a missing id: `sha256:` and the first 32 hex digits of the text's hash."""
    return F.concat(F.lit("sha256:"), F.substring(F.sha2(text, 256), 1, 32))


def rounded_ids(frame: DataFrame, settings: InputSettings) -> Column:
    """Whether a row's id is one that `archive_rows` takes for rounded."""
    return _rounded(_id(frame, settings))


def row_numbers(frame: DataFrame, settings: InputSettings) -> Column:
    """Whether a row's id is so short a number that it may be the row's; NULL where there is none."""
    return _written_id(_id(frame, settings)).rlike(ROW_NUMBER)


def unread_times(frame: DataFrame, settings: InputSettings) -> Column:
    """What stands where a row's time should and cannot be read as one; NULL where it can, or is not there."""
    written = _created_at(frame, settings)
    return F.when(_time(written).isNull() & ~_absent(written), written)


def kept_columns(settings: InputSettings) -> dict[str, str]:
    """The columns of input.keep, name in the tables → name in the file: user.location is user_location.

    Raises UsageError for a name that the tables cannot have or have already.
    """
    kept: dict[str, str] = {}
    for given in settings.keep:
        name = re.sub(r"\W+", "_", given).strip("_")
        if not re.match(r"[^\W\d]", name):
            raise UsageError(f"input.keep={given}: the name of a kept column begins with a letter")
        if name.lower() in RESERVED:
            raise UsageError(f"input.keep={given}: adc's tables have a column {name.lower()} of their own")
        if name.lower() in map(str.lower, kept):
            raise UsageError(f"input.keep={given}: {name} is kept already")
        kept[name] = given
    return kept


def _absent(trimmed: Column) -> Column:
    """Whether it is what programs write where there is nothing; NULL of NULL."""
    return F.lower(trimmed).isin(*ABSENT)


def _id(frame: DataFrame, settings: InputSettings) -> Found | None:
    if settings.id == NO_IDS and not find(frame, NO_IDS):
        return None
    return _column(frame, settings.id, ID_NAMES, "input.id")


def _written_id(id_: Found | None) -> Column:
    """The id as it stands there; NULL where nothing does."""
    written = _trimmed(_string(id_))
    return F.when(~_absent(written), written)


def _rounded(id_: Found | None) -> Column:
    return _trimmed(_string(id_)).rlike(ROUNDED)


def _dialect(frame: DataFrame, settings: InputSettings) -> Column:
    """The label by input.labels where that is set; none where nothing is, or what programs write for that."""
    written = _trimmed(_string(_column(frame, settings.label, LABEL_NAMES, "input.label")))
    if settings.labels:
        written = as_codes(written, read_labels(Files(frame.sparkSession), settings.labels))
    return F.when(~_absent(written), written)


def _kept(frame: DataFrame, given: str) -> Column:
    """A column of input.keep as a string; what holds other values as JSON."""
    found = find(frame, given)
    if found is None:
        raise UsageError(f"input.keep={given}: no such column; there are {', '.join(frame.columns)}")
    return _string(found) if found.single else F.to_json(found.column)


def _text(frame: DataFrame, path: str, settings: InputSettings) -> Column:
    """The text: the column set, else of a tweet's texts the one that is whole."""
    usual = _column(frame, settings.text, TEXT_NAMES, "input.text")
    places = [] if settings.text else list(full_texts(frame))
    if usual:
        places.append(usual)
    if not places:
        raise UsageError(_missing(path, "the texts", TEXT_NAMES, "input.text", frame))
    return F.coalesce(*map(_string, places))


def _trimmed(column: Column) -> Column:
    return F.btrim(column, F.lit(UNSEEN))


def _refuse_rounded(path: str, found: Found | None) -> None:
    if found and found.kind.typeName() in ("double", "float"):
        raise UsageError(
            f"input {path}: column {found.name} holds ids as {found.kind.typeName()}, which has rounded "
            "them; ids need the file in which they are strings or integers"
        )


def _column(frame: DataFrame, given: str | None, usual: tuple[str, ...], setting: str) -> Found | None:
    """A column: the one set, which must be there and hold single values, else the first usual one."""
    if given is not None:
        found = find(frame, given)
        if found is None:
            raise UsageError(f"{setting}={given}: no such column; there are {', '.join(frame.columns)}")
        if not found.single:
            raise UsageError(
                f"{setting}={given}: that column holds {found.kind.simpleString()[:200]}; "
                "name a single value within, as in user.id_str"
            )
        return found
    by_lower = {name.lower(): name for name in reversed(frame.columns)}
    places = (find(frame, by_lower.get(name, name)) for name in usual)
    return next((found for found in places if found and found.single), None)


def _string(found: Found | None) -> Column:
    # Bytes that are no UTF-8 become U+FFFD: Parquet holds any, and what reads texts may trust them.
    return F.make_valid_utf8((F.lit(None) if found is None else found.column).cast("string"))


def _created_at(frame: DataFrame, settings: InputSettings) -> Column:
    return _trimmed(_string(_column(frame, settings.created_at, CREATED_NAMES, "input.created_at")))


def _time(written: Column) -> Column:
    """ISO 8601, or as Twitter's old API wrote it: Wed Aug 27 13:08:45 +0000 2008; or a number since 1970.

    Seconds, milliseconds (pandas' JSON) or nanoseconds (pandas' Parquet, which Spark reads as numbers), told
    by the number of digits.
    """
    # Month and day, year, time, offset.
    month_first = F.concat_ws(
        " ", *(F.substring(written, *part) for part in ((5, 6), (27, 4), (12, 8), (21, 5)))
    )
    number = written.try_cast("decimal(20)")
    microseconds = (
        F.when(written.rlike(r"^\d{10}$"), number * 1_000_000)
        .when(written.rlike(r"^\d{13}$"), number * 1000)
        .when(written.rlike(r"^\d{18,19}$"), number / 1000)
    )
    # Without a year of four digits Spark takes 12:30 for today's, and Excel's 45356 for a year.
    iso = F.when(written.rlike(r"^\d{4}(-|$)"), F.try_to_timestamp(written))
    return F.coalesce(
        F.timestamp_micros(microseconds.cast("bigint")),
        iso,
        F.try_to_timestamp(month_first, F.lit("MMM dd yyyy HH:mm:ss xx")),
    )


def _missing(path: str, what: str, usual: tuple[str, ...], setting: str, frame: DataFrame) -> str:
    if not frame.columns:
        return f"input {path} is empty"
    for field in frame.schema:
        if field.name.lower() in usual:
            return (
                f"input {path}: column {field.name} holds {field.dataType.simpleString()[:200]}; --set "
                f"{setting}={field.name}.… names a single value within; of pandas, write rows, by "
                "to_json(…, orient='records', lines=True)"
            )
    return f"input {path}: no column for {what}; --set {setting}=… names one of {', '.join(frame.columns)}"
