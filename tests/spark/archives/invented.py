"""What the invented archives hold, and how it is written to files."""

import json

import pyarrow as pa

ID = "1175358310087892993"
GOOD = "شلونك يا صاحبي اليوم"
V1 = [
    {
        "created_at": "Wed Oct 10 20:19:24 +0000 2018",
        "id": 1050118621198921700,
        "id_str": "1050118621198921728",
        "text": "الصبح كن…",
        "truncated": True,
        "extended_tweet": {"full_text": "الصبح كنت رايح الشغل"},
        "user": {"id": 6253280, "id_str": "6253282", "location": "الرياض"},
    },
    {
        "id_str": "2",
        "text": "RT @a: شلون…",
        "retweeted_status": {"full_text": "شلونكم\nيا جماعة"},
        "user": {"id_str": "7"},
    },
    {
        "id_str": "3",
        "full_text": "RT @a: وش ال…",
        "retweeted_status": {"text": "وش ال…", "extended_tweet": {"full_text": "وش السالفة اليوم"}},
    },
    {"id_str": "4", "full_text": "عايز كده"},
    {"id_str": "5", "text": "بزاف", "retweeted_status": {"text": "بزاف عليا"}},
]
ARCHIVE = "window.YTD.tweets.part0 = " + json.dumps(
    [{"tweet": tweet} for tweet in V1], indent=2, ensure_ascii=False
)


def json_lines(records):
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def zstd(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()
