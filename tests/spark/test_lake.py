import random
import re
import shutil
import string
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from delta.exceptions import ConcurrentDeleteReadException
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from adc.errors import RunError, UsageError
from adc.lake import Lake, as_rows
from adc.session import LISTING, PARTITIONS, REGION, REQUIRED, spark_session
from adc.settings import Settings
from adc.tables import METRICS, RAW_TWEETS, SHARES, TABLES
from adc.together import together
from tests.spark.contents import contents, raw_rows, rows

pytestmark = pytest.mark.spark


@pytest.fixture
def bare(spark, settings):
    """A lake that makes its tables itself."""
    return Lake(spark, settings().lake)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_is_made_once_and_as_declared(bare, table):
    assert (bare.exists(table), bare.read(table).count()) == (False, 0)
    for _ in range(2):
        bare.ensure(table)
    assert (bare.exists(table), bare.version(table)) == (True, 0)
    assert bare.handle(table).toDF().schema == StructType.fromDDL(table.ddl)
    detail = bare.handle(table).detail().first()
    assert tuple(detail["clusteringColumns"]) == table.cluster_by
    assert (
        detail["properties"].items()
        >= {
            "delta.enableChangeDataFeed": "true",
            **{f"delta.constraints.{name}": check for name, check in table.checks.items()},
        }.items()
    )


def test_a_row_that_breaks_a_constraint_is_refused(lake):
    found = raw_rows(lake, {"id": "1", "text": "نص"})
    for broken, constraint in [
        ({"status": "'lost'"}, "known_status"),
        ({"text": "CAST(NULL AS STRING)"}, "text_when_found"),
        ({"status": "'missing'"}, "text_when_found"),
        ({"attempts": "CAST(NULL AS INT)"}, "attempts"),
    ]:
        rejected = found.withColumns({name: F.expr(value) for name, value in broken.items()})
        with pytest.raises(Exception, match=constraint):
            lake.append(RAW_TWEETS, rejected)
    assert contents(lake, RAW_TWEETS) == []


def test_merge_changes_what_it_is_told_to_and_leaves_equal_rows_alone(lake):
    def merge(*records, **how):
        lake.merge(RAW_TWEETS, raw_rows(lake, *records), **how)
        return contents(lake, RAW_TWEETS, "id", "dialect", "text", "run_id")

    one, two = {"id": "1", "text": "a"}, {"id": "2", "text": "b", "dialect": "EG"}
    both = merge(one, two)
    assert both == [("1", None, "a", "earlier"), ("2", "EG", "b", "earlier")]

    # Nothing differs: no row counts as changed. Without any row it ends before it begins.
    assert merge(two, one, bounded_by="id_num") == both
    version = lake.version(RAW_TWEETS)
    assert merge(bounded_by="id_num") == both
    assert lake.version(RAW_TWEETS) == version
    feed = lake.spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", 0)
    assert rows(feed.load(lake.path("raw_tweets")), "id", "_change_type", "_commit_version") == [
        ("1", "insert", 1),
        ("2", "insert", 1),
    ]

    # Only the columns of `update`, only where `update_if` holds, and without `insert` no new row.
    assert merge(
        *({"id": number, "dialect": "SA", "text": "c", "run_id": "later"} for number in "123"),
        update={"dialect": "new.dialect", "run_id": "new.run_id"},
        update_if="old.dialect IS NULL",
        insert=False,
        bounded_by="id_num",
    ) == [("1", "SA", "a", "later"), ("2", "EG", "b", "earlier")]

    # Where a row can be deleted it is; else every column that differs is set.
    assert merge(
        *({"id": number, "text": "d", "run_id": "last"} for number in "1245"),
        delete_if="new.id = '2'",
        insert_if="new.id <> '5'",
        bounded_by="id_num",
    ) == [("1", None, "d", "last"), ("4", None, "d", "last")]


