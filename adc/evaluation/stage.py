"""The evaluate stage: predictions held against labels, to `metrics`, JSON and an HTML report."""

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from adc.archives import open_archive
from adc.dialects import DIALECTS, Taxonomy
from adc.errors import UsageError
from adc.evaluation.metrics import CONFIDENCE_BINS, Score, reliability, score, to_regions
from adc.evaluation.report import Example, ModelReport, Report, StageRun, render
from adc.job import Job
from adc.lake import as_rows, labelled_tweets
from adc.model.bundle import Bundle
from adc.scoring.predict import with_predictions
from adc.scoring.stage import chosen_bundle
from adc.tables import CLEAN_TWEETS, METRICS, PREDICTIONS, RUNS

ERRORS_SHOWN = 25


def evaluate(
    job: Job,
    bundles: Sequence[str] = (),
    split: str = "test",
    labelled: str | None = None,
    report: str | None = None,
) -> None:
    """Evaluates bundles side by side on a split of clean_tweets, or on a labelled archive.

    Rows that a model has not scored yet are scored now. Raises UsageError when there is nothing labelled.
    """
    models = [chosen_bundle(job, place) for place in (bundles or (None,))]
    truth, name = _truth(job, split, labelled)
    known = job.lake.read(PREDICTIONS)
    if labelled:
        # The same id in another file may be of another text.
        known = known.limit(0)
    truth.cache()
    try:
        _evaluate(job, models, truth, known, name, report)
    finally:
        # What is cached answers for the file by its name, also to a later run in this process.
        truth.unpersist()


def _evaluate(
    job: Job, models: Sequence[Bundle], truth: DataFrame, known: DataFrame, name: str, report: str | None
) -> None:
    labels = truth.groupBy(F.col("dialect").alias("label")).agg(F.count("*").alias("n")).toPandas()
    if labels.empty:
        raise UsageError(f"{name}: no labelled tweets to evaluate on")
    job.count(input=int(labels["n"].sum()), dialects=len(labels))
    if job.dry_run:
        job.say(f"dry run: {len(models)} models would be evaluated on {job.counts['input']:,} tweets")
        return
    taxonomy = DIALECTS.restricted_to(
        sorted({*labels["label"], *(label for b in models for label in b.labels)})
    )
    reports = [_evaluated(job, bundle, truth, known, taxonomy) for bundle in models]
    _keep_metrics(job, reports, name)
    page = Report(
        title="Arabic dialect classification",
        made_at=datetime.datetime.now(datetime.UTC),
        split=name,
        taxonomy=taxonomy,
        models=reports,
        stages=_stage_runs(job),
        labels=labels,
    )
    target = report or job.lake.path("reports", f"{name.rpartition('/')[2]}.html")
    job.lake.files.write_text(target, render(page))
    data = f"{target.removesuffix('.html')}.json"
    job.lake.files.write_text(data, json.dumps(_figures(reports), ensure_ascii=False, indent=2) + "\n")
    job.outputs |= {"report": job.lake.files.qualified(target), "figures": job.lake.files.qualified(data)}


def _truth(job: Job, split: str, labelled: str | None) -> tuple[DataFrame, str]:
    """The labelled rows to evaluate on (id, text, clean, profile_hash, dialect), and what they are called."""
    if labelled:
        rows = open_archive(job, labelled)
        rows = rows.where("dialect IS NOT NULL").dropDuplicates(["id"])
        none = F.lit(None).cast("string")
        return rows.select("id", "text", none.alias("clean"), none.alias("profile_hash"), "dialect"), labelled
    if not job.lake.exists(CLEAN_TWEETS):
        raise UsageError(
            f"there is no table {job.lake.where(CLEAN_TWEETS)} yet: run clean first, or give --labelled"
        )
    rows = labelled_tweets(job.lake.read(CLEAN_TWEETS)).where(F.col("split") == split)
    return rows.select("id", "text", "clean", "profile_hash", "dialect"), split


