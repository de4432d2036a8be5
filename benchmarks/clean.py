"""Measure cleaning, on one core outside Spark beside other libraries, and the whole job on 5 million rows.

    python benchmarks/clean.py texts TEXTS.parquet          # adc's profiles, tweets a second of one core
    OTHER/bin/python benchmarks/clean.py texts TEXTS.parquet --peer camel|pyarabic|arabert
    … --spark                                               # the same within Spark, on one core
    python benchmarks/clean.py job TEXTS.parquet            # the clean job against reading and writing alone

TEXTS has a column `text`. Other libraries run from an environment of their own (--peer imports nothing of
adc): camel-tools wants emoji 2, arabert emoji 1.4.2; --spark wants pyspark there, too.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

BATCH = 10_000
ROWS = 5_000_000
# How often the column comes in a pass within Spark.
COPIES = 10


def camel(arclean: bool) -> Callable[[list[str]], Any]:
    """CAMeL Tools' four steps with Unicode normalisation; arclean's mapping of characters before them."""
    from camel_tools.utils.charmap import CharMapper
    from camel_tools.utils.dediac import dediac_ar
    from camel_tools.utils.normalize import (
        normalize_alef_ar,
        normalize_alef_maksura_ar,
        normalize_teh_marbuta_ar,
        normalize_unicode,
    )

    mapped = CharMapper.builtin_mapper("arclean") if arclean else str

    def clean(text: str) -> str:
        text = normalize_unicode(mapped(text), compatibility=True)
        return normalize_teh_marbuta_ar(normalize_alef_maksura_ar(normalize_alef_ar(dediac_ar(text))))

    return lambda texts: [clean(text) for text in texts]


def pyarabic() -> Callable[[list[str]], Any]:
    """PyArabic: tashkeel, tatweel, ligatures and hamza."""
    from pyarabic import araby

    def clean(text: str) -> str:
        return str(araby.normalize_hamza(araby.normalize_ligature(araby.strip_diacritics(text))))

    return lambda texts: [clean(text) for text in texts]


def arabert() -> Callable[[list[str]], Any]:
    """ArabertPreprocessor as for bert-base-arabertv02-twitter, without segmentation."""
    from arabert.preprocess import ArabertPreprocessor

    preprocessor = ArabertPreprocessor("bert-base-arabertv02-twitter")
    return lambda texts: [preprocessor.preprocess(text) for text in texts]


def adc(profile: str) -> Callable[[list[str]], Any]:
    """All rules of a profile, over columns."""
    from adc.cleaning import clean_array, load_profile

    rules = load_profile(profile)
    return lambda texts: clean_array(texts, rules)


def texts(path: str, peer: str | None, spark: bool) -> None:
    """Prints the best of three passes over the column, for each chain."""
    pa.set_cpu_count(1)
    column = pq.read_table(path, columns=["text"])["text"].cast(pa.string()).combine_chunks()
    chains: dict[str, Callable[[], Callable[[Any], Any]]] = {
        None: {"adc, profile model": lambda: adc("model"), "adc, profile light": lambda: adc("light")},
        "camel": {
            "CAMeL Tools, four steps with NFKC": lambda: camel(arclean=False),
            "CAMeL Tools, arclean too": lambda: camel(arclean=True),
        },
        "pyarabic": {"PyArabic": pyarabic},
        "arabert": {"ArabertPreprocessor": arabert},
    }[peer]
    if spark:
        within_spark(column, chains, arrow=peer is None)
        return
    batches = [column.slice(start, BATCH) for start in range(0, len(column), BATCH)]
    for name, make in chains.items():
        clean = make()
        parts = batches if peer is None else [batch.to_pylist() for batch in batches]
        if peer == "arabert":
            parts = parts[:1]
        best = min(timed(clean, parts) for _ in range(3))
        print(f"{name}: {sum(map(len, parts)) / best:,.0f} tweets a second on one core")


def timed(clean: Callable[[Any], Any], parts: list[Any]) -> float:
    """Seconds of processor time, which other work on the machine does not stretch."""
    started = time.process_time()
    for part in parts:
        clean(part)
    return time.process_time() - started


def within_spark(
    column: pa.Array, chains: dict[str, Callable[[], Callable[[Any], Any]]], arrow: bool
) -> None:
    """Prints the best of three passes of a user-defined function over a column, read from Parquet.

    adc gets Arrow arrays, as in its clean job, the others lists, by pandas, as their users would write it.
    """
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import arrow_udf, pandas_udf

    os.environ["PYSPARK_PYTHON"] = sys.executable
    # Spark and its Python worker share it.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    spark = SparkSession.builder.master("local[1]").getOrCreate()
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", BATCH)
    with tempfile.TemporaryDirectory(prefix="adc-benchmark-") as scratch:
        for copy in range(COPIES):
            pq.write_table(pa.table({"text": column}), f"{scratch}/{copy}.parquet")
        rows = spark.read.parquet(f"file://{scratch}")
        for name, make in chains.items():
            clean = make()
            if arrow:
                udf = arrow_udf(clean, "string")
            else:
                udf = pandas_udf(lambda texts, clean=clean: pd.Series(clean(texts.tolist())), "string")
            writer = rows.select(udf("text").alias("text")).write.format("noop").mode("append")
            best = min(spent(writer.save) for _ in range(3))
            print(f"{name}, within Spark: {COPIES * len(column) / best:,.0f} tweets a second on one core")
    spark.stop()


def spent(run: Callable[[], Any]) -> float:
    """Seconds of processor time of this process and those it has started."""
    import psutil

    own = psutil.Process()

    def so_far() -> float:
        each = [process.cpu_times() for process in (own, *own.children(recursive=True))]
        # Those of children that have ended, too.
        return sum(t.user + t.system + t.children_user + t.children_system for t in each)

    started = so_far()
    run()
    return so_far() - started


def elapsed(run: Callable[[], Any]) -> float:
    started = time.monotonic()
    run()
    return time.monotonic() - started


def job(path: str) -> None:
    """The whole job over 5 million rows beside a job that reads and writes the same rows."""
    from pyspark.sql import functions as F
    from submit import run_job

    from adc.session import spark_session
    from adc.settings import Settings

    with tempfile.TemporaryDirectory(prefix="adc-benchmark-") as scratch:
        spark = spark_session("benchmark", Settings())
        rows = spark.read.parquet(f"file://{Path(path).absolute()}").select("text")
        copies = spark.range(-(-ROWS // rows.count())).withColumnRenamed("id", "copy")
        # Each copy with an id of its own and a word that nothing else has.
        archive = (
            rows.withColumn("row", F.monotonically_increasing_id())
            .crossJoin(F.broadcast(copies))
            .select(
                F.concat_ws("-", "row", "copy").alias("id"),
                F.concat_ws(" ", "text", F.concat(F.lit("كلمة"), F.hex("copy"), F.hex("row"))).alias("text"),
            )
            .limit(ROWS)
        )
        archive.write.format("delta").save(f"{scratch}/archive")
        read = spark.read.format("delta").load(f"{scratch}/archive")
        copying = elapsed(lambda: read.write.format("delta").save(f"{scratch}/copy"))
        spark.stop()
        told = run_job("clean", Path(scratch) / "lake", "--input", f"{scratch}/archive")
        seconds = told["seconds"]
        print(
            f"{ROWS:,} rows: read and written in {copying:.0f} s, cleaned in {seconds:.0f} s, "
            f"{seconds / copying:.1f} times that; {told['counts']}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["texts", "job"])
    parser.add_argument("path")
    parser.add_argument("--peer", choices=["camel", "pyarabic", "arabert"])
    parser.add_argument("--spark", action="store_true", help="within Spark")
    arguments = parser.parse_args()
    if arguments.what == "texts":
        texts(arguments.path, arguments.peer, arguments.spark)
    else:
        job(arguments.path)
