"""All five stages with the lake on an S3-compatible server: moto's, of PyPI, on loopback. A long test."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyspark
import pytest
import requests
import yaml

from adc.lookup_server.corpus import load_corpus
from adc.lookup_server.server import LookupServer
from adc.samples import write_sample_corpus
from tests.end_to_end.submit import QUICK, ROOT

JARS = list((Path(pyspark.__file__).parent / "jars").glob("hadoop-aws-*.jar"))
MOTO = Path(sys.prefix) / "moto" / "bin" / "moto_server"
pytestmark = [
    pytest.mark.spark,
    pytest.mark.slow,
    pytest.mark.cluster,
    pytest.mark.skipif(
        not (JARS and MOTO.exists()), reason="no jars for S3, or no server of it: `make test-cluster`"
    ),
]

ROWS = 1500
KEY = "k3y-of-the-store"
LAKE = "s3a://lake/adc"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Variables that name a store with an empty bucket, and its keys."""
    log = (tmp_path_factory.mktemp("store") / "log").open("w+")
    server = subprocess.Popen(
        [str(MOTO), "-H", "127.0.0.1", "-p", "0"],
        stdout=log,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        url = address(Path(log.name))
        requests.put(f"{url}/lake", timeout=30).raise_for_status()
        yield {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "adc", "AWS_SECRET_ACCESS_KEY": KEY} | {
            "AWS_REGION": "us-east-1",
            "ADC_LAKE__ROOT": LAKE,
        }
    finally:
        server.terminate()
        server.wait()


def address(log: Path) -> str:
    deadline = time.monotonic() + 60
    while "Running on " not in (told := log.read_text()):
        assert time.monotonic() < deadline, told
        time.sleep(0.1)
    return told.partition("Running on ")[2].split()[0]


def test_all_stages_with_keys_from_the_environment_alone(environment: dict[str, str], tmp_path: Path) -> None:
    cluster = yaml.safe_load((ROOT / "conf" / "cluster.yaml").read_text(encoding="utf-8"))["spark"]
    s3a = [
        word
        for key, value in cluster.items()
        if key.startswith("spark.hadoop.fs.s3a.")
        for word in ("--set", f"{key}={value}")
    ]

    def run(stage: str, *args: str) -> dict[str, int]:
        summary = tmp_path / f"{stage}.json"
        done = subprocess.run(
            ["spark-submit", f"jobs/{stage}.py", *s3a, *args, "--summary", str(summary)],
            cwd=ROOT,
            env=os.environ | QUICK | environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        assert KEY not in done.stdout
        told = json.loads(summary.read_text(encoding="utf-8"))
        assert KEY not in json.dumps(told)
        counts: dict[str, int] = told["counts"]
        return counts

    corpus = tmp_path / "corpus.csv"
    write_sample_corpus(corpus, ROWS, seed=7)
    with LookupServer(load_corpus(corpus)) as api:
        counts = run("scrape", "--ids", f"file://{corpus}", "--set", f"scrape.url={api.url}")
    assert counts["found"] == ROWS
    clean = run("clean")["clean"]
    trained = run("train", "--set", "train.epochs=1", "--set", "train.preset=classic-gru")
    assert trained["train"] > 0.7 * clean
    bundle = ("--bundle", f"{LAKE}/models/adc")
    counts = run("score", *bundle)
    assert counts["scored"] + counts["noted"] == clean
    assert run("score", *bundle)["input"] == 0
    assert run("evaluate", *bundle)["input"] == trained["test"]
