"""The share of each dialect in a corpus, corrected for what the classifier confuses, with intervals.

Counting first guesses is biased towards what a model likes to say. How often each dialect is taken for each
other is known from the validation split; the shares under which the counted guesses are likeliest follow by
expectation maximisation (Saerens et al. 2002, here of hard guesses). That holds where a dialect's tweets in
the corpus are like its tweets in the validation split, however many there are of each.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from adc.errors import UsageError
from adc.job import Job
from adc.lake import as_rows
from adc.model.bundle import Bundle
from adc.tables import ALL, PREDICTIONS, SHARES, TIMES
from adc.together import together

DRAWS = 200
STEPS = 300
# Of fewer tweets a bootstrap claims more than it knows: what was not drawn seems not to be there.
LEAST_TWEETS = 100
# Of more values of a column, as of hashtags, the others have too few tweets to say anything.
MOST_GROUPS = 1000
# Columns in which nearly every tweet has a value of its own.
NEARLY_UNIQUE = ("id", "created_at", "scored_at", "confidence", "region_confidence", "plausible", "top_k")


def corrected_shares(counts: np.ndarray, confusion: np.ndarray) -> np.ndarray:
    """Shares (…, C) from counts of first guesses (…, C) and P(guess | dialect), (…, C, C), rows of sum 1."""
    total = counts.sum(axis=-1, keepdims=True)
    guessed = counts / np.maximum(total, 1)
    shares = np.full(np.broadcast_shapes(counts.shape, confusion.shape[:-1]), 1 / counts.shape[-1])
    for _ in range(STEPS):
        expected = np.einsum("...i,...ij->...j", shares, confusion)
        ratio = guessed / np.maximum(expected, 1e-12)
        shares = shares * np.einsum("...ij,...j->...i", confusion, ratio)
    return shares


def share_intervals(
    counts: np.ndarray, validation: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares, and the ends of their 95 % intervals, each (C,), from counts of first guesses (C,).

    validation: rows of the validation split by dialect and first guess, (C, C). The intervals are of a
    bootstrap over both the corpus and the validation split; of fewer than LEAST_TWEETS tweets, and of a
    dialect that the validation split has none of, 0 to 1.
    """
    draw = np.random.default_rng(seed)
    # Half a row more of every dialect: what was never seen is not impossible.
    seen = validation + 0.5 / validation.shape[1]
    # A dialect without rows is taken to be known as often as the others are.
    rows, known = validation.sum(axis=1), np.trace(validation) / max(validation.sum(), 1)
    others = (1 - known) / max(len(rows) - 1, 1)
    seen[rows == 0] = 0.5 * np.where(np.eye(len(rows)), known, others)[rows == 0]
    shares = corrected_shares(counts, seen / seen.sum(axis=1, keepdims=True))
    total = int(counts.sum())
    if total < LEAST_TWEETS:
        return shares, np.zeros_like(shares), np.ones_like(shares)
    drawn = draw.multinomial(total, counts / max(total, 1), size=DRAWS)
    confusion = np.stack([draw.dirichlet(row, size=DRAWS) for row in seen], axis=1)  # (DRAWS, C, C)
    low, high = np.percentile(corrected_shares(drawn, confusion), [2.5, 97.5], axis=0)
    # Shares of dialects that are not there are at least 0, at the cost of those that are: the estimate is too
    # low for these, and so are the draws around it. The basic bootstrap errs to the other side; both together
    # come nearer to 95 % (docs/stages.md).
    low, high = np.minimum(low, 2 * shares - high).clip(0), np.maximum(high, 2 * shares - low).clip(max=1)
    # Expectation maximisation comes ever nearer to 0: less than one tweet is none.
    low = np.where(low * total < 1, 0.0, low)
    # Of what no tweet seems to be a bootstrap draws none. Of a share up to this so many tweets may hold
    # none by chance, even where nothing is confused (Clopper and Pearson 1934).
    high = np.maximum(high, 1 - 0.025 ** (1 / total))
    low, high = np.where(rows == 0, 0.0, low), np.where(rows == 0, 1.0, high)
    # The estimate is always within its own interval, also where a bootstrap at the border is not around it.
    return shares, np.minimum(low, shares), np.maximum(high, shares)


def grouping(name: str, columns: list[str]) -> Column:
    """What a name in `score.shares` groups by, as a string; raises UsageError for what is no column."""
    if name == ALL:
        return F.lit("")
    if name in TIMES:
        return F.date_format(F.date_trunc(name, "created_at"), "yyyy-MM-dd")
    if name.lower() in NEARLY_UNIQUE:
        raise UsageError(f"score.shares: {name} groups nothing, nearly every tweet has one of its own")
    # In whatever case, as Spark finds it: the table may have had the column from another archive.
    if name.lower() in map(str.lower, columns):
        return F.col(name).cast("string")
    known = ", ".join(columns)
    raise UsageError(
        f"score.shares: {name} is neither {', '.join((ALL, *TIMES))} nor a column of predictions ({known})"
    )