def test_values_that_are_no_longer_there_are_forgotten_however_many(lake):
    numbers = {"tweets": 1, "guessed": 1.0, "share": 1.0, "low": 0.0, "high": 1.0}
    groups = [("m", "day", str(n)) for n in range(1000)] + [("m", "all", ""), ("n", "day", "1")]
    lake.append(
        SHARES,
        as_rows(
            lake.spark,
            SHARES,
            [
                {"model": model, "grouping": grouping, "value": value, "dialect": dialect} | numbers
                for model, grouping, value in groups
                for dialect in ("EG", "MA")
            ],
        ),
    )
    own = (F.col("model") == "m") & (F.col("grouping") == "day")
    lake.forget(SHARES, own, ("grouping", "value"), {("day", "7")})
    kept = [("m", "all", ""), ("m", "day", "7"), ("n", "day", "1")]
    assert contents(lake, SHARES, "model", "grouping", "value") == [key for key in kept for _ in range(2)]


def test_append_takes_the_columns_by_name(lake):
    record = {"model": "m", "split": "test", "metric": "f1", "dialect": "EG", "value": 0.5, "run_id": "r"}
    added = as_rows(lake.spark, METRICS, [record, record | {"dialect": "SA"}])
    lake.append(METRICS, added.select(*reversed(added.columns), F.lit(1).alias("of_no_use")))
    assert contents(lake, METRICS, "dialect", "value") == [("EG", 0.5), ("SA", 0.5)]


