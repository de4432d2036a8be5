"""How fast archives are scored, on a folder of tweets, repeated with one new word a copy.

    python benchmarks/score.py FOLDER [--rows 1000000] [--bundle DIR]

Prints tweets a second: from raw text on one thread; of the model alone, on clean texts, on one thread and in
as many processes as cores; of the score job, from a Delta table to `predictions`, with Spark's start; and of
the same bundle in Spark's `predict_batch_udf`, written as its documentation shows, on at most 200,000 of
the rows.
"""

import argparse
import os
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

# One thread each, before NumPy is there.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import numpy as np
import pandas as pd
import pyarrow as pa
from submit import run_job
from tweets import copies

from adc.layers import load_settings
from adc.model.bundle import SHIPPED, load_bundle
from adc.model.predictor import Predictor

# Rows that predict_batch_udf, the slowest, is given at most.
UDF_ROWS = 200_000


def model_alone(place: Path, clean: list[str]) -> float:
    predictor = Predictor(load_bundle(place))
    # Warm, as a worker is after its first tweets: what known words bring is computed once.
    predictor.probabilities(clean)
    started = time.monotonic()
    predictor.probabilities(clean)
    return len(clean) / (time.monotonic() - started)


def batch_udf(place: Path, table: Path, target: Path) -> float:
    """Spark's own way to run a model over a column: a function a batch, made once a Python worker."""
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType, FloatType

    from adc.session import spark_session

    spark = spark_session("benchmark", load_settings())

    def make_predict_fn():  # type: ignore[no-untyped-def]
        predictor = Predictor(load_bundle(place))

        def predict(texts: np.ndarray) -> np.ndarray:
            return predictor.probabilities(predictor.clean(pa.array(texts, pa.string())))

        return predict

    udf = predict_batch_udf(make_predict_fn, return_type=ArrayType(FloatType()), batch_size=64)
    rows = spark.read.format("delta").load(str(table))
    started = time.monotonic()
    rows.select("id", udf(F.col("text")).alias("probabilities")).write.format("delta").save(str(target))
    seconds = time.monotonic() - started
    count = rows.count()
    spark.stop()
    return count / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--bundle", type=Path, default=SHIPPED)
    arguments = parser.parse_args()
    column = pa.array(pd.read_parquet(arguments.folder / "texts.parquet")["text"], pa.string())
    texts = pa.chunked_array([part for _, part in copies(column, arguments.rows)])
    cores = len(os.sched_getaffinity(0))

    predictor = Predictor(load_bundle(arguments.bundle))
    few = min(20_000, len(column) // 2)
    predictor.predict(predictor.clean(column[:few]))
    some = column[few : 2 * few]
    started = time.monotonic()
    clean = predictor.clean(some)
    cleaned = time.monotonic() - started
    predictor.predict(clean)
    whole = time.monotonic() - started
    print(
        f"one thread, from raw text: {len(some) / whole:,.0f}/s (cleaning alone {len(some) / cleaned:,.0f}/s)"
    )
    parts = [clean.to_pylist()] * cores
    print(f"the model alone, one thread: {model_alone(arguments.bundle, parts[0]):,.0f}/s")
    with get_context("spawn").Pool(cores) as pool:
        rates = pool.starmap(model_alone, [(arguments.bundle, part) for part in parts])
    print(f"the model alone, {cores} processes: {sum(rates):,.0f}/s")

    with tempfile.TemporaryDirectory(prefix="adc-benchmark-") as scratch:
        from deltalake import write_deltalake

        archive, lake = Path(scratch) / "archive", Path(scratch) / "lake"
        ids = pa.array([str(10**18 + number) for number in range(len(texts))])
        write_deltalake(str(archive), pa.table({"id": ids, "text": texts}))
        options = ("--bundle", str(arguments.bundle), "--set", "lake.root=" + str(lake))
        told = run_job("score", lake, "--input", str(archive), *options)
        rate = len(texts) / told["seconds"]
        print(
            f"the score job: {told['seconds']:.0f} s, {rate:,.0f}/s, {100 * rate / sum(rates):.0f} % of that"
        )
        print(f"  10^9 tweets at that rate: {1e9 / rate / 3600 * cores:,.0f} core-hours")
        first = Path(scratch) / "first"
        write_deltalake(str(first), pa.table({"id": ids[:UDF_ROWS], "text": texts[:UDF_ROWS]}))
        rate = batch_udf(arguments.bundle, first, Path(scratch) / "udf")
        print(f"predict_batch_udf, probabilities only, without Spark's start: {rate:,.0f}/s")


if __name__ == "__main__":
    main()