def guesses(predictions: DataFrame, name: str) -> DataFrame:
    """value, dialect, n: judged rows by group and first guess, also where the model abstained.

    A row whose value is a list is in the group of each of its members.
    """
    judged = predictions.where("size(top_k) > 0")
    value = grouping(name, predictions.columns)
    # A list, as of hashtags, was kept as JSON.
    listed = F.array_distinct(F.from_json(value, "ARRAY<STRING>"))
    values = F.when(value.startswith("["), F.coalesce(listed, F.array(value))).otherwise(F.array(value))
    each = judged.select(
        F.explode_outer(values).alias("value"), F.col("top_k")[0]["dialect"].alias("dialect")
    )
    return each.groupBy(F.coalesce("value", F.lit("unknown")).alias("value"), "dialect").agg(
        F.count("*").alias("n")
    )


def write_shares(job: Job, bundle: Bundle) -> None:
    """Counts all that this model has scored, group by group as score.shares says, into `shares`."""
    validation = np.array(bundle.metrics.get("val", {}).get("confusion", ()), float)
    if not len(validation):
        job.say(f"no shares: {bundle.model} had no validation split, so what it confuses is not known")
        return
    if unseen := [label for label, row in zip(bundle.labels, validation, strict=True) if not row.sum()]:
        job.say(f"shares: the model's validation split has no {', '.join(unseen)}, of which little is told")
    # Of two scores at once the one that counted first may write last.
    own = job.lake.spark.createDataFrame([(bundle.model,)], ["model"])
    for line in together(job.lake, [(SHARES, own)], lambda: write_counted(job, bundle, validation)):
        job.say(line)
    job.wrote(SHARES)


def write_counted(job: Job, bundle: Bundle, validation: np.ndarray) -> list[str]:
    """Counts `predictions` as they are now, and writes what follows for `shares`; what to say of it."""
    scored = job.lake.read(PREDICTIONS).where(F.col("model") == bundle.model)
    rows: list[dict[str, Any]] = []
    lines: list[str] = []
    for name in job.settings.score.shares:
        counts, values = counted(scored, name)
        if values > counts["value"].nunique():
            lines.append(f"shares by {name}: of {values:,} values the {MOST_GROUPS:,} commonest are told")
        for value, part in counts.groupby("value", sort=True):
            by_dialect = part.set_index("dialect")["n"].reindex(list(bundle.labels), fill_value=0)
            group = share_rows(bundle.labels, by_dialect.to_numpy(float), validation, job.settings.seed)
            rows += [{"model": bundle.model, "grouping": name, "value": str(value)} | row for row in group]
            if name == ALL:
                lines.append(told(group))
    job.lake.merge(SHARES, as_rows(job.lake.spark, SHARES, rows))
    # Groups of the groupings just counted that no tweet is in any more.
    there = {(row["grouping"], row["value"]) for row in rows}
    own = (F.col("model") == bundle.model) & F.col("grouping").isin(list(job.settings.score.shares))
    job.lake.forget(SHARES, own, ("grouping", "value"), there)
    return lines


def counted(scored: DataFrame, name: str) -> tuple[pd.DataFrame, int]:
    """`guesses` of the commonest values, and how many values there are.

    Only these reach the driver: of hashtags there may be as many as tweets.
    """
    counts = guesses(scored, name)
    if name in (ALL, *TIMES):
        few = counts.toPandas()
        return few, few["value"].nunique()
    counts.cache()
    try:
        sizes = counts.groupBy("value").agg(F.sum("n").alias("n"))
        commonest = sizes.orderBy(F.desc("n"), "value").limit(MOST_GROUPS).select("value")
        return counts.join(F.broadcast(commonest), "value", "left_semi").toPandas(), sizes.count()
    finally:
        counts.unpersist()


def share_rows(
    labels: Sequence[str], counts: np.ndarray, validation: np.ndarray, seed: int
) -> list[dict[str, Any]]:
    """A row a dialect of what `shares` says of one group."""
    total = int(counts.sum())
    columns = zip(labels, counts / total, *share_intervals(counts, validation, seed), strict=True)
    return [
        {"dialect": dialect, "tweets": total}
        | {"guessed": float(guessed), "share": float(share), "low": float(low), "high": float(high)}
        for dialect, guessed, share, low, high in columns
    ]


def told(rows: Sequence[Mapping[str, Any]]) -> str:
    """The largest shares of a group in a line."""
    largest = sorted(rows, key=lambda row: -row["share"])[:3]
    parts = [
        f"{row['dialect']} {100 * row['share']:.1f} % ({100 * row['low']:.1f} to {100 * row['high']:.1f})"
        for row in largest
    ]
    return f"dialects of {rows[0]['tweets']:,} tweets: {', '.join(parts)}, …"
