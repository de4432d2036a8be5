"""How fast archives are scored, on a folder of tweets, repeated with one new word a copy.

    python benchmarks/score.py FOLDER [--rows 1000000] [--session-rows 200000] [--bundle DIR]

Prints tweets a second: from raw text on one thread; of the model alone, on clean texts, on one thread and in
as many processes as cores; of the score job, from a Delta table to `predictions`, with Spark's start; and, on
fewer of the rows, each in a session of its own that has just begun, of the score stage and of the
same bundle in Spark's `predict_batch_udf`, written as its documentation shows.
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
from submit import ROOT, run_job
from tweets import copies

from adc.model.bundle import SHIPPED, load_bundle
from adc.model.predictor import Predictor
from adc.settings_layers import load_settings

LOCAL = ROOT / "conf" / "local.yaml"


def model_alone(place: Path, clean: list[str]) -> float:
    predictor = Predictor(load_bundle(place))
    # Warm, as a worker is after its first tweets: what known words bring is computed once.
    predictor.probabilities(clean)
    started = time.monotonic()
    predictor.probabilities(clean)
    return len(clean) / (time.monotonic() - started)


def stage_alone(place: Path, table: Path, lake: Path) -> float:
    """Seconds of the score stage, its commit included, in a session that is there."""
    from adc.job import Job, new_run_id
    from adc.lake import Lake
    from adc.scoring.stage import score
    from adc.session import spark_session

    settings = load_settings(LOCAL, [f"lake.root={lake}"])
    spark = spark_session("benchmark", settings)
    job = Job("score", settings, Lake(spark, settings.lake), new_run_id("score"))
    started = time.monotonic()
    score(job, str(table), str(place))
    seconds = time.monotonic() - started
    spark.stop()
    return seconds


def batch_udf(place: Path, table: Path, target: Path) -> float:
    """Seconds of Spark's own way to run a model over a column: a function a batch, made once a worker."""
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType, FloatType

    from adc.session import spark_session

    spark = spark_session("benchmark", load_settings(LOCAL))

    def make_predict_fn():  # type: ignore[no-untyped-def]
        predictor = Predictor(load_bundle(place))

        def predict(texts: np.ndarray) -> np.ndarray:
            return predictor.probabilities(predictor.clean(pa.array(texts, pa.string())))

        return predict

    udf = predict_batch_udf(make_predict_fn, return_type=ArrayType(FloatType()), batch_size=64)
    started = time.monotonic()
    rows = spark.read.format("delta").load(str(table))
    rows.select("id", udf(F.col("text")).alias("probabilities")).write.format("delta").save(str(target))
    seconds = time.monotonic() - started
    spark.stop()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument(
        "--session-rows", type=int, default=200_000, help="for predict_batch_udf, which is slow"
    )
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
        started = time.monotonic()
        told = run_job("score", lake, "--input", str(archive), *options)
        seconds = time.monotonic() - started
        rate = len(texts) / seconds
        share = 100 * rate / sum(rates)
        print(f"the score job, with Spark's start: {seconds:.0f} s, {rate:,.0f}/s, {share:.0f} % of that")
        # On all cores, at the rate from raw text above.
        predicting, before = len(texts) * whole / len(some) / cores, seconds - told["seconds"]
        print(f"  before the stage began: {before:.0f} s; cleaning and the model: {predicting:.0f} s")
        print(f"  10^9 tweets at that rate: {1e9 / rate / 3600 * cores:,.0f} core-hours")
        first = Path(scratch) / "first"
        rows = min(arguments.session_rows, len(texts))
        write_deltalake(str(first), pa.table({"id": ids[:rows], "text": texts[:rows]}))
        for name, run in (
            ("the score stage", stage_alone),
            ("predict_batch_udf, probabilities only", batch_udf),
        ):
            # Each in a process of its own: the second is not to find a warm JVM.
            with get_context("spawn").Pool(1) as pool:
                seconds = pool.apply(run, (arguments.bundle, first, Path(scratch) / run.__name__))
            print(f"{name}, without Spark's start, {rows:,} rows: {rows / seconds:,.0f}/s")


if __name__ == "__main__":
    main()
