"""Forms, names, encodings and line endings of archives, and lists of ids."""

import bz2
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adc import classify
from adc.archives import Source, id_rows, read_archive
from adc.cleaning.stage import clean
from adc.errors import UsageError
from adc.settings import InputSettings
from adc.tables import CLEAN_TWEETS
from tests.spark.archives.invented import GOOD, ID, zstd
from tests.spark.contents import contents

pytestmark = pytest.mark.spark

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


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV),
        ("with_bom.csv", "\ufeff" + CSV),
        ("blank_first.csv", "\n\n" + CSV),
        ("windows.csv", CSV.replace("EG\n", "EG\r\n").replace("dialect\n", "dialect\r\n")),
        ("semicolons.csv", "\ufeff" + CSV.replace(",", ";", 2).replace(',"', ';"').replace('",', '";')),
        ("tabs.csv", CSV.replace(",", "\t", 2).replace(',"', '\t"').replace('",', '"\t')),
        ("A.CSV", CSV),
        ("a.csv.gz", gzip.compress(CSV.encode())),
        ("A.CSV.GZ", gzip.compress(CSV.encode())),
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


TORN = GOOD.encode() + b" \xd8 \xff\xee\x80"
JSON_OF_TORN = b'{"id": "1", "text": "' + TORN + b'"}'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.parquet", None),
        ("a.txt", TORN),
        ("a.csv", b"text\n" + TORN),
        ("a.jsonl", JSON_OF_TORN + b'\n{"id": "2", "text": ""}\n'),
        ("a.json", b"[\n" + JSON_OF_TORN + b"\n]"),
    ],
    ids=["parquet", "text", "csv", "json lines", "json array"],
)
def test_bytes_that_are_no_utf_8_are_replaced_and_lose_no_row(job, lake, tmp_path, name, content):
    if content is None:
        pq.write_table(pa.table({"text": pa.array([TORN]).view(pa.string())}), tmp_path / name)
    else:
        (tmp_path / name).write_bytes(content)
    clean(job("clean"), str(tmp_path / name))
    ((text,),) = contents(lake, CLEAN_TWEETS, "text")
    assert text.startswith(GOOD) and "\ufffd" in text


def test_plain_lines_are_texts_or_ids(read):
    assert read("lines.txt.bz2", bz2.compress("سلام\r\n\n  عليكم".encode()), ("text",)) == [
        ("",),
        ("  عليكم",),
        ("سلام",),
    ]
    listed = read("ids.txt", f"{ID}\n 2 \r\n3\t\n\n", ("id", "dialect"), id_rows)
    assert listed == [("", None), (ID, None), ("2", None), ("3", None)]
    assert read("ids.csv", f"{ID}\r\n2\r\n", ("id",), id_rows) == [(ID,), ("2",)]


def test_a_csv_of_one_column_is_not_cut_at_its_commas(spark, tmp_path):
    (tmp_path / "a.csv").write_text("text\nسلام, يا ناس\n")
    frame = read_archive(spark, Source(str(tmp_path / "a.csv")), InputSettings())
    assert [row["text"] for row in frame.collect()] == ["سلام, يا ناس"]


@pytest.mark.parametrize("siblings", [True, False])
@pytest.mark.parametrize(
    "name", ["a[1].csv", "a{1}.csv", "a{1}.jsonl", "a*.txt", "a?.parquet", "a[1]/b?.csv", r"a\1.csv"]
)
def test_a_name_is_no_pattern(read, tmp_path, name, siblings):
    if name.endswith(".parquet"):
        pq.write_table(pa.table({"id": ["1"], "text": ["x"]}), tmp_path / name)
    content = {".csv": "id,text\n1,x\n", ".jsonl": '{"id": "1", "text": "x"}\n', ".txt": "x\n"}
    for other in ("a1.csv", "a1.jsonl", "aa.txt", "aa.parquet", "a1/bb.csv") if siblings else ():
        (tmp_path / other).parent.mkdir(exist_ok=True)
        (tmp_path / other).write_text("text,author,id\ny,z,2\n")
    assert read(name, content.get(Path(name).suffix), ("text",)) == [("x",)]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("id,text, dialect", "1,x,EG"),
        ("text\t dialect \t id", "x\tEG\t1"),
        ('\ufeff"id","text" ,"dialect"\r', '"1","x","EG"\r'),
        (',id,text,"more\n\nabout it, in words",dialect,', "0,1,x,y,EG,"),
    ],
    ids=["blanks", "tabs", "quotes", "names that are missing or of many lines"],
)
def test_names_of_a_header_are_read_without_what_surrounds_them(read, header, row):
    assert read("a.csv", f"{header}\n{row}\n", ("id", "text", "dialect")) == [("1", "x", "EG")]
    content = gzip.compress(f"{header}\n{row}\n".encode())
    assert read("a.csv.gz", content, ("id", "text", "dialect")) == [("1", "x", "EG")]


