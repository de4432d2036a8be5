"""The score stage: clean tweets, or any archive, to `predictions`, keyed by tweet and model."""

import hashlib
from collections.abc import Mapping

from pyspark import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from adc.archives import Untaken, kept_columns, open_archive
from adc.archives.ranges import run_by_ranges
from adc.duplicates import distinct, latest_changes
from adc.errors import UsageError
from adc.job import Job
from adc.lake import key_range
from adc.model.bundle import Bundle
from adc.model.predictor import Predictor
from adc.model.store import chosen_bundle
from adc.predictions import shared_predictor, with_predictions
from adc.scoring.shares import grouping, write_shares
from adc.tables import ALL, CLEAN_TWEETS, PREDICTIONS, TIMES
from adc.waves import Waves

# How an archive is shuffled before: into parts smaller than Spark's 64 MB, since a megabyte takes a while to
# score, and into enough of them.
PART_BYTES = 4 << 20
# So small an archive that it can be read once more, and its ids be sent to every task.
FEW_BYTES = 32 << 20


def score(job: Job, path: str | None = None, bundle_path: str | None = None, replace: bool = False) -> None:
    """Scores what is new or changed in `clean_tweets`, or the archive at `path`, since this model's last run.

    A file alone is read whole. `replace` scores again what this model has scored before. Raises UsageError
    for a bundle or input that is missing or wrong.
    """
    lake = job.lake
    bundle = chosen_bundle(lake.files, job.settings.score, bundle_path)
    if job.settings.score.shares:
        refuse_wrong_groupings(job)
    job.say(f"model {bundle.model}, {len(bundle.labels)} dialects")
    job.count(input=0, scored=0, noted=0, duplicate=0, skipped=0)
    shared = shared_predictor(lake.spark, bundle, job.settings.score)
    waves = Waves(job, lambda rows: scored(job, shared, rows), lambda staged: commit_scored(job, staged))
    told, kept = job.settings.score, kept_columns(job.settings.input)
    rules = f"{bundle.model}-{told.abstain_below:.15g}-{told.plausible_mass:.15g}-{told.top_k}"
    if path:
        untaken = Untaken(job, path, PREDICTIONS, rules, bundle.model, anew=replace)
        if not untaken.nothing:
            score_archive(job, waves, bundle, untaken, replace)
        if job.dry_run:
            return
    else:
        lake.require(CLEAN_TWEETS, "run clean first, or give --input")
        for name in kept:
            if name.lower() not in map(str.lower, lake.read(CLEAN_TWEETS).columns):
                raise UsageError(
                    f"input.keep={kept[name]}: {lake.where(CLEAN_TWEETS)} has no column {name}; "
                    "run clean with --input and the same input.keep first"
                )
        if kept:
            rules += f"-{hashlib.sha256(','.join(kept).encode()).hexdigest()[:8]}"
        if job.dry_run:
            number = lake.read(CLEAN_TWEETS).count()
            waves.foretell(number, "clean tweets", CLEAN_TWEETS, PREDICTIONS, rules, bundle.model, replace)
            return
        waves.stream(CLEAN_TWEETS, PREDICTIONS, rules, bundle.model, anew=replace)
    job.wrote(PREDICTIONS)
    lake.ensure(PREDICTIONS)
    lake.compact(PREDICTIONS)
    if job.settings.score.shares:
        write_shares(job, bundle)


def refuse_wrong_groupings(job: Job) -> None:
    """Raises UsageError, before anything is scored, for what score.shares cannot group by."""
    kept = kept_columns(job.settings.input)
    known = (*PREDICTIONS.keeping(kept).columns, *job.lake.read(PREDICTIONS).columns)
    for name in job.settings.score.shares:
        if name in (ALL, *TIMES) and name in kept:
            raise UsageError(
                f"score.shares={name}: input.keep has a column of that name, and shares mean the time; "
                "give the column another name"
            )
        grouping(name, list(dict.fromkeys(known)))


