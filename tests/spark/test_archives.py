import bz2
import datetime
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adc.archives import archive_rows, id_rows, read_archive
from adc.errors import UsageError
from adc.settings import InputSettings
from tests.spark.contents import rows

pytestmark = pytest.mark.spark

ID = "1175358310087892993"
TEXTS = {
    ID: 'يا "هلا"\r\nوالله',
    "2": "سطر\nسطر\rسطر 👨‍👩‍👧",
    "3": "\tفاصلة, ؛ ; \\",
}
CSV = "id,text,dialect\n" + "".join(
    f'{key},"{text.replace(chr(34), chr(34) * 2)}",EG\n' for key, text in TEXTS.items()
)
JSON = "".join(json.dumps({"id": key, "text": text}) + "\n" for key, text in TEXTS.items())
FOUND = sorted(TEXTS.items())


def zstd(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


@pytest.fixture
def read(spark, tmp_path):
    """read(name, content, columns…): the rows of a file of this content, as an archive or a list of ids."""

    def run(name, content=None, columns=("id", "text"), shape=archive_rows, **settings):
        path = tmp_path / name
        if content is not None:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        given = InputSettings(**settings)
        return rows(shape(read_archive(spark, str(path), given), str(path), given), *columns)

    return run


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV),
        ("with_bom.csv", "\ufeff" + CSV),
        ("windows.csv", CSV.replace("EG\n", "EG\r\n").replace("dialect\n", "dialect\r\n")),
        ("semicolons.csv", "\ufeff" + CSV.replace(",", ";", 2).replace(',"', ';"').replace('",', '";')),
        ("tabs.csv", CSV.replace(",", "\t", 2).replace(',"', '\t"').replace('",', '"\t')),
        ("A.CSV", CSV),
        ("a.csv.gz", gzip.compress(CSV.encode())),
        ("a.csv.bz2", bz2.compress(CSV.encode())),
        ("a.csv.zst", zstd(CSV.encode())),
        ("a.jsonl", JSON),
        ("a.ndjson.gz", gzip.compress(JSON.encode())),
        ("a.json.zst", zstd(JSON.encode())),
        ("numbers.json", JSON.replace(f'"{ID}"', ID)),
        ("unnamed", CSV),
    ],
)
def test_texts_and_ids_come_byte_for_byte_from_csv_and_json_lines(read, name, content):
    form = "csv" if name == "unnamed" else "auto"
    assert read(name, content, format=form) == FOUND


@pytest.mark.parametrize("ids", [pa.string(), pa.int64()])
def test_parquet_and_delta_with_ids_as_strings_or_integers(read, spark, tmp_path, ids):
    table = pa.table({"id": pa.array(map(int, TEXTS), pa.int64()).cast(ids), "text": list(TEXTS.values())})
    pq.write_table(table, tmp_path / "a.parquet")
    assert read("a.parquet") == FOUND
    spark.read.parquet(str(tmp_path / "a.parquet")).write.format("delta").save(str(tmp_path / "delta"))
    assert read("delta") == FOUND


def test_plain_lines_are_texts_or_ids(read):
    assert read("lines.txt.bz2", bz2.compress("سلام\r\n\n  عليكم".encode()), ("text",)) == [
        ("",),
        ("  عليكم",),
        ("سلام",),
    ]
    listed = read("ids.txt", f"{ID}\n 2 \r\n3\t\n\n", ("id", "dialect"), id_rows)
    assert listed == [("", None), (ID, None), ("2", None), ("3", None)]


def test_a_folder_is_all_of_its_files(read, tmp_path):
    (tmp_path / "folder").mkdir()
    for name, content in {"_SUCCESS": "", "1.csv": "id,text\n1,a\n", "2.csv": "id,text\n2,b\n"}.items():
        (tmp_path / "folder" / name).write_text(content)
    assert read("folder") == [("1", "a"), ("2", "b")]


