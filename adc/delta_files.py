"""What Delta's Python has no way to, or only by a query: a table's state, and its data files."""

from collections.abc import Collection
from typing import Any, cast

from pyspark.sql import DataFrame, SparkSession


def delta_files(spark: SparkSession, location: str) -> DataFrame:
    """The table's files as they are now: `path` within it, `size` in bytes, `modificationTime`, and more."""
    return DataFrame(delta_snapshot(spark, location).allFiles().toDF(), spark)


def delta_rows(spark: SparkSession, location: str, paths: Collection[str]) -> DataFrame:
    """The rows in these of its files; those of a file that it no longer has are in newer ones."""
    snapshot = delta_snapshot(spark, location)
    log, jvm = snapshot.deltaLog(), cast(Any, spark._jvm)
    chosen, wanted = jvm.java.util.ArrayList(), set(paths)
    for file in snapshot.allFiles().collectAsList():
        if file.path() in wanted:
            chosen.add(file)
    files = jvm.org.apache.spark.api.python.PythonUtils.toSeq(chosen)
    return DataFrame(log.createDataFrame(snapshot, files, False, jvm.scala.Option.empty()), spark)


def delta_snapshot(spark: SparkSession, location: str) -> Any:
    """Delta's own object (Scala's `Snapshot`) for the table's newest version; of none, that is -1."""
    jvm: Any = spark._jvm
    nothing = jvm.scala.Option.empty()
    log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, location)
    return log.update(False, nothing, nothing)
