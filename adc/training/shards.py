"""From clean_tweets to training shards: labelled, each text once, encoded, as Parquet that needs no JVM."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from adc.errors import UsageError
from adc.training.corpus import Corpus
from adc.training.cross_fit import Task
from adc.training.encoding import SHARD, Encoding


def vocabulary(examples: DataFrame, most: int, min_count: int) -> tuple[str, ...]:
    """The words of the training split that occur in `min_count` texts or more, the commonest first."""
    words = examples.where("split = 'train'").select(
        F.explode(F.array_distinct(F.split("clean", " "))).alias("word")
    )
    counted = words.groupBy("word").count().where(F.col("count") >= min_count)
    # Row by row to the driver: these are the words that every task will hold, at most `most`.
    return tuple(row["word"] for row in counted.orderBy(F.desc("count"), "word").limit(most).collect())


def tweet_counts(examples: DataFrame) -> dict[tuple[str, str], int]:
    """Tweets by split and label."""
    rows = examples.groupBy("split", "dialect").count().collect()
    return {(row["split"], row["dialect"]): row["count"] for row in rows}


def class_counts(tweets: Mapping[tuple[str, str], int], path: str) -> dict[str, int]:
    """Training tweets by label, of `tweet_counts`; raises UsageError where nothing can be learnt."""
    counts = {dialect: count for (split, dialect), count in tweets.items() if split == "train"}
    if not counts:
        raise UsageError(f"{path} has no labelled tweets in the split train: nothing to train on")
    if len(counts) == 1:
        raise UsageError(f"{path} has one dialect only, {next(iter(counts))}: a classifier needs two or more")
    return counts


def collected_corpus(
    examples: DataFrame, labels: Sequence[str], most: int, plain_share: float
) -> tuple[Corpus, list[str]]:
    """What the linear models are fitted on, brought to the driver, and its rows' text_hash.

    At most `most` rows of the training split, those of the lowest hashes: any, but always the same.
    """
    columns = ("clean", "dialect", "weight", "text_hash", "author")
    rows = examples.where("split = 'train'").select(*columns).orderBy("text_hash").limit(most).toPandas()
    return Corpus.of(rows, labels, plain_share), rows["text_hash"].tolist()


def side_by_side(spark: SparkSession) -> Callable[[Callable[[Task], Any], Sequence[Task]], list[Any]]:
    """A `map` that runs each call as a Spark task of its own."""

    def run(function: Callable[[Task], Any], tasks: Sequence[Task]) -> list[Any]:
        context = spark.sparkContext
        # The function holds the training texts: once to every executor.
        shared = context.broadcast(function)
        return context.parallelize(tasks, len(tasks)).map(lambda task: shared.value(task)).collect()

    return run


def with_teacher(examples: DataFrame, keys: Sequence[str], teacher: np.ndarray | None) -> DataFrame:
    """Adds `teacher`, the log-probabilities (N, C) of the rows with these text_hash, NULL for all others."""
    if teacher is None:
        return examples.withColumn("teacher", F.lit(None).cast("array<float>"))
    taught = pd.DataFrame({"text_hash": keys, "teacher": list(teacher)})
    rows = examples.sparkSession.createDataFrame(taught, "text_hash STRING, teacher ARRAY<FLOAT>")
    return examples.join(rows, "text_hash", "left")


def write_shards(examples: DataFrame, encoding: Encoding, path: str, shards: int) -> None:
    """Encodes once, on Spark; the same rows give the same shards, in the same order."""
    shared = examples.sparkSession.sparkContext.broadcast(encoding)

    def encode(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield shared.value.rows(batch)

    known = examples.where(F.col("dialect").isin(list(encoding.labels)))
    placed = known.repartition(shards, "id").sortWithinPartitions("id")
    placed.mapInArrow(encode, from_arrow_schema(SHARD)).write.parquet(path)