def _evaluated(
    job: Job, bundle: Bundle, truth: DataFrame, predictions: DataFrame, taxonomy: Taxonomy
) -> ModelReport:
    """One model's figures, from counts that Spark makes: no row but the errors shown reaches the driver."""
    truth = truth.withColumnRenamed("dialect", "label")
    predicted = ("id", "confidence", F.col("dialect").alias("predicted"))
    known = predictions.where(F.col("model") == bundle.model).select(*predicted)
    unscored = truth.join(known, "id", "left_anti")
    fresh = with_predictions(unscored, bundle, job.settings.score).select(*predicted)
    rows = (
        truth.join(known.unionByName(fresh), "id")
        .withColumn("correct", F.coalesce(F.col("label") == F.col("predicted"), F.lit(False)))
        .cache()
    )
    pairs = rows.groupBy("label", "predicted").agg(F.count("*").alias("n")).toPandas()
    bin_number = F.least(F.lit(CONFIDENCE_BINS - 1), F.floor(F.col("confidence") * CONFIDENCE_BINS)).cast(
        "int"
    )
    bins = (
        rows.where("confidence IS NOT NULL")
        .groupBy(bin_number.alias("bin"))
        .agg(
            F.count("*").alias("n"),
            F.sum(F.col("correct").cast("long")).alias("correct"),
            F.sum("confidence").alias("confidence"),
        )
        .toPandas()
    )
    errors = (
        rows.where("NOT correct AND predicted IS NOT NULL")
        .orderBy(F.desc("confidence"), "id")
        .take(ERRORS_SHOWN)
    )
    rows.unpersist()
    return ModelReport(
        name=bundle.model,
        dialect=score(pairs, taxonomy.codes, seed=job.settings.seed),
        region=score(to_regions(pairs, taxonomy.region_of), taxonomy.regions, seed=job.settings.seed),
        reliability=reliability(bins),
        errors=[
            Example(row["id"], row["clean"] or row["text"], row["label"], row["predicted"], row["confidence"])
            for row in errors
        ],
        history=bundle.history,
        card={
            "network": f"bidirectional {bundle.network.cell.upper()}, {bundle.network.units} units each way",
            "parameters": f"{sum(array.size for array in bundle.weights.values()):,}",
            "trained on": f"{bundle.metrics.get('train', {}).get('rows', 0):,} tweets",
            "cleaning profile": bundle.profile.name,
        },
    )


def _figures(reports: Sequence[ModelReport]) -> dict[str, Any]:
    return {
        report.name: {
            "dialect": _score_dict(report.dialect),
            "region": _score_dict(report.region),
            "ece": report.reliability.ece,
        }
        for report in reports
    }


def _score_dict(figures: Score) -> dict[str, Any]:
    return {name: value.tolist() if name == "confusion" else value for name, value in asdict(figures).items()}


def _keep_metrics(job: Job, reports: Sequence[ModelReport], split: str) -> None:
    records = [
        {
            "model": report.name,
            "split": split,
            "metric": metric,
            "dialect": dialect,
            "value": value,
            "run_id": job.run_id,
        }
        for report in reports
        for (metric, dialect), value in _metric_rows(report).items()
    ]
    job.lake.merge(
        METRICS, as_rows(job.lake.spark, METRICS, records), update_if="NOT (old.value <=> new.value)"
    )
    job.wrote(METRICS)


def _metric_rows(report: ModelReport) -> Mapping[tuple[str, str], float | None]:
    overall: dict[tuple[str, str], float | None] = {
        (name, ""): getattr(report.dialect, name) for name in ("rows", "accuracy", "macro_f1", "weighted_f1")
    }
    overall |= {
        ("region_accuracy", ""): report.region.accuracy,
        ("region_macro_f1", ""): report.region.macro_f1,
        ("ece", ""): report.reliability.ece,
    }
    for figures in report.dialect.labels:
        for name in ("precision", "recall", "f1", "support"):
            overall[name, figures.label] = getattr(figures, name)
    return {key: None if value is None or pd.isna(value) else float(value) for key, value in overall.items()}


def _stage_runs(job: Job) -> list[StageRun]:
    """The newest finished run of each stage, in the order they ran."""
    newest = (
        job.lake.read(RUNS)
        .where("status = 'done'")
        .groupBy("stage")
        .agg(F.max_by(F.struct("run_id", "started_at", "seconds", "counts"), "started_at").alias("run"))
        .select("stage", "run.*")
        # As a number: collected timestamps come in the driver's own time zone.
        .withColumn("started_at", F.unix_timestamp("started_at"))
        .orderBy("started_at")
        .collect()
    )
    return [
        StageRun(
            row["stage"],
            row["run_id"],
            datetime.datetime.fromtimestamp(row["started_at"], datetime.UTC),
            row["seconds"],
            row["counts"] or {},
        )
        for row in newest
    ]
