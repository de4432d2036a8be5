"""The pipeline's own account, from its tables: how long each stage took, and what was left out and why."""

import datetime

from pyspark.sql import functions as F

from adc.evaluation.report import LeftOut, StageRun
from adc.lake import Lake
from adc.tables import QUARANTINE, RAW_TWEETS, RUNS

FAILURES_SHOWN = 3
REASONS_SHOWN = 20


def stage_runs(lake: Lake) -> list[StageRun]:
    """Every stage that has finished a run, by the time of its newest one; with what failed."""
    done, failed = (F.col("status") == status for status in ("done", "failed"))
    newest = F.struct("run_id", "seconds", "counts", F.unix_micros("started_at").alias("at"))
    failure = F.when(failed, F.struct(F.col("started_at").alias("at"), F.col("error")))
    stages = (
        lake.read(RUNS)
        .groupBy("stage")
        .agg(
            F.max_by(F.when(done, newest), F.when(done, F.col("started_at"))).alias("run"),
            F.count_if(done).alias("runs"),
            F.sum(F.when(done, F.col("seconds"))).alias("all_seconds"),
            F.reverse(F.array_sort(F.collect_list(failure))).alias("failures"),
        )
        .where("run IS NOT NULL")
        .orderBy("run.at")
        .collect()
    )
    return [
        StageRun(
            row["stage"],
            row["run"]["run_id"],
            # As a number: collected timestamps come in the driver's own time zone.
            datetime.datetime.fromtimestamp(row["run"]["at"] / 1e6, datetime.UTC),
            row["run"]["seconds"],
            row["run"]["counts"] or {},
            row["runs"],
            row["all_seconds"],
            [each["error"] or "unknown" for each in row["failures"][:FAILURES_SHOWN]],
        )
        for row in stages
    ]


def left_out(lake: Lake) -> list[LeftOut]:
    """Ids without a text and quarantined rows by their reason, the most frequent first, stage by stage."""
    status = F.concat(F.lit("HTTP "), F.col("http_status").cast("string"))
    said = F.coalesce("error", status, F.lit("unknown"))
    lost = lake.read(RAW_TWEETS).where("status <> 'found'")
    refused = lake.read(QUARANTINE)
    counted = lost.groupBy(
        F.lit("scrape").alias("stage"),
        F.col("status").alias("outcome"),
        F.when(F.col("status") == "failed", said).otherwise("").alias("reason"),
    ).count()
    counted = counted.unionByName(
        refused.groupBy("stage", F.lit("quarantined").alias("outcome"), "reason").count()
    )
    rows = counted.orderBy(F.desc("count"), "stage", "reason").limit(REASONS_SHOWN).collect()
    order = ("scrape", "clean", "score")
    found = [LeftOut(row["stage"], row["outcome"], row["reason"], row["count"]) for row in rows]
    return sorted(found, key=lambda each: order.index(each.stage) if each.stage in order else len(order))
