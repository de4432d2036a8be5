"""How training scales on one machine: examples a second of the network, in one run one after the other.

    python benchmarks/train.py FOLDER [--rows 20000] [--set train.batch_size=512]…

1 rank on 1 thread, 2 ranks on a thread each, and 1 rank on 2 threads, by the train job on some tweets of
FOLDER (ids.csv and texts.parquet). The first epoch warms up; the second is what counts.
"""

import argparse
import tempfile
from pathlib import Path

from submit import run_job
from tweets import labelled

from adc.model.bundle import load_bundle

WAYS = {"1 rank, 1 thread": (1, 1), "2 ranks, 1 thread each": (2, 1), "1 rank, 2 threads": (1, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--set", action="append", default=[], help="a setting, key=value")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="adc-benchmark-") as scratch:
        lake, archive = Path(scratch) / "lake", Path(scratch) / "tweets.parquet"
        labelled(arguments.folder).head(arguments.rows).to_parquet(archive, index=False)
        run_job("clean", lake, "--input", str(archive))
        base = 0.0
        for way, (ranks, threads) in WAYS.items():
            settings = [f"train.num_proc={ranks}", "train.epochs=2", f"spark.task.cpus={threads}"]
            name = f"on{ranks}x{threads}"
            settings += [f"train.name={name}", *arguments.set]
            options = [part for setting in settings for part in ("--set", setting)]
            count = run_job("train", lake, *options)["counts"]["train"]
            rate = count / load_bundle(lake / "models" / name).history[-1]["seconds"]
            base = base or rate
            print(f"{way}: {rate:,.0f} examples/s, {rate / base:.2f} of the first", flush=True)


if __name__ == "__main__":
    main()
