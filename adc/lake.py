"""The one place that reads and writes the tables: by path or by name, safe against concurrent writers."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from delta import DeltaTable
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from adc.conflicts import COMPACT_ATTEMPTS, CONFLICTS, CREATE_ATTEMPTS, MADE_MEANWHILE, retry_conflicts
from adc.delta_files import delta_files, snapshot_of
from adc.errors import UsageError
from adc.files import Files, local_path
from adc.settings import LakeSettings
from adc.tables import Table

# Where a table's versions are, in its folder.
LOG = "_delta_log"
# Files below this size count as small (Delta's own OPTIMIZE aims at 1 GiB).
SMALL_FILE_BYTES = 32 * 1024 * 1024

# Compressed bytes that a wave takes for each task slot: about a million tweets, cleaned in half a minute or
# scored in two.
WAVE_BYTES = 128 << 20


class Lake:
    """The tables of one lake, by path under its root or by catalog name. All writes go through here."""

    def __init__(self, spark: SparkSession, settings: LakeSettings) -> None:
        self.spark = spark
        self.files = Files(spark)
        self.root = self.files.qualified(settings.root)
        if odd := set(self.root) & set("[]{}*?\\`"):
            raise UsageError(f"lake.root: Spark cannot take {' '.join(sorted(odd))} in {self.root} as it is")
        self._catalog = _for_sql(settings.catalog) if settings.catalog else None
        if self._catalog and not self._has_schema(self._catalog):
            raise UsageError(f"lake.catalog: Spark knows no schema {settings.catalog}")
        self._small_files = settings.small_files
        # What a table's history says of each version that is merged from here.
        self.writer = ""

    def _has_schema(self, name: str) -> bool:
        try:
            return self.spark.catalog.databaseExists(name)
        except AnalysisException as error:  # no such catalog, or no name
            raise UsageError(f"lake.catalog={name}: {str(error).strip().splitlines()[0]}") from None

    def require_metastore(self) -> None:
        """Raises UsageError where the tables have names that Spark forgets with the session."""
        if not self._catalog or self.spark.conf.get("spark.sql.catalogImplementation") != "in-memory":
            return
        # Only Spark's own catalog is kept so.
        if self.spark.catalog.getDatabase(self._catalog).catalog == "spark_catalog":
            raise UsageError(
                f"lake.catalog={self._catalog}: this Spark has no metastore and would forget the tables with "
                "the run; give it one (spark.sql.catalogImplementation=hive), or leave lake.catalog unset"
            )

    def require_writable(self) -> None:
        """Raises UsageError where the lake is a folder of this machine that cannot be written.

        Of HDFS or an object store only writing tells.
        """
        folder = local_path(self.root)
        if folder is None:
            return
        # What is in a folder that may not be looked into counts as not there.
        place = next(path for path in (Path(folder), *Path(folder).parents) if os.access(path, os.F_OK))
        if not place.is_dir():
            raise UsageError(f"lake.root={folder}: {place} is not a folder")
        if not os.access(place, os.W_OK | os.X_OK):
            raise UsageError(f"lake.root={folder}: {place} cannot be written")

    def path(self, *parts: str) -> str:
        """The URI of something under the lake's root."""
        return "/".join((self.root.rstrip("/"), *parts))

    def where(self, table: Table) -> str:
        """How a person reaches the table: its path or its full name."""
        return f"{self._catalog}.{table.name}" if self._catalog else self.path(table.name)

    def _sql_name(self, table: Table) -> str:
        return self.where(table) if self._catalog else f"delta.`{self.path(table.name)}`"

    def exists(self, table: Table) -> bool:
        """Whether the table has been made."""
        if self._catalog:
            return self.spark.catalog.tableExists(self.where(table))
        folder = self.path(table.name)
        # Another job, which makes it, makes the folder of its log before the first version in it.
        made = DeltaTable.isDeltaTable(self.spark, folder)
        return bool(made) and self.files.has(f"{folder}/{LOG}", r"\d.*")

    def require(self, table: Table, remedy: str) -> None:
        """Raises UsageError, with what to do, if the table has not been made."""
        if not self.exists(table):
            raise UsageError(f"there is no table {self.where(table)} yet: {remedy}")

    def ensure(self, table: Table) -> None:
        """Makes the table, with its constraints, clustering and change feed, if it is not there.

        Columns that users keep are added to a table that is there.
        """
        if self.exists(table):
            if table.kept:
                retry_conflicts(lambda: self._add_columns(table), CREATE_ATTEMPTS, MADE_MEANWHILE)
            return
        properties = {"delta.enableChangeDataFeed": "true"} | {
            f"delta.constraints.{name}": check for name, check in table.checks.items()
        }
        listed = ", ".join(f'"{key}" = "{value}"' for key, value in properties.items())
        clustering = f"CLUSTER BY ({', '.join(table.cluster_by)})" if table.cluster_by else ""
        statement = (
            f"CREATE TABLE IF NOT EXISTS {self._sql_name(table)} ({table.ddl}) "
            f"USING DELTA {clustering} TBLPROPERTIES ({listed})"
        )

        def make() -> None:
            self.spark.sql(statement)
            # Which does nothing, too, where another job has only begun to make it. Then this fails.
            self.handle(table)

        try:
            retry_conflicts(make, CREATE_ATTEMPTS, MADE_MEANWHILE)
        except AnalysisException:
            if not self._is_half_made(table):
                raise
            # For so long nobody makes it: who began was killed.
            self.files.delete_hollow(self.path(table.name))
            retry_conflicts(make, CREATE_ATTEMPTS, MADE_MEANWHILE)

    def _is_half_made(self, table: Table) -> bool:
        """Whether all there is of a table is its log's folder, without a version."""
        folder = self.path(table.name)
        return (
            not self._catalog
            and self.files.exists(folder)
            and self.files.names(folder) == [LOG]
            and not self.exists(table)
        )

    def _add_columns(self, table: Table) -> None:
        there = {name.lower() for name in self.handle(table).toDF().columns}
        lacking = [f"`{name}` STRING" for name in table.kept if name.lower() not in there]
        if lacking:
            self.spark.sql(f"ALTER TABLE {self._sql_name(table)} ADD COLUMNS ({', '.join(lacking)})")

    def handle(self, table: Table) -> DeltaTable:
        """Delta's own handle of a table that exists."""
        if self._catalog:
            return DeltaTable.forName(self.spark, self.where(table))
        return DeltaTable.forPath(self.spark, self.path(table.name))

    def read(self, table: Table) -> DataFrame:
        """The table as it is now; with no rows if it has not been made."""
        if not self.exists(table):
            # The condition keeps Spark from starting Python workers to read nothing, or sorting for it.
            return self.spark.createDataFrame([], table.ddl).where("false")
        return self.handle(table).toDF()

    @property
    def wave_bytes(self) -> int:
        """Bytes of a wave, for as many task slots as there are."""
        return WAVE_BYTES * self.spark.sparkContext.defaultParallelism

    def changes(self, table: Table) -> DataFrame:
        """A stream of the table's change feed: every row there is, then every change, in bounded waves."""
        reader = (
            self.spark.readStream.format("delta")
            .option("readChangeFeed", "true")
            .option("maxBytesPerTrigger", f"{self.wave_bytes}b")
        )
        return reader.table(self.where(table)) if self._catalog else reader.load(self.path(table.name))

    def changes_since(self, table: Table, version: int) -> DataFrame:
        """The change feed of this version of the table and of all after it, as it is now."""
        reader = (
            self.spark.read.format("delta")
            .option("readChangeFeed", "true")
            .option("startingVersion", version)
        )
        return reader.table(self.where(table)) if self._catalog else reader.load(self.path(table.name))

    def between(self, source: Table, target: Table) -> str:
        """The folder for how far streams between two tables are.

        Named after the tables' own ids: a table that was deleted and made again starts a full pass.
        """
        tables = f"{self.identity(source)[:8]}-{self.identity(target)[:8]}"
        return self.path("_checkpoints", target.name, tables)

    def identity(self, table: Table) -> str:
        """Delta's id of the table: another one once it has been deleted and made again."""
        return str(self._snapshot(table).metadata().id())

    def version(self, table: Table) -> int:
        """The table's newest version number."""
        return int(self._snapshot(table).version())

    def _snapshot(self, table: Table) -> Any:
        return snapshot_of(self.spark, self.handle(table))

    def append(self, table: Table, rows: DataFrame) -> None:
        """Adds rows that cannot be there yet."""
        self.ensure(table)
        columns = rows.select(*table.columns)
        if self._catalog:
            retry_conflicts(lambda: columns.writeTo(self.where(table)).append())
        else:
            retry_conflicts(lambda: columns.write.format("delta").mode("append").save(self.path(table.name)))

    def merge(
        self,
        table: Table,
        rows: DataFrame,
        *,
        update: Mapping[str, str] | None = None,
        update_if: str | None = None,
        delete_if: str | None = None,
        insert_if: str | None = None,
        insert: bool = True,
        bounded_by: str | None = None,
    ) -> None:
        """MERGEs rows by the table's key; conditions and values may name `old` and `new` rows.

        `rows` must be cheap and repeatable to read (Delta may read them twice) and hold a key once.
        Without `update` every column of `rows` is set; without `update_if`, where that changes one.
        `bounded_by` names a key-like column whose range in `rows` bounds the part of the table that is
        read: over 20 million rows that is 10 s against 75 to 98 s.
        """
        self.ensure(table)
        columns = [name for name in rows.columns if name in table.columns]
        values = update or {name: f"new.`{name}`" for name in columns}
        changed = " OR ".join(
            f"NOT (old.`{n}` <=> {value})" for n, value in values.items() if n not in table.key
        )
        condition = F.expr(" AND ".join(f"old.{name} = new.{name}" for name in table.key))
        if bounded_by:
            low, high = key_range(rows, bounded_by)
            if low is None:
                return
            condition &= F.col(f"old.{bounded_by}").between(F.lit(low), F.lit(high))

        def run() -> None:
            self.spark.conf.set("spark.databricks.delta.commitInfo.userMetadata", self.writer)
            merge = self.handle(table).alias("old").merge(rows.alias("new"), condition)
            if delete_if:
                merge = merge.whenMatchedDelete(F.expr(delete_if))
            if changed:
                merge = merge.whenMatchedUpdate(F.expr(update_if or changed), set=_quoted(values))
            if insert:
                inserted = _quoted({name: f"new.`{name}`" for name in columns})
                merge = merge.whenNotMatchedInsert(F.expr(insert_if or "true"), values=inserted)
            merge.execute()

        retry_conflicts(run)

    def forget(
        self, table: Table, own: Column, columns: Sequence[str], there: Collection[tuple[str, ...]]
    ) -> None:
        """Deletes, of the few rows that fulfil `own`, those whose values of these columns are not `there`."""
        mine = self.read(table).where(own)
        known = {tuple(row) for row in mine.select(*columns).distinct().collect()}
        if gone := sorted(known.difference(there)):
            # No condition: of some hundred values one would be too deep for Spark.
            named = self.spark.createDataFrame(gone, list(columns))
            rows = mine.join(named, list(columns)).select(*table.key)
            self.merge(table, rows, delete_if="true", insert=False)

    def compact(self, table: Table) -> bool:
        """Runs OPTIMIZE when the table is in too many small files (lake.small_files); says whether it did.

        Where other writers are in the way every time, a later run may do it.
        """
        snapshot = self._snapshot(table)
        # Most tables are in few files of any size, and need not be looked into.
        few = snapshot.numOfFiles() <= self._small_files
        if few or not self._worth_compacting(snapshot):
            return False
        try:
            retry_conflicts(lambda: self.handle(table).optimize().executeCompaction(), COMPACT_ATTEMPTS)
        except CONFLICTS:
            return False
        return True

    def _worth_compacting(self, snapshot: Any) -> bool:
        """Whether too many files are small, and these are a tenth of the table or very many.

        OPTIMIZE writes a clustered table of up to 100 GB anew, not only its small files.
        """
        small = delta_files(self.spark, snapshot).where(F.col("size") < SMALL_FILE_BYTES)
        number, together = small.agg(F.count("*"), F.coalesce(F.sum("size"), F.lit(0))).first() or (0, 0)
        most, all_bytes = self._small_files, snapshot.sizeInBytes()
        return number > most and (10 * together >= all_bytes or number > 10 * most)


def _for_sql(name: str) -> str:
    """A name of one or more parts with backquotes around those that SQL needs them for, as a hyphen does."""
    if "`" in name:
        return name
    return ".".join(
        part if part.isascii() and part.isidentifier() else f"`{part}`" for part in name.split(".")
    )


def _quoted(values: Mapping[str, str]) -> dict[str, str | Column]:
    # Kept columns may have names in Arabic.
    return {f"`{name}`": value for name, value in values.items()}


def key_range(rows: DataFrame, column: str) -> tuple[Any, Any]:
    """The least and greatest value of a column, which bound a look into a table; of no rows None, None."""
    low, high = rows.agg(F.min(column), F.max(column)).first() or (None, None)
    return low, high


def as_rows(spark: SparkSession, table: Table, records: Sequence[Mapping[str, Any]]) -> DataFrame:
    """A few records made on the driver, in the table's columns; a column not given is NULL."""
    rows = [tuple(record.get(name) for name in table.columns) for record in records]
    return spark.createDataFrame(rows, table.ddl)
