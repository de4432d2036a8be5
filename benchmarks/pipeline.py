"""Time the five jobs on a folder with ids.csv (id, dialect) and texts.parquet (id, text).

    python benchmarks/pipeline.py FOLDER [LAKE]

Prints a row a stage: rows, seconds by the job's own summary, rows a second, and the model's figures.
Seconds begin once there is a Spark session and include Delta's commits; look-ups go to a local server that
answers at once.
"""

import sys
import tempfile
from pathlib import Path

from submit import run_job

from adc import load_bundle
from adc.lookup_server.corpus import load_corpus
from adc.lookup_server.server import LookupServer


def run(lake: Path, job: str, *args: str) -> None:
    told = run_job(job, lake, *args)
    rows = told["counts"].get("input", told["counts"].get("train", 0))
    print(f"{job:<10}{rows:>10,}{told['seconds']:>10.0f}{rows / told['seconds']:>10,.0f}", flush=True)


def main(folder: Path, lake: Path) -> None:
    bundle = lake / "models" / "benchmark"
    print(f"{'stage':<10}{'rows':>10}{'seconds':>10}{'rows/s':>10}")
    with LookupServer(load_corpus(folder / "texts.parquet")) as server:
        run(lake, "scrape", "--ids", str(folder / "ids.csv"), "--set", f"scrape.url={server.url}")
    run(lake, "clean")
    run(lake, "train", "--bundle", str(bundle), "--set", "train.epochs=1")
    run(lake, "score", "--bundle", str(bundle))
    run(lake, "evaluate", "--bundle", str(bundle))
    trained = load_bundle(bundle)
    print(f"training epoch: {trained.history[0]['seconds']:.0f} s on 2 ranks")
    for split, figures in trained.metrics.items():
        print(
            f"{split}: accuracy {100 * figures['accuracy']:.1f} %, macro-F1 {100 * figures['macro_f1']:.1f} %"
        )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        Path(sys.argv[2]).mkdir(parents=True)
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory(prefix="adc-benchmark-") as scratch:
            main(Path(sys.argv[1]), Path(scratch))
