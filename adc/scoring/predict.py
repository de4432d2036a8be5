"""The Spark layer over the predictor: a column of texts in, the columns of a prediction out."""

from collections.abc import Iterator

import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

from adc.model.bundle import Bundle
from adc.model.predictor import COLUMNS, Predictor
from adc.settings import ScoreSettings

PREDICTION_DDL = (
    "dialect STRING, confidence DOUBLE, region STRING, region_confidence DOUBLE, plausible ARRAY<STRING>, "
    "top_k ARRAY<STRUCT<dialect: STRING, probability: DOUBLE>>, note STRING"
)


def with_predictions(rows: DataFrame, bundle: Bundle, settings: ScoreSettings) -> DataFrame:
    """Adds the predictor's COLUMNS and `model` to rows with `text`.

    Where a row has `clean` and was cleaned under the bundle's own profile (`profile_hash`), that is used.
    """
    # Once to every worker, and kept there: tasks that follow find the model loaded.
    shared = rows.sparkSession.sparkContext.broadcast(Predictor.of(bundle, settings))

    def predict(batches: Iterator[tuple[pd.Series, pd.Series]]) -> Iterator[pd.DataFrame]:
        model: Predictor = shared.value
        for text, clean in batches:
            to_clean = clean.isna()
            if to_clean.any():
                fresh = model.clean(pa.array(text[to_clean].fillna(""), pa.string())).to_pylist()
                clean = clean.mask(to_clean, pd.Series(fresh, index=clean.index[to_clean]))
            yield model.predict(clean.tolist())

    # PySpark's own hints leave out iterators of structs.
    udf = pandas_udf(predict, PREDICTION_DDL)  # type: ignore[call-overload]
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
