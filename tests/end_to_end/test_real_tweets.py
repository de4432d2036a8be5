"""The whole of a real labelled list, where one is at hand: TEST_TWEETS names its folder."""

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from adc import clean
from adc.lookup_server.corpus import load_corpus
from adc.lookup_server.server import LookupServer
from tests.end_to_end.submit import Submitter, table

FOLDER = Path(os.environ.get("TEST_TWEETS", "nowhere"))

pytestmark = [
    pytest.mark.spark,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (FOLDER / "ids.csv").exists(), reason="TEST_TWEETS names no folder with real tweets"
    ),
]


def test_every_real_text_arrives_byte_for_byte_and_is_cleaned(submit: Submitter) -> None:
    given = pq.read_table(FOLDER / "texts.parquet", columns=["id", "text"]).to_pylist()
    with LookupServer(load_corpus(FOLDER / "texts.parquet")) as server:
        scraped = submit("scrape", "--ids", str(FOLDER / "ids.csv"), "--set", f"scrape.url={server.url}")
    assert scraped.status == 0, scraped.output
    assert scraped.counts["found"] == scraped.counts["asked"] == len(given)
    assert table(submit.lake, "raw_tweets", ["id", "text"]) == sorted(
        (row["id"], row["text"]) for row in given
    )

    cleaned = submit("clean")
    assert cleaned.status == 0, cleaned.output
    assert cleaned.counts["clean"] + cleaned.counts["quarantined"] == len(given)
    assert cleaned.counts["clean"] > 0.99 * len(given)
    sample = table(submit.lake, "clean_tweets", ["text", "clean"])[::20]
    assert [made for _, made in sample] == [clean(text, "model") for text, _ in sample]
