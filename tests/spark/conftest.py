"""One Spark session for all tests of this folder, and for each test a lake of its own."""

import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from pyspark.sql import SparkSession

from adc.files import local_path
from adc.job import Job, new_run_id
from adc.lake import Lake
from adc.session import spark_session
from adc.settings import LakeSettings, Settings
from adc.settings_layers import load_settings
from adc.tables import Table
from tests.jvm import LIGHT_JVM

PROJECT = Path(__file__).parents[2]
LOCAL = PROJECT / "conf" / "local.yaml"
# For many small first queries on two cores: plans that are interpreted, fixed and lightly compiled more than
# halve the time of a row of Delta operations (117 s to 49 s, session start and first use included). More
# room for what is young spares the JVM collections.
QUICK = (
    "spark.master=local[2]",
    "spark.sql.codegen.wholeStage=false",
    "spark.sql.codegen.factoryMode=NO_CODEGEN",
    f"spark.driver.extraJavaOptions={LIGHT_JVM} -Xmn512m",
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


class ReadyMade(Lake):
    """A lake whose tables, empty, are copies of those of another: to make one takes a second or two.

    Only once each: one that was deleted and is made again must be another table. Copies have one id.
    """

    copied: ClassVar[set[str]] = set()

    def __init__(self, spark: SparkSession, settings: LakeSettings, made: Lake) -> None:
        super().__init__(spark, settings)
        self._made = made

    def ensure(self, table: Table) -> None:
        place = local_path(self.path(table.name))
        if place and not (self._catalog or table.kept or place in self.copied or Path(place).exists()):
            self.copied.add(place)
            self._made.ensure(table)
            source = local_path(self._made.path(table.name))
            assert source
            aside = Path(shutil.copytree(source, f"{place}-{uuid.uuid4().hex}"))
            try:
                aside.rename(place)
            except OSError:  # another thread has made it meanwhile
                shutil.rmtree(aside)
        super().ensure(table)


@pytest.fixture(scope="session")
def made(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The lake that ReadyMade copies from."""
    return Lake(spark, LakeSettings(root=str(tmp_path_factory.mktemp("made"))))


@pytest.fixture
def job(spark: SparkSession, settings: Callable[..., Settings], made: Lake) -> JobFactory:
    """A run of a stage on this test's lake, with settings as keywords: job("clean", clean__min_words=1)."""

    def make(stage: str, dry_run: bool = False, **overrides: object) -> Job:
        own = settings(**overrides)
        return Job(stage, own, ReadyMade(spark, own.lake, made), new_run_id(stage), dry_run)

    return make


@pytest.fixture
def lake(spark: SparkSession, settings: Callable[..., Settings], made: Lake) -> Lake:
    return ReadyMade(spark, settings().lake, made)
