"""The score stage: clean tweets, or any archive, to `predictions`, keyed by tweet and model."""

import hashlib
from collections.abc import Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from adc.archives import kept_columns, open_archive
from adc.errors import UsageError
from adc.job import Job
from adc.lake import latest_changes
from adc.model.bundle import SHIPPED, Bundle, load_bundle
from adc.model.store import open_bundle
from adc.scoring.predict import with_predictions
from adc.scoring.shares import grouping, write_shares
from adc.tables import CLEAN_TWEETS, PREDICTIONS
from adc.waves import Waves


def score(job: Job, path: str | None = None, bundle_path: str | None = None, replace: bool = False) -> None:
    """Scores what is new or changed in `clean_tweets` since this model's last run, or the archive at `path`.

    `replace` scores again what this model has scored before. Raises UsageError for a bundle or input
    that is missing or wrong.
    """
    lake = job.lake
    bundle = chosen_bundle(job, bundle_path)
    for name in job.settings.score.groupings:
        grouping(name, list(PREDICTIONS.keeping(kept_columns(job.settings.input)).columns))
    job.say(f"model {bundle.model}, {len(bundle.labels)} dialects")
    job.count(input=0, scored=0, noted=0, duplicate=0, skipped=0)
    waves = Waves(
        job,
        lambda rows: scored(job, bundle, rows),
        lambda staged: commit_scored(job, staged),
    )
    if path:
        rows = open_archive(job, path)
        if job.dry_run:
            job.say(f"dry run: {rows.count():,} rows of {path} would be scored")
            return
        waves.run([rows if replace else unscored(job, bundle, rows)])
    else:
        if not lake.exists(CLEAN_TWEETS):
            raise UsageError(
                f"there is no table {lake.where(CLEAN_TWEETS)} yet: run clean first, or give --input"
            )
        if job.dry_run:
            job.say(f"dry run: {lake.read(CLEAN_TWEETS).count():,} clean tweets are there to score")
            return
        kept = kept_columns(job.settings.input)
        for name in kept:
            if name.lower() not in map(str.lower, lake.read(CLEAN_TWEETS).columns):
                raise UsageError(
                    f"input.keep={kept[name]}: {lake.where(CLEAN_TWEETS)} has no column {name}; "
                    "run clean with --input and the same input.keep first"
                )
        lake.ensure(PREDICTIONS)
        # Whatever decides a prediction is in the name: under other settings a full pass begins.
        told = job.settings.score
        rules = f"{bundle.model}-{told.abstain_below}-{told.plausible_mass}-{told.top_k}"
        if kept:
            rules += f"-{hashlib.sha256(','.join(kept).encode()).hexdigest()[:8]}"
        checkpoint = lake.checkpoint(CLEAN_TWEETS, PREDICTIONS, rules)
        if replace:
            lake.files.delete(checkpoint)
        if not lake.files.exists(checkpoint):
            job.say("a full pass: no earlier run of this model over these tables is known")
        waves.stream(lake.changes(CLEAN_TWEETS), checkpoint)
    job.wrote(PREDICTIONS)
    lake.ensure(PREDICTIONS)
    lake.compact(PREDICTIONS)
    if job.settings.score.groupings:
        write_shares(job, bundle)


def chosen_bundle(job: Job, given: str | None) -> Bundle:
    """The bundle named on the command line, else that of score.bundle, else the one that comes with adc."""
    place = given or job.settings.score.bundle
    return open_bundle(job.lake.files, place) if place else load_bundle(SHIPPED)


def unscored(job: Job, bundle: Bundle, rows: DataFrame) -> DataFrame:
    """Marks as `skipped` the rows that this model has scored before."""
    known = (
        job.lake.read(PREDICTIONS)
        .where(F.col("model") == bundle.model)
        .select("id", F.lit(True).alias("skipped"))
    )
    return rows.join(known, "id", "left")


def scored(job: Job, bundle: Bundle, rows: DataFrame) -> DataFrame:
    """Rows of an archive, or a wave of clean_tweets' change feed, with their predictions."""
    if "_change_type" in rows.columns:
        rows = latest_changes(rows, "id")
    if "skipped" not in rows.columns:
        rows = rows.withColumn("skipped", F.lit(None).cast("boolean"))
    kept = kept_columns(job.settings.input)
    once = rows.groupBy("id").agg(
        # Of rows with one id the first text: the same on every run.
        F.min_by(
            F.struct(*(name for name in rows.columns if name != "id")), F.struct("text", "source", *kept)
        ).alias("row"),
        F.count("*").alias("occurrences"),
    )
    distinct = once.select("id", "row.*", "occurrences")
    fresh = with_predictions(distinct.where("skipped IS NULL"), bundle, job.settings.score)
    told = PREDICTIONS.keeping(kept).columns
    columns = [*(name for name in told if name != "scored_at"), "skipped", "occurrences"]
    held = distinct.where("skipped IS NOT NULL")
    return fresh.unionByName(held, allowMissingColumns=True).select(*columns)


def commit_scored(job: Job, staged: DataFrame) -> Mapping[str, int]:
    """MERGEs a wave's predictions by (id, model) and counts them."""
    figures = staged.agg(
        F.coalesce(F.sum("occurrences"), F.lit(0)).alias("input"),
        F.count_if(F.expr("skipped IS NULL AND note IS NULL")).alias("scored"),
        F.count_if(F.expr("skipped IS NULL AND note IS NOT NULL")).alias("noted"),
        F.coalesce(F.sum(F.col("occurrences") - 1), F.lit(0)).alias("duplicate"),
        F.count_if(F.expr("skipped IS NOT NULL")).alias("skipped"),
    ).first()
    fresh = staged.where("skipped IS NULL").drop("skipped", "occurrences")
    table = PREDICTIONS.keeping(kept_columns(job.settings.input))
    columns = [name for name in table.columns if name not in (*table.key, "scored_at")]
    job.lake.merge(
        table,
        fresh.withColumn("scored_at", F.lit(job.started_at)),
        update_if=" OR ".join(map(_changed, columns)),
        bounded_by="id",
    )
    return figures.asDict() if figures else {}


def _changed(column: str) -> str:
    """The condition that a prediction is another one.

    The last digits of a probability depend on the texts it was computed beside, which is no change.
    """
    if column in ("confidence", "region_confidence"):
        return f"NOT (round(old.{column}, 4) <=> round(new.{column}, 4))"
    if column == "top_k":
        return "NOT (old.top_k.dialect <=> new.top_k.dialect)"
    return f"NOT (old.`{column}` <=> new.`{column}`)"
