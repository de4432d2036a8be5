"""Measure the scraper against a local server, each figure from what the server saw.

    python benchmarks/scrape.py latency   # ids a second with 200 ms latency, beside an aiohttp client
    python benchmarks/scrape.py rate      # what comes of a limit of 20 requests a second over 70 seconds
    python benchmarks/scrape.py full      # 540,000 ids from a server that answers at once

`latency` needs aiohttp: pip install -c deploy/constraints.txt '.[bench]'
"""

import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from adc.scraping.server import Behaviour, LookupServer

ROOT = Path(__file__).parents[1]
TEXT = "شلونك اليوم؟ والله مشتاقين لك كثير، وين هالغيبة 😍\n" * 2


def corpus(number: int) -> dict[str, str]:
    return {str(1_175_358_310_087_892_993 + 7919 * n): TEXT for n in range(number)}


def scrape(texts: dict[str, str], behaviour: Behaviour, *settings: str) -> tuple[float, list[float]]:
    """(seconds of the whole job, when the server admitted each request)."""
    with (
        tempfile.TemporaryDirectory(prefix="adc-benchmark-") as scratch,
        LookupServer(texts, behaviour) as server,
    ):
        ids = Path(scratch) / "ids.csv"
        ids.write_text("id\n" + "\n".join(texts) + "\n", encoding="utf-8")
        summary = Path(scratch) / "summary.json"
        command = ["spark-submit", "jobs/scrape.py", "--ids", str(ids), "--summary", str(summary)]
        for setting in (f"lake.root={scratch}/lake", f"scrape.url={server.url}", *settings):
            command += ["--set", setting]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        told = json.loads(summary.read_text(encoding="utf-8"))
        assert told["counts"]["found"] == len(texts), told
        statistics = server.statistics
        print(
            f"  answers by kind: {dict(statistics.answered)}, at most {statistics.peak_concurrency} at once"
        )
        return told["seconds"], list(statistics.arrivals)


def latency(number: int = 160_000, batch: int = 100, in_flight: int = 16) -> None:
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


def full(number: int = 540_000) -> None:
    seconds, arrivals = scrape(corpus(number), Behaviour())
    span = arrivals[-1] - arrivals[0]
    print(
        f"{number:,} ids in {seconds:.0f} s ({number / seconds:,.0f} a second); look-ups {span:.0f} s of it"
    )


if __name__ == "__main__":
    {"latency": latency, "rate": rate, "full": full}[sys.argv[1]]()
