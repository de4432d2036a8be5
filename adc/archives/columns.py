"""Which column of a user's file is which: from any names to the columns that adc works on."""

from pathlib import PurePosixPath

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from adc.errors import UsageError
from adc.settings import InputSettings

# Names under which a column is found without a setting, the likeliest first.
ID_NAMES = ("id", "id_str", "tweet_id", "tweetid", "status_id")
TEXT_NAMES = ("text", "full_text", "tweet", "tweet_text", "content", "body", "value")
LABEL_NAMES = ("dialect", "label", "country")
AUTHOR_NAMES = ("author", "author_id", "user_id")
CREATED_NAMES = ("created_at", "date", "timestamp")
SPLIT_NAMES = ("split",)


def id_rows(frame: DataFrame, path: str, settings: InputSettings) -> DataFrame:
    """(id, dialect) of a list of ids, as written there; a one-column file holds ids under any name."""
    name = _column(frame, settings.id, ID_NAMES, "input.id")
    if name is None and len(frame.columns) == 1:
        name = frame.columns[0]
    if name is None:
        raise UsageError(_missing(path, "the tweet ids", "input.id", frame))
    _refuse_rounded(frame, path, name)
    label = _optional(frame, settings.label, LABEL_NAMES, "input.label")
    return frame.select(
        _trimmed(_of(name).cast("string")).alias("id"), F.nullif(_trimmed(label), F.lit("")).alias("dialect")
    )


def archive_rows(frame: DataFrame, path: str, settings: InputSettings) -> DataFrame:
    """id, source, text, dialect, author, created_at, split (NULL: by hash) and weight of an archive.

    A row without an id gets `sha256:` and the first 32 hex digits of its text's hash.
    """
    name = _column(frame, settings.text, TEXT_NAMES, "input.text")
    if name is None:
        raise UsageError(_missing(path, "the texts", "input.text", frame))
    text = _of(name).cast("string")
    own_id = F.nullif(_trimmed(_optional(frame, settings.id, ID_NAMES, "input.id")), F.lit(""))
    label = _trimmed(_optional(frame, settings.label, LABEL_NAMES, "input.label"))
    _refuse_rounded(frame, path, _column(frame, settings.id, ID_NAMES, "input.id"))
    hashed = F.concat(F.lit("sha256:"), F.substring(F.sha2(F.coalesce(text, F.lit("")), 256), 1, 32))
    split = F.lit(None) if settings.split == "auto" else F.lit(settings.split)
    return frame.select(
        F.coalesce(own_id, hashed).alias("id"),
        F.lit(settings.source or PurePosixPath(path).name).alias("source"),
        text.alias("text"),
        F.nullif(label, F.lit("")).alias("dialect"),
        _optional(frame, settings.author, AUTHOR_NAMES, "input.author").alias("author"),
        _time(_optional(frame, settings.created_at, CREATED_NAMES, "input.created_at")).alias("created_at"),
        split.cast("string").alias("split"),
        F.lit(settings.weight).alias("weight"),
    )


def _of(name: str) -> Column:
    return F.col("`" + name.replace("`", "``") + "`")


def _trimmed(column: Column) -> Column:
    # Also \r and tabs, which files that went through several hands carry.
    return F.btrim(column, F.lit(" \t\r\n"))


def _refuse_rounded(frame: DataFrame, path: str, name: str | None) -> None:
    kind = dict(frame.dtypes).get(name) if name else None
    if kind in ("double", "float"):
        raise UsageError(
            f"input {path}: column {name} holds ids as {kind}, which has rounded them; "
            "ids need the file in which they are strings or integers"
        )


def _column(frame: DataFrame, given: str | None, usual: tuple[str, ...], setting: str) -> str | None:
    """The name of a column: the one set, which must be there, else the first usual one that is."""
    if given is not None:
        if given not in frame.columns:
            raise UsageError(f"{setting}={given}: no such column; there are {', '.join(frame.columns)}")
        return given
    by_lower = {name.lower(): name for name in reversed(frame.columns)}
    return next((by_lower[name] for name in usual if name in by_lower), None)


def _optional(frame: DataFrame, given: str | None, usual: tuple[str, ...], setting: str) -> Column:
    name = _column(frame, given, usual, setting)
    return (F.lit(None) if name is None else _of(name)).cast("string")


def _time(written: Column) -> Column:
    """ISO 8601, or as Twitter's old API wrote it: Wed Aug 27 13:08:45 +0000 2008."""
    month_first = F.concat_ws(
        " ", F.substring(written, 5, 6), F.substring(written, 27, 4), F.substring(written, 12, 8)
    )
    return F.coalesce(
        F.try_to_timestamp(written), F.try_to_timestamp(month_first, F.lit("MMM dd yyyy HH:mm:ss"))
    )


def _missing(path: str, what: str, setting: str, frame: DataFrame) -> str:
    if not frame.columns:
        return f"input {path} is empty"
    return f"input {path}: no column for {what}; --set {setting}=… names one of {', '.join(frame.columns)}"
