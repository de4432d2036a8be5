"""The one place that opens a Spark session."""

import os

from py4j.protocol import Py4JJavaError
from pyspark.errors import IllegalArgumentException
from pyspark.sql import SparkSession

from adc.errors import UsageError, cause_of
from adc.settings import Settings

# Read by TensorFlow when it is first imported: its notices, which say nothing of a job, off, and sums in an
# order that does not depend on the machine (no slower here than oneDNN's: 1,700 to 1,800 examples/s both).
TENSORFLOW_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"}

# What adc's tables and times need to be right, on any cluster. The master is never set here:
# spark-submit's, or that of spark-defaults.conf, holds.
REQUIRED = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    # What is merged is the same when it is read again: staged files, a table at a version, rows made on the
    # driver. So Delta need not copy it first.
    "spark.databricks.delta.merge.materializeSource": "none",
    # Parquet by pandas has times in nanoseconds, which Spark would refuse.
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    # A wave is committed while the next one is fetched.
    "spark.scheduler.mode": "FAIR",
    **{f"spark.executorEnv.{name}": value for name, value in TENSORFLOW_ENVIRONMENT.items()},
}
PARTITIONS = "spark.sql.shuffle.partitions"
# Where requests to S3 are said to go, which their signatures are of.
REGION = "fs.s3a.endpoint.region"
# Of files that are named one by one Spark looks at each in a task of its own, up to 10,000, whenever they are
# read. With so many tasks a slot 5,000 files take 5 s in place of 40.
LISTING, LISTING_TASKS = "spark.sql.sources.parallelPartitionDiscovery.parallelism", 4
# What Spark says of it: of some settings when it starts, of others when it is first asked for one.
INVALID_VALUE = "INVALID_CONF_VALUE"


def spark_session(name: str, settings: Settings) -> SparkSession:
    """The session of this process, made with Delta, UTC and the settings' spark.… if there is none.

    Raises UsageError for a value that Spark does not take.
    """
    builder = SparkSession.builder.appName(name)
    for key, value in {**settings.spark, **REQUIRED}.items():
        builder = builder.config(key, value)
    try:
        return _with_region(_with_fitting_parallelism(builder.getOrCreate()))
    except (IllegalArgumentException, Py4JJavaError) as error:
        if INVALID_VALUE not in str(error):
            raise
        raise UsageError(f"a setting of Spark's: {cause_of(error)}") from None


def _with_fitting_parallelism(spark: SparkSession) -> SparkSession:
    # What is shuffled is cleaned or scored next: by every task slot, however few parts the settings ask for.
    slots = spark.sparkContext.defaultParallelism
    if int(spark.conf.get(PARTITIONS) or 0) < slots:
        spark.conf.set(PARTITIONS, slots)
    most = LISTING_TASKS * slots
    if int(spark.conf.get(LISTING) or most) > most:
        spark.conf.set(LISTING, most)
    return spark


def _with_region(spark: SparkSession) -> SparkSession:
    # Of AWS's variables Spark hands on keys and address. By itself S3A signs what it sends to an address of
    # one's own for us-east-2, which stores that know their region refuse.
    if region := os.environ.get("AWS_REGION"):
        spark._jsc.hadoopConfiguration().setIfUnset(REGION, region)
    return spark
