import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adc.errors import UsageError
from adc.lookup_server.corpus import load_corpus

LONG = "1175358310087892993"  # one more than a float can tell from its neighbours
CSV = f'n,id,text\n1,{LONG},"سطر أول\nسطر ثان, بفاصلة"\nx,007,\n3,1e5,NULL\n'
CSV_TEXTS = {LONG: "سطر أول\nسطر ثان, بفاصلة", "007": "", "1e5": "NULL"}
JSON = f"""{{"id": {LONG}, "text": "وش\\nهذا", "n": [1]}}

{{"id": "007", "text": null}}
{{"n": {{}}, "id": "8"}}
"""
JSON_TEXTS = {LONG: "وش\nهذا", "007": None, "8": None}


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("c.csv", CSV.encode(), CSV_TEXTS),
        ("c.CSV", CSV.replace("\n", "\r\n").encode(), CSV_TEXTS | {LONG: "سطر أول\r\nسطر ثان, بفاصلة"}),
        ("bom.csv", CSV.encode("utf-8-sig"), CSV_TEXTS),
        ("v1.2.csv.gz", gzip.compress(CSV.encode()), CSV_TEXTS),
        ("head.csv", b"id,text\n", {}),
        ("twice.csv", b"id,text\n1,a\n1,b\n", {"1": "b"}),
        ("c.jsonl", JSON.encode(), JSON_TEXTS),
        ("c.json", JSON.encode("utf-8-sig"), JSON_TEXTS),
        ("c.jsonl.gz", gzip.compress(JSON.encode()), JSON_TEXTS),
    ],
)
def test_text_files(tmp_path, name, content, texts):
    (tmp_path / name).write_bytes(content)
    assert load_corpus(tmp_path / name) == texts


@pytest.mark.parametrize(
    "ids",
    [
        pa.array([LONG, "7"]),
        pa.array([int(LONG), 7], pa.int64()),
        pa.array([int(LONG), 7], pa.uint64()),
        pa.array([LONG, "7"], pa.large_string()),
        pa.array([LONG, "7"]).dictionary_encode(),
    ],
    ids=lambda array: str(array.type),
)
def test_parquet_ids_of_every_exact_type(tmp_path, ids):
    table = pa.table({"tweet": ids, "other": [1.0, 2.0], "body": ["نص", None]})
    pq.write_table(table, tmp_path / "c.parquet")
    assert load_corpus(str(tmp_path / "c.parquet"), "tweet", "body") == {LONG: "نص", "7": None}


def parquet(**columns) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("absent.csv", None, "absent.csv cannot be read: "),
        ("absent.parquet", None, "absent.parquet cannot be read: "),
        ("c.xlsx", b"", "c.xlsx: give a .csv, .jsonl or .json file"),
        ("c.parquet.gz", b"", "c.parquet.gz cannot be read: "),
        ("empty.csv", b"", "empty.csv cannot be read: "),
        ("latin.csv", b"id,text\n1,\xe9\n", "latin.csv cannot be read: "),
        ("torn.csv.gz", gzip.compress(CSV.encode(), mtime=0)[:-20], "torn.csv.gz cannot be read: "),
        ("torn.jsonl.gz", gzip.compress(JSON.encode(), mtime=0)[:-20], "torn.jsonl.gz cannot be read: "),
        ("c.csv", b"tweet,text\n1,a\n", "c.csv has no column 'id'; its columns: tweet, text"),
        ("c.csv", b"a;b\n1;2\n", "c.csv has no column 'id' and no column 'text'; its columns: a;b"),
        ("c.csv", b"id,text\n1,a\n,b\n", "c.csv: row 2 has no 'id'"),
        ("c.jsonl", b'{"id": 1}\n', "c.jsonl has no column 'text'; its columns: id"),
        ("c.jsonl", b'{"id": "1", "text": ""}\nnope\n', "c.jsonl, line 2 is not JSON: "),
        ("c.json", b'[{"id": "1", "text": ""}]', "c.json, line 1 is not a JSON object"),
        (
            "c.jsonl",
            b'{"id": 1.17e18, "text": ""}',
            "c.jsonl, line 1: 'id' holds 1.17e+18; write ids as strings",
        ),
        ("c.jsonl", b'{"id": "1", "text": 5}', "c.jsonl, line 1: 'text' holds 5; write texts as strings"),
        ("c.jsonl", b'{"id": null, "text": ""}', "c.jsonl: row 1 has no 'id'"),
        ("c.parquet", parquet(id=["1"], body=[""]), "c.parquet has no column 'text'; its columns: id, body"),
        ("c.parquet", parquet(id=[1.0], text=[""]), "c.parquet: 'id' holds double; write ids as strings"),
        ("c.parquet", parquet(id=["1"], text=[1]), "c.parquet: 'text' holds int64; write texts as strings"),
        ("c.parquet", parquet(id=["1", None], text=["", ""]), "c.parquet: row 2 has no 'id'"),
    ],
)
def test_a_file_that_will_not_do_is_refused_saying_why(tmp_path, name, content, complaint):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError) as refused:
        load_corpus(tmp_path / name)
    assert str(refused.value).startswith(f"{tmp_path}/{complaint}")
