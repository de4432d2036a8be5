"""From clean_tweets to training shards: labelled, each text once, encoded, as Parquet that needs no JVM."""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from adc.errors import UsageError
from adc.model.encoder import Encoder

SHARD_DDL = "tokens ARRAY<INT>, label INT, weight FLOAT, split STRING"
SHARD = pa.schema(
    [
        ("tokens", pa.list_(pa.int32())),
        ("label", pa.int32()),
        ("weight", pa.float32()),
        ("split", pa.string()),
    ]
)


def vocabulary(examples: DataFrame, most: int, min_count: int) -> tuple[str, ...]:
    """The words of the training split that occur in `min_count` texts or more, the commonest first."""
    words = examples.where("split = 'train'").select(
        F.explode(F.array_distinct(F.split("clean", " "))).alias("word")
    )
    counted = words.groupBy("word").count().where(F.col("count") >= min_count)
    # Row by row to the driver: these are the words that every task will hold, at most `most`.
    return tuple(row["word"] for row in counted.orderBy(F.desc("count"), "word").limit(most).collect())


def class_counts(examples: DataFrame, path: str) -> dict[str, int]:
    """Training tweets by label; raises UsageError where there is nothing to learn from."""
    rows = examples.where("split = 'train'").groupBy("dialect").count().collect()
    counts = {row["dialect"]: row["count"] for row in rows}
    if not counts:
        raise UsageError(f"{path} has no labelled tweets in the split train: nothing to train on")
    if len(counts) == 1:
        raise UsageError(f"{path} has one dialect only, {next(iter(counts))}: a classifier needs two or more")
    return counts


def write_shards(
    examples: DataFrame, encoder: Encoder, labels: Sequence[str], path: str, shards: int
) -> None:
    """Encodes once, on Spark; the same rows give the same shards, in the same order."""
    number_of = {label: number for number, label in enumerate(labels)}

    def encode(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield pa.RecordBatch.from_arrays(
                [
                    pa.array(
                        encoder.encode_all(batch.column("clean").to_pylist()), SHARD.field("tokens").type
                    ),
                    pa.array([number_of[label] for label in batch.column("dialect").to_pylist()], pa.int32()),
                    batch.column("weight").cast(pa.float32()),
                    batch.column("split"),
                ],
                schema=SHARD,
            )

    known = examples.where(F.col("dialect").isin(list(labels)))
    placed = known.repartition(shards, "id").sortWithinPartitions("id")
    placed.mapInArrow(encode, SHARD_DDL).write.parquet(path)
