"""Tweets as objects: as the APIs give them and as a personal archive wraps them."""

import bz2
import datetime
import gzip
import json

import pytest

from tests.spark.archives.invented import ARCHIVE, ID, V1, json_lines, zstd

pytestmark = pytest.mark.spark

V1_ROWS = [
    ("1050118621198921728", "الصبح كنت رايح الشغل", "6253282", datetime.datetime(2018, 10, 10, 20, 19, 24)),
    ("2", "شلونكم\nيا جماعة", "7", None),
    ("3", "وش السالفة اليوم", None, None),
    ("4", "عايز كده", None, None),
    ("5", "بزاف عليا", None, None),
]
PAGES = [
    {
        "data": [
            {"id": ID, "text": "هلا والله", "author_id": "11", "created_at": "2022-03-01T10:00:00.000Z"},
            {
                "id": "2",
                "text": "RT @b: كلام طو…",
                "author_id": "12",
                "referenced_tweets": [{"type": "quoted", "id": "8"}, {"type": "retweeted", "id": "9"}],
            },
        ],
        "includes": {
            "users": [{"id": "11", "name": "x"}],
            "tweets": [{"id": "8", "text": "غيره"}, {"id": "9", "text": "كلام طويل جدا"}],
        },
        "meta": {"result_count": 2},
    },
    {"meta": {"result_count": 0}},
    {"data": [{"id": "3", "text": "قصير…", "note_tweet": {"text": "قصير وبعده طويل"}}]},
]
PAGES_ROWS = [
    (ID, "هلا والله", "11", datetime.datetime(2022, 3, 1, 10)),
    ("2", "كلام طويل جدا", "12", None),
    ("3", "قصير وبعده طويل", None, None),
]
FLATTENED = [
    PAGES[0]["data"][0] | {"author": {"id": "11", "name": "x"}},
    PAGES[0]["data"][1]
    | {
        "author": {"id": "12"},
        "referenced_tweets": [{"type": "retweeted", "id": "9", "text": "كلام طويل جدا"}],
    },
    PAGES[2]["data"][0],
]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("v1.jsonl.gz", gzip.compress(json_lines(V1).encode()), V1_ROWS),
        ("array.json.zst", zstd(json.dumps(V1, indent=1).encode()), V1_ROWS),
        ("array_on_one_line.json", json.dumps(V1), V1_ROWS),
        ("arrays_on_lines.json", json_lines([V1[:2], V1[2:]]), V1_ROWS),
        ("no_ending", "\ufeff[" + ",\n".join(map(json.dumps, V1)) + "]", V1_ROWS),
        ("tweets.js", ARCHIVE, V1_ROWS),
        ("tweets-part1.js.bz2", bz2.compress(ARCHIVE.replace("= [\n  {", "= [ {").encode()), V1_ROWS),
        ("pages.jsonl", json_lines(PAGES), PAGES_ROWS),
        ("pages_printed.json", "\n".join(json.dumps(page, indent=2) for page in PAGES), PAGES_ROWS),
        ("flattened.jsonl", json_lines(FLATTENED), PAGES_ROWS),
        ("together.jsonl", json_lines(FLATTENED).replace("}\n{", "} {", 1), PAGES_ROWS),
    ],
)
def test_tweets_as_the_apis_and_a_personal_archive_write_them(read, name, content, expected):
    assert read(name, content, ("id", "text", "author", "created_at")) == expected


@pytest.mark.parametrize("wrapper", ["tweet", "data"])
def test_what_stands_beside_a_wrapping_is_read_too(read, wrapper):
    inner = {"id": ID, "text": "نص"}
    beside = {"dialect": "IQ", "user": {"country": "EG", "id": 7}, "text": "غيره"}
    line = json_lines([{wrapper: inner} | beside])
    columns = ("id", "text", "dialect", "author")
    if wrapper == "tweet":
        assert read("a.jsonl", line, columns) == [(ID, "نص", "IQ", "7")]
        own = {"id": "tweet.id", "text": "tweet.text", "label": "user.country"}
        assert read("a.jsonl", line, columns, **own) == [(ID, "نص", "EG", "7")]
    else:
        del beside["text"]
        assert read("a.jsonl", json_lines([{wrapper: inner} | beside]), columns) == [(ID, "نص", "IQ", "7")]
