"""What Delta's Python has no way to, or only by a query: a table's state, and its data files."""

from collections.abc import Collection
from typing import Any, cast

from delta import DeltaTable
from pyspark.sql import DataFrame, SparkSession


def delta_files(spark: SparkSession, snapshot: Any) -> DataFrame:
    """A table's files at that state: `path` within it, `size` in bytes, `modificationTime`, and more."""
    return DataFrame(snapshot.allFiles().toDF(), spark)


def delta_rows(spark: SparkSession, location: str, paths: Collection[str]) -> DataFrame:
    """The rows in these of its files; those of a file that it no longer has are in newer ones."""
    snapshot, jvm = snapshot_at(spark, location), cast(Any, spark._jvm)
    log, nothing = snapshot.deltaLog(), jvm.scala.Option.empty()
    chosen, wanted = jvm.java.util.ArrayList(), set(paths)
    for file in snapshot.allFiles().collectAsList():
        if file.path() in wanted:
            chosen.add(file)
    files = jvm.org.apache.spark.api.python.PythonUtils.toSeq(chosen)
    return DataFrame(log.createDataFrame(snapshot, files, False, nothing), spark)


def snapshot_at(spark: SparkSession, location: str) -> Any:
    """The newest state of the table there, as Scala's `Snapshot`; its version is -1 where there is none."""
    jvm: Any = spark._jvm
    return _newest(spark, jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, location))


def snapshot_of(spark: SparkSession, table: DeltaTable) -> Any:
    """The newest state of a table. What `detail` and `history` say of it takes them a query each."""
    return _newest(spark, cast(Any, table)._jdt.deltaLog())


def _newest(spark: SparkSession, log: Any) -> Any:
    nothing = cast(Any, spark._jvm).scala.Option.empty()
    # A catalog that manages its tables' commits is asked for the newest one.
    return log.update(False, nothing, log.initialCatalogTable())
