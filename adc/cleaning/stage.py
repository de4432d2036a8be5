"""The clean stage: raw tweets, or any archive, to `clean_tweets`, and what is unusable to `quarantine`."""

import json
from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from adc.archives import Untaken, kept_columns, open_archive
from adc.archives.labels import read_labels
from adc.archives.ranges import run_by_ranges
from adc.archives.tweets import written_at
from adc.cleaning.profiles import load_profile
from adc.cleaning.rows import clean_rows
from adc.duplicates import latest_changes, once_an_id
from adc.job import Job
from adc.lake import key_range
from adc.tables import CLEAN_TWEETS, QUARANTINE, RAW_TWEETS
from adc.together import together
from adc.waves import Waves

FOUND = "status = 'found'"
# So many splits a task slot even out what one of them has more.
FEW_SPLITS = 4
# So many waves' bytes are cleaned at once; to be staged first takes a quarter to a third longer.
AT_ONCE = 4
# How large the parts are into which an archive of several waves is shuffled: some 100,000 tweets.
PART_BYTES = 16 << 20


def clean(job: Job, path: str | None = None, full: bool = False) -> None:
    """Cleans what is new or changed in `raw_tweets`, or in the archive at `path`, since the last run.

    A file alone is cleaned whole, and `full` cleans all there is again. Raises UsageError for input or a
    profile that is wrong.
    """
    profile = load_profile(job.settings.clean.profile)
    job.count(input=0, duplicate=0, clean=0, quarantined=0)
    limits = job.settings.clean
    rules = f"{profile.hash}-{limits.min_words}-{limits.min_arabic}"
    if path:
        untaken = Untaken(job, path, CLEAN_TWEETS, rules, anew=full)
        if not untaken.nothing:
            clean_archive(job, untaken)
        if job.dry_run:
            return
    else:
        job.lake.require(RAW_TWEETS, "run scrape first, or give --input")
        waves = Waves(job, lambda rows: cleaned(job, rows), lambda staged: commit_cleaned(job, staged))
        if job.dry_run:
            found = job.lake.read(RAW_TWEETS).where(FOUND).count()
            waves.foretell(found, "found tweets", RAW_TWEETS, CLEAN_TWEETS, rules, anew=full)
            return
        waves.stream(RAW_TWEETS, CLEAN_TWEETS, rules, anew=full)
    job.wrote(CLEAN_TWEETS, QUARANTINE)
    for table in (CLEAN_TWEETS, QUARANTINE):
        job.lake.ensure(table)
        job.lake.compact(table)


def clean_archive(job: Job, untaken: Untaken) -> None:
    """Cleans what is untaken of an archive; in a dry run says how much that is."""
    rows = open_archive(job, untaken.source)
    if untaken.after is not None:
        rows = rows.where(F.col("id") > untaken.after)
    if job.dry_run:
        job.say(f"dry run: {rows.count():,} rows of {untaken.source.path} would be cleaned")
        return
    if untaken.after is not None:
        job.say(f"goes on behind the id {untaken.after}, up to which an earlier run has come")
    large = untaken.bytes > AT_ONCE * job.lake.wave_bytes

    def commit(staged: DataFrame) -> Mapping[str, int]:
        counts = commit_cleaned(job, staged)
        if large:
            untaken.taken_up_to(key_range(staged, "id")[1])
        return counts

    with untaken.taking() as bookmark:
        waves = Waves(job, lambda rows: cleaned(job, rows), commit, bookmark=bookmark)
        if large:
            run_by_ranges(waves, rows, PART_BYTES, F.count("*"), lambda rows: rows)
        else:
            waves.run([on_all_slots(rows)])


def on_all_slots(rows: DataFrame) -> DataFrame:
    """The rows in at least as many partitions as there are task slots; of Parquet, of about equal sizes.

    A compressed CSV is read in one piece; so is a row group of Parquet, however many splits it is cut into.
    """
    slots = rows.sparkSession.sparkContext.defaultParallelism
    splits = rows.rdd.getNumPartitions()
    even = splits >= slots
    if even and splits < FEW_SPLITS * slots and all(name.endswith(".parquet") for name in rows.inputFiles()):
        sizes = [row["count"] for row in rows.groupBy(F.spark_partition_id()).count().collect()]
        even = slots * max(sizes, default=0) < 2 * sum(sizes)
    # By id: rows dealt out in turn would have to be sorted before, to be dealt out the same when read again.
    return rows if even else rows.repartition(slots, "id")


