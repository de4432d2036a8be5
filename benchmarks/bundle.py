"""Train the bundle that ships with adc, by the jobs, on a folder of labelled tweets, and say how it does.

    python benchmarks/bundle.py FOLDER --lake DIR [--into adc/bundle]

Cleans ids.csv + texts.parquet (split by hash), extra_train.parquet and the kinds of more_train.parquet (in
the split train, weighted as in benchmarks/tweets.py), trains on all of it and prints the figures on val and
test, as sent and as typed: without links, mentions and line breaks. Once these are known the test split has
served: what goes --into the project is trained anew, on the test split too. The same lake again
goes on, until the test split is taken into training; after that begin with another.
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
from deltalake import DeltaTable
from model import told_plainly
from submit import megabytes, run_job
from tweets import KINDS, labelled, more_tweets, read_tweets

from adc.model.bundle import Bundle, load_bundle

# Words of five tweets or more, as n-grams are: rarer ones may be one person's.
SETTINGS = ("model.min_count=5", "model.bayes_min_count=0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lake", type=Path, required=True, help="where tables and model go")
    parser.add_argument("--into", type=Path, help="where the bundle is copied to")
    arguments = parser.parse_args()

    more = more_tweets(arguments.folder)
    parts = {
        "tweets": (labelled(arguments.folder), 1.0),
        "extra": (pd.read_parquet(arguments.folder / "extra_train.parquet"), 1.0),
    }
    parts |= {kind: (more[more["kind"] == kind], weight) for kind, weight in KINDS.items()}
    for name, (rows, weight) in parts.items():
        cleaned(arguments.lake, name, rows, weight, "auto" if name == "tweets" else "train")
    trained(arguments.lake, "adc")
    rows = read_tweets(arguments.folder)
    for split in ("val", "test"):
        told_plainly(arguments.lake / "models" / "adc", rows[rows["split"] == split], split)
    if arguments.into:
        tweets = labelled(arguments.folder)
        clean = DeltaTable(str(arguments.lake / "clean_tweets")).to_pandas(columns=["id", "split"])
        tests = tweets[tweets["id"].isin(clean.loc[clean["split"] == "test", "id"])]
        cleaned(arguments.lake, "tests", tests, 1.0, "train")
        bundle = trained(arguments.lake, "all")
        shutil.rmtree(arguments.into, ignore_errors=True)
        # Where the table lay on the machine that trained is nobody's business.
        made = dict(bundle.made) | {"data": {"version": bundle.made["data"]["version"]}}
        replace(bundle, name="adc", made=made).save(arguments.into)


def cleaned(lake: Path, name: str, rows: pd.DataFrame, weight: float, split: str) -> None:
    """Brings texts into clean_tweets, under a name, by the clean job."""
    archive = lake / "input" / f"{name}.parquet"
    archive.parent.mkdir(parents=True, exist_ok=True)
    rows[[column for column in ("id", "text", "dialect") if column in rows]].to_parquet(archive, index=False)
    options = [f"input.split={split}", f"input.weight={weight}", f"input.source={name}"]
    settings = [part for option in options for part in ("--set", option)]
    print(name, run_job("clean", lake, "--input", str(archive), *settings)["counts"])


def trained(lake: Path, name: str) -> Bundle:
    """The bundle that the train job makes of the lake, and its figures told."""
    run_job(
        "train", lake, *(part for setting in (*SETTINGS, f"train.name={name}") for part in ("--set", setting))
    )
    bundle = load_bundle(lake / "models" / name)
    print(f"{bundle.model}, {megabytes(lake / 'models' / name):.1f} MB")
    for split, figures in bundle.metrics.items():
        print(split, {key: round(figures[key], 3) for key in ("rows", "accuracy", "macro_f1", "ece")})
    return bundle


if __name__ == "__main__":
    main()
