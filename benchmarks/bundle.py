"""Train the bundle that ships with adc, by the jobs, on a folder of labelled tweets, and say how it does.

    python benchmarks/bundle.py FOLDER --lake DIR [--into adc/bundle]

Cleans ids.csv + texts.parquet (split by hash), extra_train.parquet and the kinds of more_train.parquet (in
the split train, weighted as in benchmarks/tweets.py), trains on all of it and prints the figures on val and
test, as sent and as typed: without links, mentions and line breaks. The same lake again goes on.
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
from model import told_plainly
from submit import megabytes, run_job
from tweets import KINDS, labelled, read_tweets

from adc.model.bundle import load_bundle

# Words of five tweets or more, as n-grams are: nothing that one person alone wrote.
SETTINGS = ["model.min_count=5", "model.bayes_min_count=0", "train.name=adc"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lake", type=Path, required=True, help="where tables and model go")
    parser.add_argument("--into", type=Path, help="where the bundle is copied to")
    arguments = parser.parse_args()

    files = arguments.lake / "input"
    files.mkdir(parents=True, exist_ok=True)
    more = pd.read_parquet(arguments.folder / "more_train.parquet")
    parts = {
        "tweets": (labelled(arguments.folder), 1.0),
        "extra": (pd.read_parquet(arguments.folder / "extra_train.parquet"), 1.0),
    }
    parts |= {kind: (more[more["kind"] == kind], weight) for kind, weight in KINDS.items()}
    for name, (rows, weight) in parts.items():
        rows[[column for column in ("id", "text", "dialect") if column in rows]].to_parquet(
            files / f"{name}.parquet", index=False
        )
        split = "auto" if name == "tweets" else "train"
        options = [f"input.split={split}", f"input.weight={weight}", f"input.source={name}"]
        settings = [part for option in options for part in ("--set", option)]
        print(
            name,
            run_job("clean", arguments.lake, "--input", str(files / f"{name}.parquet"), *settings)["counts"],
        )
    run_job("train", arguments.lake, *(part for setting in SETTINGS for part in ("--set", setting)))

    trained = arguments.lake / "models" / "adc"
    bundle = load_bundle(trained)
    print(f"{bundle.model}, {megabytes(trained):.1f} MB")
    for name, figures in bundle.metrics.items():
        print(name, {key: round(value, 3) for key, value in figures.items() if key != "confusion"})
    rows = read_tweets(arguments.folder)
    for split in ("val", "test"):
        told_plainly(trained, rows[rows["split"] == split], split)
    if arguments.into:
        shutil.rmtree(arguments.into, ignore_errors=True)
        # Where the table lay on the machine that trained is nobody's business.
        made = dict(bundle.made) | {"data": {"version": bundle.made["data"]["version"]}}
        replace(bundle, made=made).save(arguments.into)


if __name__ == "__main__":
    main()
