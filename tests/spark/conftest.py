"""One Spark session for all tests of this folder, and for each test a lake of its own."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from adc.job import Job, new_run_id
from adc.lake import Lake
from adc.session import spark_session
from adc.settings import Settings
from adc.settings_layers import load_settings

PROJECT = Path(__file__).parents[2]
LOCAL = PROJECT / "conf" / "local.yaml"
# For many small first queries on two cores: plans that are interpreted, fixed and lightly compiled more than
# halve the time of a row of Delta operations (117 s to 49 s, session start and first use included). Without
# the second compiler the JVM would keep 48 MB of compiled code, full after minutes: to remove some of it, and
# compile it anew, took a quarter of its time.
QUICK = (
    "spark.master=local[2]",
    "spark.sql.codegen.wholeStage=false",
    "spark.sql.codegen.factoryMode=NO_CODEGEN",
    "spark.driver.extraJavaOptions="
    "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseSerialGC -Xmn512m",
    "spark.sql.shuffle.partitions=2",
    "spark.sql.adaptive.enabled=false",
)

JobFactory = Callable[..., Job]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    # collect() gives times without a zone, those of the process: the tests write them down in UTC.
    os.environ["TZ"] = "UTC"
    time.tzset()
    warehouse = tmp_path_factory.mktemp("warehouse")
    quick = [*QUICK, f"spark.sql.warehouse.dir={warehouse}"]
    session = spark_session("tests", load_settings(LOCAL, quick, environ={}))
    yield session
    session.stop()


@pytest.fixture
def lake_root(tmp_path: Path) -> str:
    return str(tmp_path / "lake")


@pytest.fixture
def settings(lake_root: str) -> Callable[..., Settings]:
    """Settings over this test's lake: settings(scrape__batch_size=2) sets scrape.batch_size."""

    def make(**overrides: object) -> Settings:
        given = {"lake__root": lake_root} | overrides
        environ = {f"ADC_{name.upper()}": str(value) for name, value in given.items()}
        return load_settings(LOCAL, environ=environ)

    return make


@pytest.fixture
def job(spark: SparkSession, settings: Callable[..., Settings]) -> JobFactory:
    """A run of a stage on this test's lake, with settings as keywords: job("clean", clean__min_words=1)."""

    def make(stage: str, dry_run: bool = False, **overrides: object) -> Job:
        own = settings(**overrides)
        return Job(stage, own, Lake(spark, own.lake), new_run_id(stage), dry_run)

    return make


@pytest.fixture
def lake(spark: SparkSession, settings: Callable[..., Settings]) -> Lake:
    return Lake(spark, settings().lake)