def test_two_writers_at_once_lose_nothing_and_double_nothing(bare):
    """They make the table at once, and then change the same row of it at once."""
    failures = []
    together = threading.Barrier(2)

    def write(writer):
        try:
            together.wait(timeout=100)
            bare.ensure(RAW_TWEETS)
            together.wait(timeout=100)
            bare.merge(
                RAW_TWEETS, raw_rows(bare, *({"id": tweet, "text": writer} for tweet in (writer, "9")))
            )
        except Exception as error:
            failures.append(error)
            together.abort()

    writers = [threading.Thread(target=write, args=(writer,)) for writer in ("1", "2")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures == []
    assert contents(bare, RAW_TWEETS, "id", "text") in (
        [("1", "1"), ("2", "2"), ("9", "1")],
        [("1", "1"), ("2", "2"), ("9", "2")],
    )


def test_a_compaction_that_others_are_in_the_way_of_is_left_to_a_later_run(lake, monkeypatch):
    def lost():
        raise ConcurrentDeleteReadException("another writer was first")

    optimize = SimpleNamespace(executeCompaction=lost)
    snapshot = SimpleNamespace(numOfFiles=lambda: 999)
    monkeypatch.setattr(lake, "handle", lambda table: SimpleNamespace(optimize=lambda: optimize))
    monkeypatch.setattr(lake, "_snapshot", lambda table: snapshot)
    monkeypatch.setattr(lake, "_worth_compacting", lambda snapshot: True)
    monkeypatch.setattr("adc.lake.COMPACT_ATTEMPTS", 1)
    assert not lake.compact(RAW_TWEETS)


def test_a_table_in_many_small_files_is_compacted(spark, settings):
    strict, lax = (Lake(spark, settings(lake__small_files=number).lake) for number in (1, 2))
    strict.append(RAW_TWEETS, raw_rows(strict, {"id": "1", "text": "a"}, {"id": "2", "text": "b"}))
    assert (lax.compact(RAW_TWEETS), len(lax.read(RAW_TWEETS).inputFiles())) == (False, 2)
    assert (strict.compact(RAW_TWEETS), len(lax.read(RAW_TWEETS).inputFiles())) == (True, 1)
    assert contents(strict, RAW_TWEETS, "id", "text") == [("1", "a"), ("2", "b")]


def test_large_files_beside_small_ones_do_not_hide_them(spark, settings, monkeypatch):
    monkeypatch.setattr("adc.lake.SMALL_FILE_BYTES", 10_000)
    strict, lax = (Lake(spark, settings(lake__small_files=number).lake) for number in (1, 2))
    texts = ("".join(random.choices(string.ascii_letters, k=30_000)), "b", "c")
    for number, text in enumerate(texts):
        strict.append(RAW_TWEETS, raw_rows(strict, {"id": str(number), "text": text}).coalesce(1))
    assert (lax.compact(RAW_TWEETS), strict.compact(RAW_TWEETS)) == (False, True)
    assert contents(strict, RAW_TWEETS, "id", "text") == [(str(n), text) for n, text in enumerate(texts)]


def test_a_table_that_another_job_is_making_is_not_there_yet(bare, monkeypatch):
    log = Path(bare.root.removeprefix("file:")) / "raw_tweets" / "_delta_log"
    log.mkdir(parents=True)
    (log / ".00000000000000000000.json.7c1f.tmp").touch()
    assert (bare.exists(RAW_TWEETS), bare.read(RAW_TWEETS).count()) == (False, 0)
    # This one waits for the other, which here gives up.
    monkeypatch.setattr("adc.conflicts.backoff", lambda attempt: shutil.rmtree(log.parent) or 0.0)
    bare.ensure(RAW_TWEETS)
    assert (bare.exists(RAW_TWEETS), bare.version(RAW_TWEETS)) == (True, 0)


def test_a_table_that_a_killed_job_has_begun_to_make_is_made(bare, monkeypatch):
    log = Path(bare.root.removeprefix("file:")) / "raw_tweets" / "_delta_log"
    log.mkdir(parents=True)
    (log / ".00000000000000000000.json.7c1f.tmp").touch()
    monkeypatch.setattr("adc.conflicts.backoff", lambda attempt: 0.0)
    bare.ensure(RAW_TWEETS)
    assert (bare.exists(RAW_TWEETS), bare.version(RAW_TWEETS)) == (True, 0)


def test_what_belongs_together_is_written_again_where_others_wrote_the_same_rows_between(job, lake):
    one, other = job("clean").lake, job("clean").lake
    keys = one.spark.createDataFrame([("1",)], "id STRING")
    between, wrote = ["1", "2"], []

    def write():
        one.merge(RAW_TWEETS, raw_rows(one, {"id": "1", "text": f"one {len(wrote)}"}))
        if len(between) > len(wrote):
            other.merge(RAW_TWEETS, raw_rows(other, {"id": between[len(wrote)], "text": "other"}))
        wrote.append(True)
        return len(wrote)

    assert together(one, [(RAW_TWEETS, keys)], write) == 2
    assert contents(lake, RAW_TWEETS, "id", "text") == [("1", "one 1"), ("2", "other")]
    assert together(one, [(RAW_TWEETS, keys)], write) == 3
    assert lake.handle(RAW_TWEETS).history(1).first()["userMetadata"] == one.writer


def test_a_run_that_others_are_in_the_way_of_all_the_time_fails(job, monkeypatch):
    monkeypatch.setattr("adc.together.ATTEMPTS", 2)
    one, other = job("clean").lake, job("clean").lake
    keys = one.spark.createDataFrame([("1",)], "id STRING")
    texts = iter("abcd")

    def write():
        for lake in (one, other):
            lake.merge(RAW_TWEETS, raw_rows(lake, {"id": "1", "text": next(texts)}))

    with pytest.raises(RunError, match=r"other jobs write the same rows of .*raw_tweets all the time"):
        together(one, [(RAW_TWEETS, keys)], write)


@pytest.fixture
def second_catalog(spark):
    """Delta's catalog a second time, under a name that SQL takes only within backquotes."""
    spark.conf.set("spark.sql.catalog.second-one", REQUIRED["spark.sql.catalog.spark_catalog"])
    catalogs = spark._jsparkSession.sessionState().catalogManager()
    catalogs.catalog("second-one").setDelegateCatalog(catalogs.v2SessionCatalog())
    yield
    spark.conf.unset("spark.sql.catalog.second-one")


@pytest.mark.parametrize(
    ("schema", "in_sql"),
    [
        ("spark_catalog.by_name", "spark_catalog.by_name"),
        ("second-one.by_name", "`second-one`.by_name"),
        ("`second-one`.by_name", "`second-one`.by_name"),
    ],
)
def test_tables_by_catalog_name(spark, settings, tmp_path, lake_root, second_catalog, schema, in_sql):
    spark.sql(f"CREATE SCHEMA by_name LOCATION '{tmp_path}/schema'")
    lake = Lake(spark, settings(lake__catalog=schema).lake)
    try:
        assert lake.where(RAW_TWEETS) == f"{in_sql}.raw_tweets"
        assert (lake.exists(RAW_TWEETS), lake.read(RAW_TWEETS).count()) == (False, 0)
        lake.append(RAW_TWEETS, raw_rows(lake, {"id": "1", "text": "a"}))
        lake.merge(RAW_TWEETS, raw_rows(lake, {"id": "1", "text": "b"}), bounded_by="id_num")
        assert contents(lake, RAW_TWEETS, "id", "text") == [("1", "b")]
        assert rows(spark.table("by_name.raw_tweets"), "id", "text") == [("1", "b")]
        assert (lake.version(RAW_TWEETS), lake.compact(RAW_TWEETS)) == (2, False)
        assert lake.identity(RAW_TWEETS)[:8] in lake.between(RAW_TWEETS, RAW_TWEETS)
        assert "_change_type" in lake.changes(RAW_TWEETS).columns
        assert not lake.files.exists(lake_root)
    finally:
        spark.sql("DROP SCHEMA by_name CASCADE")


def test_names_that_spark_would_forget_are_refused(spark, settings, tmp_path):
    with pytest.raises(UsageError, match=r"lake\.catalog=default: this Spark has no metastore"):
        Lake(spark, settings(lake__catalog="default").lake).require_metastore()
    # A catalog of another kind, as a database is.
    spark._jvm.java.lang.System.setProperty("derby.stream.error.file", f"{tmp_path}/derby.log")
    other = {
        "": "org.apache.spark.sql.execution.datasources.v2.jdbc.JDBCTableCatalog",
        ".url": "jdbc:derby:memory:kept;create=true",
        ".driver": "org.apache.derby.jdbc.EmbeddedDriver",
    }
    for name, value in other.items():
        spark.conf.set(f"spark.sql.catalog.database{name}", value)
    try:
        Lake(spark, settings(lake__catalog="database.APP").lake).require_metastore()
    finally:
        for name in other:
            spark.conf.unset(f"spark.sql.catalog.database{name}")
    Lake(spark, settings().lake).require_metastore()


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (
            {"lake__catalog": "spark_catalog.nosuch"},
            "Spark knows no schema spark_catalog.nosuch",
        ),
        ({"lake__catalog": "nosuch.schema"}, "lake.catalog"),
        ({"lake__catalog": "my`cat.schema"}, "lake.catalog=my`cat.schema: [PARSE_SYNTAX_ERROR]"),
        ({"lake__catalog": "default."}, "Spark knows no schema default."),
        ({"lake__root": "a`b"}, "lake.root: Spark cannot take ` in "),
    ],
)
def test_where_no_tables_can_be_is_refused(spark, settings, overrides, problem):
    with pytest.raises(UsageError, match=re.escape(problem)):
        Lake(spark, settings(**overrides).lake)


