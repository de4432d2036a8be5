"""The evaluate stage: models' answers held against labels, to `metrics`, JSON and an HTML report."""

import datetime
import hashlib
import json
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import PurePosixPath

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from adc.archives import Source, checked_archive
from adc.archives.labels import MOST_UNKNOWN, tell_unknown_labels
from adc.cleaning.patterns import ARABIC_LETTER
from adc.dialects import DIALECTS, Taxonomy
from adc.duplicates import distinct, labelled_tweets, tell_contradicting
from adc.errors import UsageError
from adc.evaluation import counts
from adc.evaluation.examples import drawn_texts, most_confident_errors
from adc.evaluation.figures import figures, metric_rows
from adc.evaluation.page import render
from adc.evaluation.paired import Difference, compare, holm
from adc.evaluation.pipeline import left_out, stage_runs
from adc.evaluation.report import ModelReport, Report
from adc.evaluation.selective import by_length, confidence_bins, plausible, risk_coverage
from adc.evaluation.shares import corpora
from adc.job import Job
from adc.lake import as_rows
from adc.metrics import reliability, score, to_regions
from adc.model.bundle import Bundle
from adc.model.predictor import Predictor
from adc.model.store import chosen_bundle
from adc.predictions import shared_predictor, with_predictions
from adc.tables import CLEAN_TWEETS, METRICS, SPLITS

# Of a column that has so many values, such as texts, no more need reach the driver to be refused.
MOST_LABELS = 10_000


def evaluate(
    job: Job,
    bundles: Sequence[str] = (),
    split: str = "test",
    labelled: str | None = None,
    report: str | None = None,
) -> None:
    """Evaluates bundles side by side on a split of clean_tweets, or on a labelled archive.

    All are scored now: what `predictions` hold may be of other settings, or of texts since changed. Raises
    UsageError for a split that there is not, and when there is nothing labelled.
    """
    if split not in SPLITS:
        raise UsageError(f"--split {split}: give one of {', '.join(SPLITS)}")
    target, data = _places(job, report, labelled, split)
    given = [chosen_bundle(job.lake.files, job.settings.score, place) for place in (bundles or (None,))]
    models = list({bundle.model: bundle for bundle in given}.values())
    truth, name, set_aside = _truth(job, split, labelled)
    truth.cache()
    try:
        _evaluate(job, models, truth, set_aside, name, target, data)
    finally:
        # What is cached answers for the file by its name, also to a later run in this process.
        truth.unpersist()


def _places(job: Job, report: str | None, labelled: str | None, split: str) -> tuple[str, str]:
    """Where the report and its figures go; raises UsageError for a folder, or a user's file in the way."""
    files = job.lake.files
    if report and files.is_folder(report):
        raise UsageError(f"--report {report} is a folder: give the name of a file in it")
    name = split
    if labelled:
        # Files of two folders may have one name, or that of a split: neither's report replaces another's.
        whole = hashlib.sha256(files.qualified(labelled).encode()).hexdigest()
        name = f"{PurePosixPath(labelled).name}-{whole[:8]}"
    target = report or job.lake.path("reports", f"{name}.html")
    data = f"{target.removesuffix('.html')}.json"
    for place in (target, data):
        if labelled and files.qualified(place) == files.qualified(labelled):
            raise UsageError(f"--report {target}: it would replace {place}, which is to be evaluated on")
    if files.exists(data) and not files.exists(target):
        raise UsageError(f"--report {target}: {data}, where its figures go, is there and not of a report")
    return target, data


def _evaluate(
    job: Job,
    models: Sequence[Bundle],
    truth: DataFrame,
    set_aside: Callable[[], None],
    name: str,
    target: str,
    data: str,
) -> None:
    labels = truth.groupBy("label").agg(F.count("*").alias("n")).limit(MOST_LABELS).toPandas()
    if labels.empty:
        raise UsageError(f"{name}: no labelled tweets to evaluate on")
    job.count(input=int(labels["n"].sum()), dialects=len(labels))
    answers = {label for bundle in models for label in bundle.labels}
    unknown = sorted(set(labels["label"]) - answers)
    most = min(MOST_UNKNOWN, len(labels) - 1)
    tell_unknown_labels(job, name, unknown, len(labels), "are unknown to every model", most)
    if job.dry_run:
        job.say(f"dry run: {len(models)} models would be evaluated on {job.counts['input']:,} tweets")
        return
    set_aside()
    taxonomy = DIALECTS.restricted_to(sorted(answers.union(labels["label"])))
    predictors = [Predictor(bundle, job.settings.score) for bundle in models]
    judged = {bundle.model: _judged(job, bundle, truth).cache() for bundle in models}
    try:
        reports = [_evaluated(job, each, judged[each.bundle.model], taxonomy) for each in predictors]
        differences = _differences(job, judged, taxonomy)
    finally:
        for rows in judged.values():
            rows.unpersist()
    _keep_metrics(job, reports, name)
    page = Report(
        title="Arabic dialect classification",
        made_at=datetime.datetime.now(datetime.UTC),
        split=name,
        taxonomy=taxonomy,
        models=reports,
        stages=stage_runs(job.lake),
        labels=labels,
        differences=differences,
        drawn=drawn_texts(truth, predictors, taxonomy, job.settings.seed),
        left_out=left_out(job.lake),
        corpora=corpora(job.lake, [bundle.model for bundle in models]),
    )
    job.lake.files.write_text(target, render(page))
    job.lake.files.write_text(
        data, json.dumps(figures(reports, differences), ensure_ascii=False, indent=2) + "\n"
    )
    job.outputs |= {"report": job.lake.files.qualified(target), "figures": job.lake.files.qualified(data)}


