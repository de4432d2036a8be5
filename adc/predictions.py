"""The Spark layer over the predictor: a column of texts in, the columns of a prediction out."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Broadcast
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import arrow_udf

from adc.model.bundle import Bundle
from adc.model.predictor import COLUMNS, Predictor
from adc.settings import ScoreSettings
from adc.tables import PREDICTIONS

PREDICTION_DDL = PREDICTIONS.nullable(COLUMNS)


def shared_predictor(spark: SparkSession, bundle: Bundle, settings: ScoreSettings) -> Broadcast[Predictor]:
    """A predictor that is sent once to every worker and kept there: tasks that follow find it warm."""
    return spark.sparkContext.broadcast(Predictor(bundle, settings))


def with_predictions(rows: DataFrame, shared: Broadcast[Predictor]) -> DataFrame:
    """Adds the predictor's COLUMNS and `model` to rows with `text`.

    Where a row has `clean` and was cleaned under the bundle's own profile (`profile_hash`), that is used.
    """
    bundle = shared.value.bundle

    def predict(batches: Iterator[tuple[pa.Array, pa.Array]]) -> Iterator[pa.Array]:
        model: Predictor = shared.value
        for text, clean in batches:
            to_clean = pc.is_null(clean)
            fresh = model.clean(pc.fill_null(text.filter(to_clean), ""))
            yield model.predict(pc.replace_with_mask(clean, to_clean, fresh))

    # PySpark's own hints leave out iterators of structs.
    udf = arrow_udf(predict, PREDICTION_DDL)  # type: ignore[call-overload]
    if "profile_hash" in rows.columns:
        clean = F.when(F.col("profile_hash") == bundle.profile.hash, F.col("clean"))
    else:
        clean = F.lit(None).cast("string")
    predicted = rows.withColumn("prediction", udf(F.col("text"), clean))
    return predicted.select(
        *(name for name in rows.columns if name not in COLUMNS),
        *(F.col(f"prediction.{name}").alias(name) for name in COLUMNS),
        F.lit(bundle.model).alias("model"),
    )