def test_a_session_shuffles_into_as_many_parts_as_there_are_task_slots(spark):
    before, slots = spark.conf.get(PARTITIONS), spark.sparkContext.defaultParallelism
    try:
        for given, parts in ((1, slots), (slots + 3, slots + 3)):
            spark.conf.set(PARTITIONS, given)
            assert spark_session("tests", Settings()).conf.get(PARTITIONS) == str(parts)
    finally:
        spark.conf.set(PARTITIONS, before)


def test_requests_to_s3_are_signed_for_the_region_of_the_environment(spark, monkeypatch):
    hadoop = spark._jsc.hadoopConfiguration()
    assert hadoop.get(REGION) is None
    try:
        # What was given to Spark itself, later, stays.
        for told in ("eu-south-7", "other"):
            monkeypatch.setenv("AWS_REGION", told)
            spark_session("tests", Settings())
            assert spark._jsparkSession.sessionState().newHadoopConf().get(REGION) == "eu-south-7"
    finally:
        hadoop.unset(REGION)


def test_a_session_looks_at_many_files_in_few_tasks(spark):
    before, slots = spark.conf.get(LISTING), spark.sparkContext.defaultParallelism
    try:
        for given, tasks in ((10_000, 4 * slots), (1, 1)):
            spark.conf.set(LISTING, given)
            assert spark_session("tests", Settings()).conf.get(LISTING) == str(tasks)
    finally:
        spark.conf.set(LISTING, before)
