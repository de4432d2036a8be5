"""The data files of a Delta table, to which Delta's Python has no way."""

from collections.abc import Collection
from typing import Any

from pyspark.sql import DataFrame, SparkSession


def delta_files(spark: SparkSession, location: str) -> DataFrame:
    """The table's files as they are now: `path` within it, `size` in bytes, `modificationTime`, and more."""
    return DataFrame(_snapshot(spark, location)[1].allFiles().toDF(), spark)


def delta_rows(spark: SparkSession, location: str, paths: Collection[str]) -> DataFrame:
    """The rows in these of its files; those of a file that it no longer has are in newer ones."""
    log, snapshot = _snapshot(spark, location)
    jvm: Any = spark._jvm
    chosen, wanted = jvm.java.util.ArrayList(), set(paths)
    for file in snapshot.allFiles().collectAsList():
        if file.path() in wanted:
            chosen.add(file)
    files = jvm.org.apache.spark.api.python.PythonUtils.toSeq(chosen)
    return DataFrame(log.createDataFrame(snapshot, files, False, jvm.scala.Option.empty()), spark)


def _snapshot(spark: SparkSession, location: str) -> tuple[Any, Any]:
    jvm: Any = spark._jvm
    nothing = jvm.scala.Option.empty()
    log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, location)
    return log, log.update(False, nothing, nothing)
