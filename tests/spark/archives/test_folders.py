"""Folders of archives: which of their files are read, what they must have in common, and what is refused."""

import gzip
import json
import random
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adc.archives import id_rows
from adc.archives.lines import name_within
from adc.errors import UsageError
from adc.files import Files
from tests.spark.archives.invented import GOOD, json_lines

pytestmark = pytest.mark.spark


def test_a_folder_is_all_of_its_files(read, tmp_path):
    (tmp_path / "folder").mkdir()
    files = {"_SUCCESS": "", "0.csv": "", "1.csv": "id,text\n1,a\n", "2.csv": "id,text\n2,b\n"}
    for name, content in files.items():
        (tmp_path / "folder" / name).write_text(content)
    assert read("folder") == [("1", "a"), ("2", "b")]
    (tmp_path / "folder" / "3.csv").write_bytes('\ufeffid,"Text"\r\n3,c\r\n'.encode())
    assert ("3", "c") in read("folder")
    (tmp_path / "folder" / "5.csv").write_text("text,id\ne,5\n")
    with pytest.raises(UsageError, match=r"1\.csv has id, text; 5\.csv has text, id; read them"):
        read("folder")


@pytest.mark.parametrize("folder", ["in", "./in/", "/data/my in"])
def test_files_are_named_by_their_place_in_the_folder(spark, folder):
    files = Files(spark)
    whole = files.qualified(folder).replace("file:/", "file:///").replace(" ", "%20")
    for name in ("a.csv", "lang=main/a.csv", "in/in/a.csv"):
        assert name_within(files, folder, f"{whole}/{name}") == name


@pytest.mark.parametrize("inner", ["", "day=1/"])
def test_lists_of_ids_with_a_header_beside_such_without_one_are_refused(read, tmp_path, inner):
    place = tmp_path / "folder" / inner
    place.mkdir(parents=True)
    for name in ("a.csv", "b.csv"):
        (place / name).write_text("1\n2\n")
    assert read("folder", None, ("id",), id_rows, format="csv") == [("1",), ("1",), ("2",), ("2",)]
    (place / "b.csv").write_text("id\n1\n")
    with pytest.raises(
        UsageError, match=rf"{inner}b\.csv has a header, {inner}a\.csv none: it begins with an id"
    ):
        read("folder", None, ("id",), id_rows, format="csv")


@pytest.mark.parametrize("names", [[f"{n}.csv" for n in range(101)], ["day=1/a.csv", "day=1/b.csv"]])
def test_csv_files_of_other_columns_are_refused_however_many_there_are_and_wherever(read, tmp_path, names):
    folder = tmp_path / "folder"
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("id,text,dialect\n1,x,EG\n")
    assert len(read("folder", format="csv")) == len(names)
    # The last by name.
    last = sorted(names)[-1]
    (folder / last).write_text("id,dialect,text\n2,EG,y\n")
    with pytest.raises(UsageError, match=rf"has id, text, dialect; {last} has id, dialect, text; read them"):
        read("folder", format="csv")