def found_tweets(feed: DataFrame) -> DataFrame:
    """The newest state of found tweets in a wave of raw_tweets' change feed, as rows to clean."""
    return (
        latest_changes(feed, "id")
        .where(f"NOT gone AND {FOUND}")
        .select(
            "id",
            F.lit("scrape").alias("source"),
            "text",
            "dialect",
            F.lit(None).cast("string").alias("author"),
            written_at(F.col("id")).alias("created_at"),
            F.lit(None).cast("string").alias("split"),
            F.lit(1.0).alias("weight"),
        )
    )


def cleaned(job: Job, rows: DataFrame) -> DataFrame:
    """Rows to clean, or a wave of the change feed, with what cleaning makes of them."""
    if "_change_type" in rows.columns:
        rows = found_tweets(rows)
    profile = load_profile(job.settings.clean.profile)
    min_words, min_arabic = job.settings.clean.min_words, job.settings.clean.min_arabic
    table = CLEAN_TWEETS.keeping(kept_among(job, rows))
    columns = [*table.columns, "reason"]

    def clean_partition(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield clean_rows(batch, profile, min_words, min_arabic).select(columns)

    return rows.mapInArrow(clean_partition, f"{table.nullable()}, reason STRING")


def kept_among(job: Job, rows: DataFrame) -> list[str]:
    """The kept columns that rows have; what comes from raw_tweets has none."""
    return [name for name in kept_columns(job.settings.input) if name in rows.columns]


def no_labels(job: Job) -> list[str]:
    """The spellings that input.labels maps to nothing, in lower case."""
    path = job.settings.input.labels
    codes = read_labels(job.lake.files, path) if path else {}
    return [spelling for spelling, code in codes.items() if code is None]


def commit_cleaned(job: Job, staged: DataFrame) -> Mapping[str, int]:
    """MERGEs a wave: usable rows to clean_tweets, the others to quarantine, and none to both."""
    kept = kept_among(job, staged)
    rows = once_an_id(job, staged, kept)
    figures = (F.count("*").alias("n"), F.min("id").alias("low"), F.max("id").alias("high"))
    reasons = rows.groupBy("reason").agg(*figures).collect()
    by_reason = {row["reason"]: row["n"] for row in reasons}
    total = staged.count()
    usable = by_reason.pop(None, 0)
    # An archive that says nothing of label, author or time takes none away.
    table = CLEAN_TWEETS.keeping(kept)
    values = {name: f"new.`{name}`" for name in table.columns} | {
        name: f"coalesce(new.`{name}`, old.`{name}`)" for name in ("dialect", "author", "created_at", *kept)
    }
    if nothing := no_labels(job):
        # But of a spelling that stands for no label none is left. They are told in one literal: as a column
        # each row would carry all of them into the join.
        listed = json.dumps(nothing).replace("'", r"\u0027")
        none = f"array_contains(from_json(r'{listed}', 'array<string>'), lower(old.dialect))"
        values["dialect"] = f"coalesce(new.dialect, if({none}, NULL, old.dialect))"
    if job.settings.input.split == "auto":
        # The split follows from the author where one is known, or it would change with the archive.
        values["split"] = "if(new.author IS NULL AND old.author IS NOT NULL, old.split, new.split)"
    payload = F.struct("id", "source", "text", "dialect")
    refused = job.refused(rows.where("reason IS NOT NULL"), F.col("id"), F.col("reason"), payload)
    bounds = [row[side] for row in reasons for side in ("low", "high")]
    in_range = F.col("row_key").between(min(bounds, default=""), max(bounds, default=""))
    usable_ids = rows.where("reason IS NULL").select(F.col("id").alias("row_key"))

    def write() -> None:
        job.lake.merge(
            table,
            rows,
            update=values,
            delete_if="new.reason IS NOT NULL",
            insert_if="new.reason IS NULL",
            bounded_by="id",
        )
        # Of usable rows only those that were refused before have anything to do with it.
        there = job.lake.read(QUARANTINE).where((F.col("stage") == job.stage) & in_range)
        mended = usable_ids.join(there.select("stage", "row_key"), "row_key")
        job.quarantine(refused.unionByName(mended, allowMissingColumns=True))

    row_keys = rows.select(F.lit(job.stage).alias("stage"), F.col("id").alias("row_key"))
    together(job.lake, [(table, rows.select("id")), (QUARANTINE, row_keys)], write)
    return {
        "input": total,
        "duplicate": total - usable - sum(by_reason.values()),
        "clean": usable,
        "quarantined": sum(by_reason.values()),
    } | {f"quarantined.{reason}": number for reason, number in sorted(by_reason.items())}
