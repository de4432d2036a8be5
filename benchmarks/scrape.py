"""Measure the scraper against a local server, each figure from what the server saw.

    python benchmarks/scrape.py latency   # ids a second with 200 ms latency, beside an aiohttp client
    python benchmarks/scrape.py rate      # what comes of a limit of 20 requests a second over 70 seconds
    python benchmarks/scrape.py full      # 54,000 and 540,000 ids from a server that answers at once
    python benchmarks/scrape.py list FOLDER   # qadi_ids.parquet there, where the server has texts.parquet
    python benchmarks/scrape.py table     # a run on an empty table and on one of 20 million rows

`latency` needs aiohttp: pip install -c deploy/constraints.txt '.[bench]'
"""

import asyncio
import itertools
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from submit import run_job

from adc.lookup_server.faults import Behaviour
from adc.lookup_server.server import LookupServer

TEXT = "شلونك اليوم؟ والله مشتاقين لك كثير، وين هالغيبة 😍\n" * 2


def corpus(number: int) -> dict[str, str]:
    return {str(1_175_358_310_087_892_993 + 7919 * n): TEXT for n in range(number)}


def scrape(
    texts: dict[str, str],
    behaviour: Behaviour,
    *settings: str,
    root: str | None = None,
    options: Sequence[str] = (),
) -> tuple[float, list[float]]:
    """(seconds of the whole job, when the server admitted each request)."""
    with (
        tempfile.TemporaryDirectory(prefix="adc-benchmark-") as scratch,
        LookupServer(texts, behaviour) as server,
    ):
        ids = Path(scratch) / "ids.csv"
        ids.write_text("id\n" + "\n".join(texts) + "\n", encoding="utf-8")
        given = [*options, "--ids", str(ids)]
        for setting in (f"scrape.url={server.url}", *settings):
            given += ["--set", setting]
        told = run_job("scrape", Path(root or scratch) / "lake", *given)
        assert told["counts"]["found"] == len(texts), told
        statistics = server.statistics
        print(
            f"  answers by kind: {dict(statistics.answered)}, at most {statistics.peak_concurrency} at once"
        )
        return told["seconds"], list(statistics.arrivals)


def latency(number: int = 480_000, batch: int = 100, in_flight: int = 16) -> None:
    import aiohttp

    texts, behaviour = corpus(number), Behaviour(latency=0.2)
    batches = [list(texts)[start : start + batch] for start in range(0, number, batch)]

    async def ask_all(url: str) -> int:
        turns, found = asyncio.Semaphore(in_flight), 0
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight)) as session:

            async def ask(ids: Sequence[str]) -> int:
                async with turns, session.post(url, json=ids) as response:
                    return len(await response.json())

            for answered in await asyncio.gather(*(ask(ids) for ids in batches)):
                found += answered
        return found

    print(f"{number:,} ids, {batch} a request, {in_flight} under way, 200 ms latency: ids a second")
    for _ in range(2):
        with LookupServer(texts, behaviour) as server:
            started = time.monotonic()
            assert asyncio.run(ask_all(server.url)) == number
            theirs = number / (time.monotonic() - started)
        seconds, arrivals = scrape(
            texts, behaviour, f"scrape.batch_size={batch}", f"scrape.in_flight={in_flight}"
        )
        ours = number / (arrivals[-1] - arrivals[0] + behaviour.latency)
        whole = number / seconds
        print(f"  aiohttp {theirs:,.0f}, adc {ours:,.0f} (whole job {whole:,.0f}), ratio {ours / theirs:.2f}")


def rate(limit: int = 20, seconds: int = 70, batch: int = 10) -> None:
    texts = corpus(limit * seconds * batch)
    print(f"a limit of {limit} requests a second")
    _, arrivals = scrape(
        texts,
        Behaviour(rate_limit=limit, latency=0.1),
        f"scrape.batch_size={batch}",
        f"scrape.rate_limit={limit}",
    )
    most = max(sum(start <= other < start + 1 for other in arrivals) for start in arrivals)
    span = arrivals[-1] - arrivals[0]
    minute = max(sum(start <= other < start + 60 for other in arrivals) for start in arrivals) / 60
    print(f"  over {span:.0f} s {100 * (len(arrivals) - 1) / span / limit:.1f} % of it, over the best minute")
    print(f"  {100 * minute / limit:.1f} %; in any one second at most {most}")
    gaps = sorted(itertools.pairwise(arrivals), key=lambda pair: pair[0] - pair[1])[:5]
    print("  longest gaps: " + ", ".join(f"{b - a:.2f} s at {a - arrivals[0]:.0f} s" for a, b in gaps))


