"""How the cost of each stage grows with the rows, on copies of a folder of tweets, each with a new word.

    python benchmarks/growth.py FOLDER [--sizes 10000,100000,1000000] [--stages scrape,clean,score,evaluate]

Each size has a lake of its own, in which the stages run in order as jobs (train: one epoch). Prints seconds
and rows a second, the megabytes of the lake and the memory of the largest process; and for each stage, from
the two largest sizes, the seconds that do not depend on the rows, the microseconds of one more row, and
the power of the rows that the seconds grow with.
"""

import argparse
import math
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from submit import megabytes, run_job
from tweets import copies, labelled

from adc.lookup_server.server import LookupServer

OPTIONS = {"train": ("--set", "train.epochs=1")}
STAGES = ("scrape", "clean", "train", "score", "evaluate")


def archive(tweets: pd.DataFrame, rows: int, path: Path) -> None:
    """Writes id, text and dialect of so many tweets, a copy at a time."""
    columns = {name: pa.array(tweets[name], pa.string()) for name in ("text", "dialect")}
    schema = pa.schema([(name, pa.string()) for name in ("id", "text", "dialect")])
    with pq.ParquetWriter(path, schema) as writer:
        for first, texts in copies(columns["text"], rows):
            ids = pa.array(range(10**18 + first, 10**18 + first + len(texts))).cast(pa.string())
            dialects = columns["dialect"].slice(0, len(texts))
            writer.write_table(pa.table([ids, texts, dialects], schema=schema))


@contextmanager
def source(path: Path, stages: list[str]) -> Iterator[dict[str, tuple[str, ...]]]:
    """What to tell scrape and clean: where tweets come from, a server or the archive itself."""
    if "scrape" not in stages:
        yield {"clean": ("--input", str(path))}
        return
    ids, texts = (column.to_pylist() for column in pq.read_table(path, columns=["id", "text"]).columns)
    with LookupServer(dict(zip(ids, texts, strict=True))) as server:
        yield {"scrape": ("--ids", str(path), "--set", f"scrape.url={server.url}")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", default="10000,100000,1000000", help="rows, by commas, ascending")
    parser.add_argument("--stages", default="scrape,clean,score,evaluate", help="by commas")
    arguments = parser.parse_args()
    wanted = arguments.stages.split(",")
    stages = [stage for stage in STAGES if stage in wanted]
    tweets = labelled(arguments.folder)
    seconds: dict[str, dict[int, float]] = {stage: {} for stage in stages}
    print(f"{'stage':<10}{'rows':>12}{'seconds':>9}{'rows/s':>9}{'lake, MB':>10}{'memory, MB':>12}")
    for rows in map(int, arguments.sizes.split(",")):
        with tempfile.TemporaryDirectory(prefix="adc-benchmark-") as scratch:
            lake, path = Path(scratch) / "lake", Path(scratch) / "archive.parquet"
            archive(tweets, rows, path)
            with source(path, stages) as given:
                for stage in stages:
                    taken = run_job(stage, lake, *given.get(stage, ()), *OPTIONS.get(stage, ()))["seconds"]
                    seconds[stage][rows] = taken
                    # Of all that ran so far; the sizes ascend.
                    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
                    print(
                        f"{stage:<10}{rows:>12,}{taken:>9.0f}{rows / taken:>9,.0f}{megabytes(lake):>10,.0f}"
                        f"{memory:>12,.0f}",
                        flush=True,
                    )
    for stage, taken in seconds.items():
        if len(taken) > 1:
            *_, (less, short), (more, long) = taken.items()
            row = (long - short) / (more - less)
            power = math.log(long / short) / math.log(more / less)
            print(f"{stage}: {short - row * less:.0f} s and {1e6 * row:.0f} µs a row; power {power:.2f}")


if __name__ == "__main__":
    main()