def _truth(job: Job, split: str, labelled: str | None) -> tuple[DataFrame, str, Callable[[], None]]:
    """The labelled rows to evaluate on, what they are called, and what sets a file's bad records aside.

    Columns: id, text, clean, profile_hash, label, words (Arabic ones; of a file those of the text as it is).
    """
    if labelled:
        rows, set_aside = checked_archive(job, Source(labelled))
        rows = rows.where("dialect IS NOT NULL")
        tell_contradicting(job, rows)
        rows = distinct(job, rows)
        none = F.lit(None).cast("string")
        text = F.coalesce("text", F.lit(""))
        rows = rows.withColumns({"text": text, "clean": none, "profile_hash": none, "n_words": _words(text)})
    else:
        job.lake.require(CLEAN_TWEETS, "run clean first, or give --labelled")
        rows, set_aside = labelled_tweets(job.lake.read(CLEAN_TWEETS)), lambda: None
        rows = rows.where(F.col("split") == split)
    columns = ("id", "text", "clean", "profile_hash", F.col("dialect").alias("label"))
    # In `metrics` a file that is called as a split is another thing.
    name = job.lake.files.qualified(labelled) if labelled in SPLITS else labelled
    return rows.select(*columns, F.col("n_words").alias("words")), name or split, set_aside


def _words(text: Column) -> Column:
    """How many words hold an Arabic letter, as in the column n_words; in one pass, however long a text is."""
    return F.size(F.filter(F.split(text, r"\s+"), lambda word: word.rlike(ARABIC_LETTER)))


def _judged(job: Job, bundle: Bundle, truth: DataFrame) -> DataFrame:
    """The truth with a model's predicted, confidence, region and plausible, and whether it is `correct`."""
    shared = shared_predictor(job.lake.spark, bundle, job.settings.score)
    predicted = ("confidence", "region", "plausible", F.col("dialect").alias("predicted"))
    correct = F.coalesce(F.col("label") == F.col("predicted"), F.lit(False))
    return with_predictions(truth, shared).select(*truth.columns, *predicted).withColumn("correct", correct)


def _evaluated(job: Job, predictor: Predictor, rows: DataFrame, taxonomy: Taxonomy) -> ModelReport:
    """One model's figures, from counts that Spark makes: no row but the errors shown reaches the driver."""
    bundle, seed = predictor.bundle, job.settings.seed
    pairs, steps = counts.pairs(rows), counts.confidence_steps(rows)
    return ModelReport(
        name=bundle.model,
        dialect=score(pairs, taxonomy.codes, seed=seed),
        region=score(
            to_regions(counts.pairs(rows, "region"), taxonomy.region_of), taxonomy.regions, seed=seed
        ),
        reliability=reliability(confidence_bins(steps)),
        errors=most_confident_errors(rows, predictor),
        history=bundle.history,
        risk=risk_coverage(steps, int(pairs["n"].sum())),
        lengths=by_length(counts.lengths(rows)),
        plausible=plausible(counts.plausible_sizes(rows)),
        card=_card(bundle),
    )


def _card(bundle: Bundle) -> dict[str, str]:
    parameters = sum(array.size for array in bundle.weights.values())
    tables = bundle.evidence
    evidence = len(tables.words) + len(tables.pairs) + len(tables.grams) if tables else 0
    return {
        "network": bundle.network.describe(),
        "parameters": f"{parameters:,}",
        "evidence": f"of {evidence:,} words, pairs and n-grams" if evidence else "none",
        "trained on": f"{bundle.metrics.get('train', {}).get('rows', 0):,} tweets",
        "cleaning profile": bundle.profile.name,
    }


def _differences(job: Job, judged: dict[str, DataFrame], taxonomy: Taxonomy) -> list[Difference]:
    """Every two models, compared on the rows that both were given."""
    return holm(
        [
            compare(counts.joint(one, other), first, second, taxonomy.codes, seed=job.settings.seed)
            for (first, one), (second, other) in combinations(judged.items(), 2)
        ]
    )


def _keep_metrics(job: Job, reports: Sequence[ModelReport], split: str) -> None:
    values = {report.name: metric_rows(report) for report in reports}
    records = [
        {
            "model": model,
            "split": split,
            "metric": metric,
            "dialect": dialect,
            "value": value,
            "run_id": job.run_id,
        }
        for model, known in values.items()
        for (metric, dialect), value in known.items()
    ]
    job.lake.merge(
        METRICS, as_rows(job.lake.spark, METRICS, records), update_if="NOT (old.value <=> new.value)"
    )
    # Of labels that the tweets, corrected since, no longer have.
    for model, known in values.items():
        own = (F.col("model") == model) & (F.col("split") == split)
        job.lake.forget(METRICS, own, ("metric", "dialect"), known.keys())
    job.wrote(METRICS)
