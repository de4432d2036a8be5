"""An archive too large for one wave: staged in the lake by ranges of ids, then taken wave by wave.

So each wave is merged into a range of its own and leaves the rest of the table alone, and rows of one id are
in one wave.
"""

from collections.abc import Callable, Iterator
from itertools import accumulate, groupby

from pyspark.sql import DataFrame

from adc.job import Job


def staged_by_id(
    job: Job, rows: DataFrame, part_bytes: int, shape: Callable[[DataFrame], DataFrame] = lambda rows: rows
) -> str:
    """Writes the rows, in a `shape` that keeps ids where they are, as Parquet files that share no id.

    Returns where they are. `part_bytes` of what is shuffled make a file.
    """
    place, conf = f"{job.staging}/archive", job.lake.spark.conf
    shuffle = {
        "spark.sql.adaptive.advisoryPartitionSizeInBytes": str(part_bytes),
        "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
        "spark.sql.adaptive.coalescePartitions.initialPartitionNum": "1000",
    }
    before = {name: conf.get(name, None) for name in shuffle}
    try:
        for name, value in shuffle.items():
            conf.set(name, value)
        shape(rows.repartitionByRange("id")).write.parquet(place)
    finally:
        for name, old in before.items():
            if old is None:
                conf.unset(name)
            else:
                conf.set(name, old)
    return place


def ranges(job: Job, archive: str) -> Iterator[DataFrame]:
    """The files of a staged archive, a wave's at a time, in order of ids: a kill costs one wave."""
    sizes, most = job.lake.files.sizes(archive), job.lake.wave_bytes
    starts = accumulate(sizes.values(), initial=0)
    for _, wave in groupby(zip(sizes, starts, strict=False), lambda file: file[1] // most):
        yield job.lake.spark.read.parquet(*(f"{archive}/{name}" for name, _ in wave))