def test_what_classify_gives_can_be_an_archive(read, tmp_path):
    found = classify(["شلونك شخبارك"]).assign(text="شلونك شخبارك")
    found.to_parquet(tmp_path / "a.parquet")
    assert read("a.parquet", columns=("id", "text", "created_at")) == [(found["id"][0], "شلونك شخبارك", None)]


@pytest.mark.parametrize(
    ("name", "content", "settings", "message"),
    [
        ("missing.csv", None, {}, "missing.csv does not exist"),
        ("empty.csv", "", {}, "empty.csv is empty"),
        ("empty.jsonl", "", {}, "empty.jsonl is empty"),
        ("a.xlsx", "x", {}, "a.xlsx: its name tells no form, nor do its first bytes; --set input.format="),
        (
            "a.csv",
            "id,body_of_it\n",
            {},
            "no column for the texts; --set input.text=… names one of id, body_of_it",
        ),
        ("a.csv", "id,text\n", {"text": "txt"}, "input.text=txt: no such column; there are id, text"),
        ("a.csv", "id,text\n", {"label": "x"}, "input.label=x: no such column"),
        ("a.csv", "id,text,Dialect,dialect\n1,x,EG,EG\n", {}, "a.csv: it has 2 columns named dialect; leave"),
        ("a.csv", "\r\nid,text\r\n1,x\r\n", {}, "a.csv: its first line is blank; it has to name the columns"),
        (
            "a 12:00.csv",
            "id,text\n1,x\n",
            {},
            "Hadoop reads no file with a colon in its name; rename a 12:00.csv",
        ),
        ("a 12:00", "id,text\n1,x\n", {}, "a 12:00 cannot be read: Hadoop reads no file with a colon"),
        (
            "b.xlsx",
            b"PK\x03\x04\x14",
            {},
            "b.xlsx is an Excel or ZIP file: save it as CSV UTF-8, or unzip it",
        ),
        ("b.csv", b"PK\x03\x04\x14", {"format": "csv"}, "b.csv is an Excel or ZIP file"),
        ("b.xls", b"\xd0\xcf\x11\xe0\xa1", {}, "b.xls is an Excel or ZIP file"),
        ("b.csv", gzip.compress(CSV.encode()), {}, r"b.csv is compressed: .* its name ends in \.gz"),
        ("b.jsonl", zstd(JSON.encode()), {}, r"b.jsonl is compressed: .* its name ends in \.zst"),
        ("texts.json", '["x", "y"]', {}, "texts.json: its values are no objects; each has to be one"),
        ("texts.jsonl", '"x"\n"y"\n', {}, "texts.jsonl: its values are no objects"),
        ("printed.json", '[\n"x",\n"y"\n]', {}, "printed.json: its values are no objects"),
        (
            "nested.jsonl",
            '{"id": "1", "text": {"ar": "x"}}',
            {},
            r"column text holds struct<ar:string>; --set ",
        ),
        ("columns.json", '{"id": {"0": 1}, "text": {"0": "x"}}', {}, "orient='records', lines=True"),
        ("bad.jsonl", "no\nJSON\n", {}, "bad.jsonl: no line of it is JSON"),
        ("bad.parquet", "no Parquet", {}, "bad.parquet cannot be read as parquet: .* is not a Parquet file"),
        ("bad.csv.gz", "no gzip", {}, "bad.csv.gz cannot be read as csv: .*"),
        ("excel.csv", f"id,text\n1,{GOOD}\n".encode("cp1256"), {}, "excel.csv is not UTF-8; convert it"),
        ("excel.txt", f"id\ttext\n1\t{GOOD}\n".encode("utf-16"), {}, "excel.txt is not UTF-8"),
        ("excel.jsonl", JSON.encode("utf-16"), {}, "excel.jsonl is not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(read, name, content, settings, message):
    with pytest.raises(UsageError, match=message):
        read(name, content, **settings)


def test_folders_with_files_of_different_forms_are_refused_by_name(read, tmp_path):
    for folder in ("data", "data.csv"):
        (tmp_path / folder).mkdir()
        for name, content in {"LICENSE.txt": "free\n", "a.csv": CSV, "b.csv": CSV}.items():
            (tmp_path / folder / name).write_text(content)
    with pytest.raises(UsageError, match=r"forms: LICENSE\.txt \(text\), a\.csv \(csv\); name one of them"):
        read("data")
    for folder, form in (("data", "csv"), ("data.csv", "auto")):
        with pytest.raises(UsageError, match=r"LICENSE\.txt has free; a\.csv has id, text"):
            read(folder, format=form)
        (tmp_path / folder / "LICENSE.txt").unlink()
        assert read(folder) == sorted(2 * FOUND)


@pytest.mark.parametrize("form", ["auto", "csv"])
def test_addresses_of_the_web_are_refused_by_name(spark, form):
    with pytest.raises(
        UsageError, match=r"https://a\.example/b\.csv: nothing is read from the web; download"
    ):
        read_archive(spark, Source("https://a.example/b.csv"), InputSettings(format=form))
