"""What every stage does with a file it is given: its rows, and its bad records to quarantine."""

from collections.abc import Callable
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from adc.archives.columns import archive_rows, hashed, rounded_ids, row_numbers, unread_times
from adc.archives.labels import LABELS_SHOWN, read_labels, shown_labels
from adc.archives.lines import Source
from adc.archives.readers import form_of, read_archive
from adc.archives.tweets import BAD_RECORD, FILE, named, tweets
from adc.dialects import DIALECTS
from adc.errors import UsageError
from adc.job import Job
from adc.settings import InputSettings

Shape = Callable[[DataFrame, str, InputSettings], DataFrame]

# A line within a text of CSV that begins with a tweet's id, or ends with a dialect's code, as rows do.
ROW_WITHIN = rf'\n"?\d{{15,20}}"?[,;\t]|[,;\t]"?({"|".join(DIALECTS.codes)})"?\r?\n'
# Rows looked at to tell whether ids are rounded or count rows, and times cannot be read.
ROWS_SEEN = 1000
# Characters shown of a record that cannot be read.
RECORD_SHOWN = 200


def open_archive(job: Job, source: Source, shape: Shape = archive_rows) -> DataFrame:
    """The rows of a file in this shape; what cannot be parsed goes to quarantine and is counted.

    Raises UsageError, before anything is written, for what cannot be read or found in it.
    """
    rows, set_aside = checked_archive(job, source, shape)
    set_aside()
    return rows


def checked_archive(
    job: Job, source: Source, shape: Shape = archive_rows
) -> tuple[DataFrame, Callable[[], None]]:
    """As `open_archive`, but what cannot be parsed goes to quarantine when the second is called.

    For a stage that may yet refuse the rows, of which then nothing is to be written.
    """
    path, settings = source.path, job.settings.input
    # Found out once: where the file's name does not tell its form, that takes reading some of it.
    settings = settings.model_copy(update={"format": form_of(job.lake.spark, source, settings)})
    frame = read_archive(job.lake.spark, source, settings)
    rows = shape(frame, path, settings)
    if BAD_RECORD in frame.columns:
        _refuse_unreadable(path, frame, of_csv=settings.format == "csv")
    if shape is archive_rows:
        _tell_doubtful(job, path, tweets(frame), settings)
    if settings.labels:
        _tell_unmapped(job, path, rows, settings.labels)

    def set_aside() -> None:
        if BAD_RECORD in frame.columns and not job.dry_run:
            _quarantine(job, path, frame, of_csv=settings.format == "csv")

    return rows, set_aside


def _refuse_unreadable(path: str, frame: DataFrame, of_csv: bool) -> None:
    """Raises UsageError for a file with bad records and no other."""
    bad = F.col(BAD_RECORD).isNotNull()
    if not frame.where(~bad).isEmpty():
        return
    for record in frame.where(bad).take(1):
        why = "each has more or fewer columns than the header" if of_csv else "none is a JSON object"
        raise UsageError(
            f"input {path}: none of its records can be read: {why}, as {record[BAD_RECORD][:RECORD_SHOWN]!r}"
        )


def _tell_doubtful(job: Job, path: str, frame: DataFrame, settings: InputSettings) -> None:
    """Says of the first rows how many ids are rounded, whether they may count rows, what times are unread."""
    told = (rounded_ids(frame, settings), row_numbers(frame, settings), unread_times(frame, settings))
    rows = frame.select(*told).take(ROWS_SEEN)
    rounded = sum(bool(is_rounded) for is_rounded, _, _ in rows)
    numbers = [may_count for _, may_count, _ in rows if may_count is not None]
    unread = [time for _, _, time in rows if time is not None]
    if rounded:
        job.say(
            f"{path}: {rounded:,} of the first {ROWS_SEEN:,} ids are like 1.23457E+18 or "
            "1234567890123456768.0: a spreadsheet or a float has rounded them, so that tweets share one; "
            "such a row gets its text's hash for an id"
        )
    if numbers and all(numbers):
        job.say(
            f"{path}: its ids look like row numbers, of at most 7 digits. Rows of another archive with the "
            "same ids would be taken for the same tweets: with --set input.id=none a row gets its text's "
            "hash for an id"
        )
    if unread:
        job.say(
            f"{path}: {len(unread):,} of the first {ROWS_SEEN:,} times cannot be read, as {unread[0]}; "
            "such a row has that of its id, if it is a tweet's"
        )


def _tell_unmapped(job: Job, path: str, rows: DataFrame, labels: str) -> None:
    codes = [code for code in read_labels(job.lake.files, labels).values() if code]
    unmapped = rows.select("dialect").where(~F.col("dialect").isin(codes)).distinct().orderBy("dialect")
    found = [row["dialect"] for row in unmapped.take(LABELS_SHOWN + 1)]
    if found:
        job.say(
            f"labels of {path} that are no code and not in {labels}, kept as they are: {shown_labels(found)}"
        )


def _quarantine(job: Job, path: str, frame: DataFrame, of_csv: bool) -> None:
    """Quarantines and counts the bad records; says where an unclosed quotation mark may hide rows of CSV."""
    staged = f"{job.staging}/bad_records"
    record = F.col(BAD_RECORD)
    file = F.lit(path)  # of a table, which holds what somebody could not parse
    if FILE in frame.columns:
        # A plus sign, which stands for itself there, would be decoded as a blank.
        decoded = F.url_decode(F.replace(F.col(FILE), F.lit("+"), F.lit("%2B")))
        file = F.regexp_replace(decoded, "^file:/+", "/")
    payload = F.struct(file.alias("source"), record.alias("record"))
    texts = map(named, frame.columns) if of_csv else ()
    hiding = [F.coalesce(text.rlike(ROW_WITHIN), F.lit(False)) for text in texts]
    odd = reduce(Column.__or__, hiding, record.isNotNull())
    refused = job.refused(frame.where(odd), hashed(record), F.lit("bad_record"), payload)
    refused.write.parquet(staged)
    found = job.lake.spark.read.parquet(staged)
    bad = found.where("row_key IS NOT NULL")
    whole = F.get_json_object("payload", "$.record").rlike(ROW_WITHIN)
    if of_csv and (hiders := found.where(F.col("row_key").isNull() | whole).count()):
        job.say(
            f"{path}: {hiders:,} rows have a text that holds what looks like other rows: a quotation mark "
            "that is not closed takes all that follows for its text"
        )
    number = bad.count()
    if not number:
        return
    job.count(**{"quarantined.bad_record": number})
    if "quarantined" in job.counts:  # a stage that counts these among its input
        job.count(input=number, quarantined=number)
    job.say(f"{path}: {number:,} records cannot be parsed; they are in quarantine as bad_record")
    # Of a record that several files hold the first of these, in every run.
    once = bad.groupBy(*bad.drop("payload").columns).agg(F.min("payload").alias("payload"))
    job.quarantine(once)
