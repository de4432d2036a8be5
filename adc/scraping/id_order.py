"""The ids to ask in their order: each with its place, cut into waves, and waves into the parts of tasks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

# Ids of the first wave, in batches a request under way: unless a limit holds them up, they are soon done.
FIRST_WAVE_BATCHES = 4


def first_wave(batch_size: int, in_flight: int, rate_limit: float, seconds: float) -> int:
    """How many ids the first wave has: no more than so many requests a second (0: any) do in its time."""
    batches = FIRST_WAVE_BATCHES * in_flight
    if rate_limit:
        batches = max(1, min(batches, int(seconds * rate_limit)))
    return batches * batch_size


def placed(to_ask: DataFrame, staging: str) -> DataFrame:
    """The ids with their `place` in the order of ids, from 0 without gaps, staged under the given folder."""
    spark = to_ask.sparkSession
    position = F.monotonically_increasing_id()  # the partition's number above 33 bits of the row's within it
    to_ask.orderBy("id_num").withColumn("position", position).write.parquet(f"{staging}/ordered")
    ordered = spark.read.parquet(f"{staging}/ordered")
    partition = F.shiftright("position", 33)
    sizes = ordered.groupBy(partition.alias("partition")).count().orderBy("partition").collect()
    starts, start = [], 0
    for row in sizes:
        starts.append((row["partition"], start))
        start += row["count"]
    offsets = spark.createDataFrame(starts, "partition BIGINT, start BIGINT")
    place = F.col("start") + F.col("position").bitwiseAND(2**33 - 1)
    with_start = ordered.join(F.broadcast(offsets), partition == F.col("partition"))
    with_start.select(place.alias("place"), "id", "id_num", "dialect").write.parquet(f"{staging}/work")
    return spark.read.parquet(f"{staging}/work")


@dataclass
class WavesInIdOrder:
    """Cuts the places of `total` ids into waves that should take `seconds` each, at so many ids a second.

    The first has `first` ids, and no other fewer unless the API is `limited`: makes all requests wait, for
    longer than a wave should take. All are whole batches. Waves are ranges of ids, so that a MERGE can be
    told which part of the table it may touch. `given` is how many ids have been handed out.
    """

    total: int
    first: int
    batch_size: int
    seconds: float
    rate: Callable[[], float]
    limited: Callable[[], bool]
    given: int = 0

    def __iter__(self) -> Iterator[range]:
        size = self.first
        while self.given < self.total:
            start, self.given = self.given, min(self.given + size, self.total)
            yield range(start, self.given)
            # At most fourfold at a time: the first waves also pay for Spark's start. A smaller wave than the
            # first would hardly cost less, and after an outage would keep the rate low.
            least = self.batch_size if self.limited() else self.first
            size = max(least, int(min(4 * size, self.seconds * self.rate())))
            size -= size % self.batch_size


def parted(todo: DataFrame, places: range, parts: int, batch_size: int) -> DataFrame:
    """The placed ids of a wave in about so many partitions of whole batches, in their order.

    Every request so asks for as many ids as it may. The first partition is half as long as the others, so
    that two tasks do not end at once.
    """
    each = batch_size * -(-len(places) // (batch_size * parts))
    half = each // (2 * batch_size) * batch_size
    part = F.floor((F.col("place") - places.start + half) / each).cast("int")
    ids = todo.where((F.col("place") >= places.start) & (F.col("place") < places.stop))
    number = 1 + (len(places) - 1 + half) // each
    return ids.repartitionById(number, part).sortWithinPartitions("place")