def test_parquet_files_of_one_folder_may_have_columns_that_others_have_not(read, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    pq.write_table(pa.table({"id": ["1"], "text": ["x"]}), folder / "a.parquet")
    pq.write_table(pa.table({"text": ["y"], "id": ["2"], "dialect": ["EG"]}), folder / "b.parquet")
    assert read("folder", columns=("id", "text", "dialect")) == [("1", "x", None), ("2", "y", "EG")]


def test_columns_of_other_types_in_other_parquet_files_are_read_as_strings(read, tmp_path):
    rows = [
        {"id": 3, "text": "x", "dialect": None, "likes": 1},
        {"id": "1234567890123456789", "text": "y", "dialect": "EG", "likes": 1.5},
        {"id": "2", "text": "z", "likes": {"all": 1}},
    ]
    for number, row in enumerate(rows):
        place = tmp_path / "folder" / f"day={number}" / "a.parquet"
        place.parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist([row]), place)
    assert read("folder", columns=("id", "text", "dialect", "day"), keep="day") == [
        ("1234567890123456789", "y", "EG", "1"),
        ("2", "z", None, "2"),
        ("3", "x", None, "0"),
    ]
    (tmp_path / "folder" / "day=3").mkdir()
    (tmp_path / "folder" / "day=3" / "a.parquet").write_text("no Parquet")
    with pytest.raises(UsageError, match=r"folder cannot be read as parquet: .*day=3/a.parquet"):
        read("folder")


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("csv", lambda rows: "\r\n".join(["id,text", *(f"{row['id']},{row['text']}" for row in rows)])),
        ("json", json_lines),
        ("json", lambda rows: "".join(map(json.dumps, rows))),
        ("json", lambda rows: json_lines(rows) + '{"id": "3", "te'),
        ("json", lambda rows: json_lines([rows[:1]]) + "[" + json_lines(rows[1:]) + "torn\n"),
        ("json", lambda rows: json.dumps([row | {"DAY": "another"} for row in rows], indent=1)),
        ("json", lambda rows: f"window.YTD.tweets.part0 = {json.dumps([{'tweet': row} for row in rows])}"),
    ],
    ids=["csv", "lines", "together", "torn", "arrays and torn", "printed, the name within", "tweets.js"],
)
def test_what_folders_name_is_a_column_too(read, tmp_path, form, written):
    days = {"1": [("1", "a"), ("2", "} { b")], "2:00": [("4", "c"), ("5", "d")]}
    for day, rows in days.items():
        place = tmp_path / "parted" / f"day={day}" / "part-0"
        place.parent.mkdir(parents=True)
        place.write_bytes(written([{"id": id_, "text": text} for id_, text in rows]).encode())
    found = read("parted", None, ("id", "text", "day"), format=form, keep="day")
    assert found == [(*row, day) for day, rows in days.items() for row in rows]


@pytest.mark.parametrize("encoding", ["cp1256", "utf-16"])
@pytest.mark.parametrize(("name", "form"), [("b c.csv", "auto"), ("b.txt", "auto"), ("day=1/b", "json")])
def test_of_a_folder_a_file_of_another_encoding_is_refused_by_name(read, tmp_path, encoding, name, form):
    inner = {
        "b c.csv": ["id,text", f"3,{GOOD}"],
        "b.txt": [GOOD],
        "day=1/b": [f'{{"id": "3", "text": "{GOOD}"}}'],
    }
    place = tmp_path / "folder" / name
    place.parent.mkdir(parents=True)
    # More lines of UTF-8 before it than are looked at of a file.
    before = place.with_name("a" + place.suffix)
    before.write_text("".join(f"{line}\n" for line in [inner[name][0], *100 * inner[name][-1:]]))
    place.write_bytes("".join(f"{line}\n" for line in inner[name]).encode(encoding))
    with pytest.raises(UsageError, match=f"folder/{name} is not UTF-8; convert it"):
        read("folder", format=form)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_of_a_folder_a_file_that_is_cut_off_is_refused_by_name(read, tmp_path, form):
    (tmp_path / "folder").mkdir()
    text = random.Random(1).randbytes(50_000).hex()
    whole = gzip.compress(
        (f"id,text\n1,{text}\n" if form == "csv" else json_lines([{"text": text}])).encode()
    )
    (tmp_path / "folder" / f"a.{form}.gz").write_bytes(whole)
    (tmp_path / "folder" / f"b c.{form}.gz").write_bytes(whole[:-10_000])
    with pytest.raises(UsageError, match=rf"folder cannot be read as \w+: /.*b c.{form}.gz: Unexpected end"):
        read("folder")


def test_folders_that_are_empty_or_hold_what_hadoop_cannot_read_are_refused(read, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="folder is an empty folder"):
        read("folder")
    (tmp_path / "folder" / "a 1:2.csv").write_text("id,text\n1,x\n")
    with pytest.raises(
        UsageError, match=r"folder cannot be read as csv: .* with a colon in its name; rename a 1:2"
    ):
        read("folder")


@pytest.mark.parametrize("name", ["_a.txt", ".a.jsonl", "_a.csv"])
def test_files_that_spark_leaves_out_are_refused_by_name(read, name):
    message = f"Spark leaves out files whose name begins with _ or a dot, as {re.escape(name)}; rename it"
    with pytest.raises(UsageError, match=message):
        read(f"folder/{name}", GOOD)
    with pytest.raises(UsageError, match=message):
        read("folder")
