"""An archive too large for one wave: staged in the lake by ranges of ids, then taken wave by wave.

So each wave is merged into a range of its own and leaves the rest of the table alone, and rows of one id are
in one wave.
"""

from collections.abc import Callable, Iterator
from itertools import accumulate, groupby

from pyspark.sql import Column, DataFrame

from adc.job import Job
from adc.waves import Waves


def run_by_ranges(
    waves: Waves, rows: DataFrame, part_bytes: int, size: Column, shape: Callable[[DataFrame], DataFrame]
) -> None:
    """Runs the waves over rows with an `id`, in order of ids.

    Of what is shuffled `part_bytes` make a file; `shape` is done to the rows of a file by themselves, and
    `size` is the aggregate that tells how many rows all of it is.
    """
    job = waves.job
    archive, spark = f"{job.staging}/archive", job.lake.spark
    shuffle = {
        "spark.sql.adaptive.advisoryPartitionSizeInBytes": str(part_bytes),
        "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
        "spark.sql.adaptive.coalescePartitions.initialPartitionNum": "1000",
    }
    before = {name: spark.conf.get(name, None) for name in shuffle}
    try:
        for name, value in shuffle.items():
            spark.conf.set(name, value)
        # Files of one range would not be in order.
        writer = shape(rows.repartitionByRange("id")).write.option("maxRecordsPerFile", 0)
        with waves.progress():
            writer.parquet(archive)
    finally:
        for name, old in before.items():
            if old is None:
                spark.conf.unset(name)
            else:
                spark.conf.set(name, old)
    (whole,) = spark.read.parquet(archive).agg(size).collect()
    waves.total = whole[0]
    waves.run(_parts(job, archive))


def _parts(job: Job, archive: str) -> Iterator[DataFrame]:
    """The files of a staged archive, a wave's at a time: what a kill costs is bounded, not the archive."""
    sizes, most = job.lake.files.sizes(archive), job.lake.wave_bytes
    starts = accumulate(sizes.values(), initial=0)
    for _, wave in groupby(zip(sizes, starts, strict=False), lambda file: file[1] // most):
        yield job.lake.spark.read.parquet(*(f"{archive}/{name}" for name, _ in wave))
