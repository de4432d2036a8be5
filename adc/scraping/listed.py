"""What a list of ids is found to be: told and counted, what is wrong with it set aside, its labels taken."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from adc.errors import UsageError
from adc.job import Job
from adc.scraping.worklist import ROUNDED, ROUNDED_BY_CHANCE, WRITTEN_ROUNDED, WorkList
from adc.tables import QUARANTINE, RAW_TWEETS
from adc.together import changes_of_others

EXAMPLES = 3
# Ids are said to look rounded when so many times as many do as would by chance.
SUSPICIOUS = 3


def report(job: Job, path: str, work: WorkList) -> None:
    """Counts the input and shows what is wrong with it. Raises UsageError if none of its ids can be asked."""
    figures = work.checked.agg(
        F.coalesce(F.sum("occurrences"), F.lit(0)).alias("input"),
        F.coalesce(F.sum(F.when(F.col("id_num").isNull(), F.col("occurrences"))), F.lit(0)).alias("invalid"),
        F.coalesce(F.sum(F.when(F.col("id_num").isNotNull(), F.col("occurrences") - 1)), F.lit(0)).alias(
            "duplicate"
        ),
        F.count("id_num").alias("usable"),
        F.count(F.when(F.expr(ROUNDED), 1)).alias("rounded"),
        F.coalesce(F.sum(F.expr(ROUNDED_BY_CHANCE)), F.lit(0.0)).alias("by_chance"),
        F.count(F.when(F.expr(WRITTEN_ROUNDED), 1)).alias("written_rounded"),
    ).first()
    assert figures is not None
    if figures["input"] and not figures["usable"]:
        raise UsageError(_nothing_usable(path, work, figures["input"], figures["written_rounded"]))
    asked, conflicts = work.to_ask.count(), work.conflict.count()
    job.count(input=figures["input"], invalid=figures["invalid"], duplicate=figures["duplicate"])
    if conflicts:
        job.count(label_conflict=conflicts)
    job.count(already=figures["usable"] - asked, asked=asked, found=0, missing=0, failed=0, unasked=asked)
    refused = {
        reason: work.checked.where(F.col("reason") == reason) for reason in ("invalid_id", "two_labels")
    }
    for reason, rows in (refused | {"label_conflict": work.conflict}).items():
        if examples := _examples(rows):
            job.say(f"{reason}: for example {examples}; all go to quarantine")
    if number := figures["written_rounded"]:
        job.count(looks_rounded=number)
        job.say(
            f"{number:,} ids are numbers, as {_examples(work.checked.where(WRITTEN_ROUNDED))}: a spreadsheet "
            "or a float has rounded them, so that tweets share one. They are not asked; the right ones are "
            "in the file in which they are strings"
        )
    if figures["rounded"] > SUSPICIOUS * max(1.0, figures["by_chance"]):
        job.count(looks_rounded=figures["rounded"])
        job.say(
            f"{figures['rounded']:,} of {figures['usable']:,} ids look as if a float or a spreadsheet had "
            f"rounded them (by chance about {figures['by_chance']:,.0f} would), for example "
            f"{_examples(work.checked.where(ROUNDED))}. A rounded id is nobody's or another tweet's, whose "
            "label is then wrong. They are asked as they stand; the right ones are in the list as it was "
            "before it passed through numbers"
        )


def _nothing_usable(path: str, work: WorkList, rows: int, rounded: int) -> str:
    examples = _examples(work.checked.where(WRITTEN_ROUNDED) if rounded else work.checked)
    why = (
        "a spreadsheet or a float has rounded them; take the ids from the file in which they are strings"
        if rounded
        else "a tweet's id is a number of up to 19 digits; --set input.id=… names the column that holds it"
    )
    return f"--ids {path}: none of its {rows:,} rows has an id that can be asked, as {examples}: {why}"


def _examples(rows: DataFrame) -> str:
    ids = [row["id"] for row in rows.orderBy("id").take(EXAMPLES)]
    return ", ".join(map(repr, ids))


def keep_labels(job: Job, work: WorkList) -> None:
    """Quarantines what is wrong with the list, ends that of what it puts right, and takes new labels."""
    id_, unusable = F.col("id"), work.checked.where("reason IS NOT NULL")
    refused = job.refused(unusable, id_, F.col("reason"), F.struct("id", "labels", "occurrences"))
    conflicts = _refused_labels(job, work.conflict)
    # What is no id stays: nothing tells which id has come in its place.
    over_labels = (F.col("stage") == job.stage) & F.col("reason").isin("two_labels", "label_conflict")
    there = job.lake.read(QUARANTINE).where(over_labels).select("stage", "row_key")
    mended = there.join(work.agreed.select(id_.alias("row_key")), "row_key")
    staged = _set_aside(job)
    changes = refused.unionByName(conflicts).unionByName(mended, allowMissingColumns=True)
    changes.write.parquet(staged)
    job.lake.ensure(RAW_TWEETS)
    job.quarantine(job.lake.spark.read.parquet(staged))
    relabel = f"{job.staging}/relabel"
    work.relabel.write.parquet(relabel)
    job.lake.merge(
        RAW_TWEETS,
        job.lake.spark.read.parquet(relabel),
        update={"dialect": "new.dialect"},
        update_if="old.dialect IS NULL",
        insert=False,
        bounded_by="id_num",
    )


def refuse_late_conflicts(job: Job, work: WorkList, since: int) -> None:
    """Quarantines labels of the list that contradict those which others gave the ids after this version."""
    theirs = changes_of_others(job.lake, RAW_TWEETS, since)
    if theirs is None:
        return
    known = theirs.where("_change_type IN ('insert', 'update_postimage')").select(
        "id", F.col("dialect").alias("known_dialect")
    )
    late = known.distinct().join(work.usable.select("id", "dialect"), "id").where("dialect <> known_dialect")
    # What `keep_labels` has set aside was known before.
    before = job.lake.spark.read.parquet(_set_aside(job)).where("reason = 'label_conflict'")
    late = late.join(before.select(F.col("row_key").alias("id")), "id", "left_anti")
    staged = f"{job.staging}/late"
    late.select("id", "dialect", "known_dialect").write.parquet(staged)
    late = job.lake.spark.read.parquet(staged)
    if number := late.count():
        job.count(label_conflict=number)
        job.say(f"label_conflict: for example {_examples(late)}, which another run has labelled meanwhile")
        job.quarantine(_refused_labels(job, late))


def _refused_labels(job: Job, conflict: DataFrame) -> DataFrame:
    known = F.struct("id", "dialect", "known_dialect")
    return job.refused(conflict, F.col("id"), F.lit("label_conflict"), known)


def _set_aside(job: Job) -> str:
    """Where a run keeps what `keep_labels` quarantines."""
    return f"{job.staging}/refused"
