"""The one place that opens a Spark session."""

from pyspark.sql import SparkSession

from adc.settings import Settings

# What adc's tables and times need to be right, on any cluster. The master is never set here:
# spark-submit's, or that of spark-defaults.conf, holds.
REQUIRED = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    # A wave is committed while the next one is fetched.
    "spark.scheduler.mode": "FAIR",
    # TensorFlow's notices, which say nothing of a job, must be off before it is first imported.
    "spark.executorEnv.TF_CPP_MIN_LOG_LEVEL": "2",
}


def spark_session(name: str, settings: Settings) -> SparkSession:
    """The session of this process, made with Delta, UTC and the settings' spark.… if there is none."""
    builder = SparkSession.builder.appName(name)
    for key, value in {**settings.spark, **REQUIRED}.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()