def score_archive(job: Job, waves: Waves, bundle: Bundle, untaken: Untaken, replace: bool) -> None:
    """Scores what is untaken of an archive; in a dry run says how much that is."""
    lake, rows = job.lake, open_archive(job, untaken.source)
    size = untaken.bytes
    few = size <= FEW_BYTES
    known = None if replace else scored_before(job, bundle, rows if untaken.some or few else None, few)
    if job.dry_run:
        number = unscored(rows, known).where("skipped IS NULL").select("id").distinct().count()
        job.say(f"dry run: {number:,} rows of {untaken.source.path} would be scored")
        return
    with untaken.taking() as waves.bookmark:
        if size <= lake.wave_bytes:
            # One shuffle for equal ids and for the parts to score, at least one for each task slot.
            number = max(lake.spark.sparkContext.defaultParallelism, 1 + size // PART_BYTES)
            waves.run([distinct(job, unscored(rows.repartition(number, "id"), known))])
        else:
            todo = unscored(rows, known)
            run_by_ranges(waves, todo, PART_BYTES, F.sum("occurrences"), lambda rows: distinct(job, rows))


def scored_before(job: Job, bundle: Bundle, among: DataFrame | None, few: bool) -> DataFrame:
    """The ids that this model has scored, at least those `among` these rows; of `few` rows, only those.

    New tweets have ids in a range of their own, so that little of the table need be read.
    """
    if not job.lake.exists(PREDICTIONS):
        among = None
    known = job.lake.read(PREDICTIONS).where(F.col("model") == bundle.model)
    if among is not None:
        known = known.where(F.col("id").between(*key_range(among, "id")))
        if few:
            # Else what is read of the table, maybe a thousand times the rows, would be shuffled and sorted.
            known = known.join(F.broadcast(among.select("id")), "id", "left_semi")
    return known.select("id", F.lit(True).alias("skipped"))


def unscored(rows: DataFrame, known: DataFrame | None) -> DataFrame:
    """Marks as `skipped` the rows whose ids are `known`, and takes their texts away."""
    if known is None:
        return rows.withColumn("skipped", F.lit(None).cast("boolean"))
    return rows.join(known, "id", "left").withColumn("text", F.expr("if(skipped IS NULL, text, NULL)"))


def scored(job: Job, shared: Broadcast[Predictor], rows: DataFrame) -> DataFrame:
    """Distinct rows of an archive, or a wave of clean_tweets' change feed, with their predictions.

    What is skipped, or gone, goes along, without a text, to be counted.
    """
    if "_change_type" in rows.columns:
        rows = distinct(job, latest_changes(rows, "id", _sources=F.collect_set("source")))
        given = {name: F.expr(f"if(gone, NULL, {name})") for name in ("text", "clean")}
        rows = rows.withColumns(given)
    else:
        rows = rows.withColumns({"gone": F.lit(False), "_sources": F.array("source")})
    told = PREDICTIONS.keeping(kept_columns(job.settings.input)).columns
    columns = [*(name for name in told if name != "scored_at"), "skipped", "gone", "_sources", "occurrences"]
    return with_predictions(rows, shared).select(*columns)


def commit_scored(job: Job, staged: DataFrame) -> Mapping[str, int]:
    """MERGEs a wave's predictions by (id, model) and counts them.

    Where clean_tweets no longer holds a row its prediction goes, unless of a source that it never had there.
    """
    figures = staged.groupBy("gone").agg(
        F.sum("occurrences").alias("input"),
        F.count_if(F.expr("skipped IS NULL AND note IS NULL")).alias("scored"),
        F.count_if(F.expr("skipped IS NULL AND note IS NOT NULL")).alias("noted"),
        F.sum(F.col("occurrences") - 1).alias("duplicate"),
        F.count_if(F.expr("skipped IS NOT NULL")).alias("skipped"),
    )
    counts: dict[str, int] = {}
    for gone, *numbers in figures.collect():
        counts |= {"removed": numbers[0]} if gone else dict(zip(figures.columns[1:], numbers, strict=True))
    fresh = staged.where("skipped IS NULL").drop("skipped", "occurrences")
    table = PREDICTIONS.keeping(kept_columns(job.settings.input))
    columns = [name for name in table.columns if name not in (*table.key, "scored_at")]
    job.lake.merge(
        table,
        fresh.withColumn("scored_at", F.lit(job.started_at)),
        update_if=f"NOT new.gone AND ({' OR '.join(map(_changed, columns))})",
        delete_if="new.gone AND array_contains(new._sources, old.source)",
        insert_if="NOT new.gone",
        bounded_by="id",
    )
    return counts


def _changed(column: str) -> str:
    """The condition that a prediction is another one.

    The last digits of a probability depend on the texts it was computed beside, which is no change.
    """
    if column in ("confidence", "region_confidence"):
        return f"NOT (round(old.{column}, 4) <=> round(new.{column}, 4))"
    if column == "top_k":
        return "NOT (old.top_k.dialect <=> new.top_k.dialect)"
    return f"NOT (old.`{column}` <=> new.`{column}`)"