def test_columns_are_found_by_their_usual_names_or_by_settings(read):
    usual = "Tweet_ID,Full_Text,Country,user_id,date\n1,نص, EG ,9,2020-01-02\n2,نص, ,,\n"
    shown = ("id", "source", "text", "dialect", "author", "created_at", "split", "weight")
    day = datetime.datetime(2020, 1, 2)
    assert read("usual.csv", usual, shown) == [
        ("1", "usual.csv", "نص", "EG", "9", day, None, 1.0),
        ("2", "usual.csv", "نص", None, None, None, None, 1.0),
    ]
    own = {"id": "a.b", "text": "c`d", "label": "text", "author": "id", "created_at": "e f"}
    assert read(
        "own.csv",
        "id,text,a.b,c`d,e f\n7,EG,1,نص,2020-01-02\n",
        shown,
        source="mine",
        split="val",
        weight=2,
        **own,
    ) == [("1", "mine", "نص", "EG", "7", day, "val", 2.0)]
    assert read("one.csv", f"whatever\n{ID}\n", ("id", "dialect"), id_rows) == [(ID, None)]


def test_rows_without_an_id_get_one_from_their_text(read):
    hello, empty = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e", "sha256:e3b0c44298fc1c149afbf4c8996fb924"
    assert read("a.csv", "id,text\n,hello\n  ,hello\n4,hello\n,\n") == [
        ("4", "hello"),
        (hello, "hello"),
        (hello, "hello"),
        (empty, None),
    ]


def test_times_are_utc_from_iso_8601_and_from_twitters_old_form(read):
    written = {
        "2020-01-02T03:04:05.678+03:00": datetime.datetime(2020, 1, 2, 0, 4, 5, 678_000),
        "2020-01-02T03:04:05Z": datetime.datetime(2020, 1, 2, 3, 4, 5),
        "2020-01-02 03:04:05": datetime.datetime(2020, 1, 2, 3, 4, 5),
        "Wed Aug 27 13:08:45 +0000 2008": datetime.datetime(2008, 8, 27, 13, 8, 45),
        "yesterday": None,
        "": None,
    }
    lines = [f"{number},نص,{time}" for number, time in enumerate(written)]
    found = read("times.csv", "\n".join(["id,text,created_at", *lines]), ("id", "created_at"))
    assert found == [(str(number), time) for number, time in enumerate(written.values())]


@pytest.mark.parametrize(
    ("name", "content", "settings", "message"),
    [
        ("missing.csv", None, {}, "missing.csv does not exist"),
        ("empty.csv", "", {}, "empty.csv is empty"),
        ("empty.jsonl", "", {}, "empty.jsonl is empty"),
        ("a.xlsx", "x", {}, "a.xlsx: its name tells no form; --set input.format="),
        (
            "a.csv",
            "id,body_of_it\n",
            {},
            "no column for the texts; --set input.text=… names one of id, body_of_it",
        ),
        ("a.csv", "id,text\n", {"text": "txt"}, "input.text=txt: no such column; there are id, text"),
        ("a.csv", "id,text\n", {"label": "x"}, "input.label=x: no such column"),
        ("bad.jsonl", "no\nJSON\n", {}, "bad.jsonl: no line of it is JSON"),
        ("bad.parquet", "no Parquet", {}, "bad.parquet cannot be read as parquet: .* is not a Parquet file"),
        ("bad.csv.gz", "no gzip", {}, "bad.csv.gz cannot be read as csv: .*"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(read, name, content, settings, message):
    with pytest.raises(UsageError, match=message):
        read(name, content, **settings)


@pytest.mark.parametrize("shape", [archive_rows, id_rows])
def test_ids_that_have_been_rounded_are_refused(read, tmp_path, shape):
    pq.write_table(pa.table({"id": [float(ID)], "text": ["نص"]}), tmp_path / "a.parquet")
    with pytest.raises(
        UsageError, match=r"a\.parquet: column id holds ids as double, which has rounded them"
    ):
        read("a.parquet", shape=shape)


def test_a_list_without_ids_is_refused(read):
    with pytest.raises(UsageError, match=r"no column for the tweet ids; --set input\.id=… names one of a, b"):
        read("a.csv", "a,b\n1,2\n", shape=id_rows)
