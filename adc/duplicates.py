"""Of several rows of one tweet, which one is taken: the same on every run, in whatever order they come."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from adc.archives import kept_columns
from adc.job import Job

EXAMPLES = 3


def latest_changes(feed: DataFrame, key: str, **of_all: Column) -> DataFrame:
    """Of a wave of a change feed the last state of every row, as the table's own columns, and `gone`.

    That says whether the row is no longer in the table. `of_all` are aggregates over all states that it had
    since before the wave.
    """
    columns = [name for name in feed.columns if not name.startswith("_")]
    later = F.struct("_commit_version", F.col("_change_type") != "update_preimage", "_change_type")
    newest = F.max_by(F.struct("_change_type", *columns), later).alias("row")
    changed = feed.groupBy(key).agg(newest, *(column.alias(name) for name, column in of_all.items()))
    gone = (F.col("row._change_type") == "delete").alias("gone")
    return changed.select(*(f"row.{name}" for name in columns), gone, *of_all)


def labelled_tweets(clean_tweets: DataFrame) -> DataFrame:
    """What to train and evaluate on: the labelled rows, of equal texts the one with the lowest id."""
    columns = [name for name in clean_tweets.columns if name != "text_hash"]
    lowest = F.min_by(F.struct(*columns), F.struct(F.length("id"), "id"))
    return (
        clean_tweets.where("dialect IS NOT NULL")
        .groupBy("text_hash")
        .agg(lowest.alias("row"))
        .select("text_hash", "row.*")
    )


def distinct(job: Job, rows: DataFrame) -> DataFrame:
    """A row an id, with its `occurrences`.

    Of rows with one id the first that has a text, and of these as `nulls_last` says: always the same.
    """
    if "skipped" not in rows.columns:
        rows = rows.withColumn("skipped", F.lit(None).cast("boolean"))
    empty = F.coalesce(F.btrim("text"), F.lit("")) == ""
    kept = kept_columns(job.settings.input)
    first = F.struct(empty, "text", *nulls_last("dialect", "author", "created_at"), "source", *kept)
    every = F.struct(*(name for name in rows.columns if name != "id"))
    once = rows.groupBy("id").agg(F.min_by(every, first).alias("row"), F.count("*").alias("occurrences"))
    return once.select("id", "row.*", "occurrences")


def once_an_id(job: Job, staged: DataFrame, kept: Sequence[str]) -> DataFrame:
    """The staged rows, or where ids come again a staged copy that holds each once.

    Of rows with one id a usable one, of these the first text, and of these as `nulls_last` says: the same on
    every run.
    """
    if staged.groupBy("id").count().where("count > 1").isEmpty():
        return staged
    tell_contradicting(job, staged)
    usable_first = F.col("reason").isNotNull()
    first = Window.partitionBy("id").orderBy(
        usable_first, "text", *nulls_last("dialect", "author", "created_at"), *kept
    )
    place = f"{job.staging}/once"
    ranked = staged.withColumn("_place", F.row_number().over(first)).where("_place = 1")
    ranked.drop("_place").write.mode("overwrite").parquet(place)
    return staged.sparkSession.read.parquet(place)


def tell_contradicting(job: Job, rows: DataFrame) -> None:
    """Counts and says which ids, of which one row is to be taken, come with more than one label."""
    labels = rows.groupBy("id").agg(F.sort_array(F.collect_set("dialect")).alias("labels"))
    several = labels.where("size(labels) > 1").orderBy("id")
    if examples := several.take(EXAMPLES):
        job.count(two_labels=several.count())
        shown = ", ".join(f"{row['id']} ({', '.join(row['labels'])})" for row in examples)
        job.say(f"of the same id or text there are rows with unlike labels, of which one is kept: {shown}")


def nulls_last(*names: str) -> list[Column]:
    """What to order by, or to take the least of, so that a row with all these columns comes before others."""
    return [each for name in names for each in (F.col(name).isNull(), F.col(name))]