def full() -> None:
    for number in (54_000, 540_000):
        with HighWater() as memory:
            seconds, arrivals = scrape(corpus(number), Behaviour())
        print(
            f"{number:,} ids in {seconds:.0f} s ({number / seconds:,.0f} a second), look-ups "
            f"{arrivals[-1] - arrivals[0]:.0f} s of it; the largest Python worker {memory.mib:.0f} MiB"
        )


def whole_list(folder: str) -> None:
    tweets = pd.read_parquet(Path(folder) / "texts.parquet")
    texts = dict(zip(tweets["id"], tweets["text"], strict=True))
    with tempfile.TemporaryDirectory(prefix="adc-benchmark-") as scratch, LookupServer(texts) as server:
        ids = ("--ids", str(Path(folder) / "qadi_ids.parquet"))
        told = run_job("scrape", Path(scratch) / "lake", *ids, "--set", f"scrape.url={server.url}")
    print(f"{told['counts']} in {told['seconds']:.0f} s")


class HighWater(threading.Thread):
    """The most memory that any one Python worker of Spark holds (Linux), looked at five times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.mib, self.over = 0.0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.2):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    if b"pyspark.daemon" in (process / "cmdline").read_bytes():
                        status = dict(
                            line.split(":", 1) for line in (process / "status").read_text().splitlines()
                        )
                        self.mib = max(self.mib, int(status["VmRSS"].split()[0]) / 1024)
                except (OSError, KeyError):
                    continue  # it has just ended

    def __enter__(self) -> "HighWater":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.join()


def table(rows: int = 20_000_000, number: int = 100_000, spread: int = 20_000) -> None:
    """New ids above all others, in id order, then `--retry missing` over ids spread over the whole table."""
    from pyspark.sql import functions as F

    from adc.lake import Lake
    from adc.session import spark_session
    from adc.settings import Settings
    from adc.tables import RAW_TWEETS

    texts = corpus(number)
    known = {str(10**17 + n * (rows // spread) * 1000): TEXT for n in range(spread)}
    with tempfile.TemporaryDirectory(prefix="adc-benchmark-") as scratch:
        empty, _ = scrape(texts, Behaviour())
        settings = Settings.model_validate({"lake": {"root": f"{scratch}/lake"}})
        lake = Lake(spark_session("benchmark", settings), settings.lake)
        lake.ensure(RAW_TWEETS)
        found = F.col("id") % (rows // spread) != 0
        lake.append(
            RAW_TWEETS,
            lake.spark.range(0, rows, numPartitions=20).select(
                (F.lit(10**17) + F.col("id") * 1000).cast("string").alias("id"),
                (F.lit(10**17) + F.col("id") * 1000).alias("id_num"),
                F.when(found, F.lit("found")).otherwise("missing").alias("status"),
                F.when(found, F.concat(F.lit(TEXT), F.col("id").cast("string"))).alias("text"),
                F.lit(None).cast("string").alias("dialect"),
                F.lit(None).cast("int").alias("http_status"),
                F.lit(None).cast("string").alias("error"),
                F.lit(1).alias("attempts"),
                F.lit("benchmark").alias("run_id"),
                F.current_timestamp().alias("fetched_at"),
            ),
        )
        lake.spark.stop()
        full, _ = scrape(texts, Behaviour(), root=scratch)
        print(f"{number:,} new ids: {empty:.0f} s on an empty table, {full:.0f} s beside {rows:,} rows")
        again, _ = scrape(known, Behaviour(), root=scratch, options=("--retry", "missing"))
        print(f"--retry missing over {spread:,} ids spread over all of them: {again:.0f} s")


if __name__ == "__main__":
    modes = {"latency": latency, "rate": rate, "full": full, "list": whole_list, "table": table}
    modes[sys.argv[1]](*sys.argv[2:])
