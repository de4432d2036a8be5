"""What the columns of an archive are taken for: ids, times and labels, and those that are kept."""

import datetime
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adc.archives import Source, archive_rows, id_rows, open_archive
from adc.archives.labels import read_labels
from adc.cleaning.stage import clean
from adc.dialects import DIALECTS
from adc.errors import UsageError
from adc.files import Files
from adc.scoring.stage import score
from adc.tables import CLEAN_TWEETS, PREDICTIONS
from tests.spark.archives.invented import GOOD, ID, json_lines
from tests.spark.conftest import PROJECT
from tests.spark.contents import contents

pytestmark = pytest.mark.spark


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


def test_values_within_others_are_named_with_dots(read):
    nested = json_lines(
        [{"a": {"b": {"id": int(ID)}, "t": "نص", "l": "EG"}, "u": {"n": "x", "at": "2020-01-02"}}]
    )
    own = {"id": "a.b.id", "text": "a.t", "label": "a.l", "author": "u.n", "created_at": "u.at"}
    assert read("a.jsonl", nested, ("id", "text", "dialect", "author", "created_at"), **own) == [
        (ID, "نص", "EG", "x", datetime.datetime(2020, 1, 2))
    ]
    assert read("a.jsonl", nested, ("id", "dialect"), id_rows, id="a.b.id") == [(ID, None)]
    for name, message in {
        "a.b": r"a\.b: that column holds struct<id:string>",
        "a.x": r"a\.x: no such column",
    }.items():
        with pytest.raises(UsageError, match=rf"input\.text={message}"):
            read("a.jsonl", nested, text=name)


def test_values_are_taken_out_of_what_mongodb_puts_around_them(read):
    ago = {"$date": {"$numberLong": "1577836800123"}}
    rows = [
        {"id": {"$numberLong": ID}, "text": "نص", "created_at": ago, "user": {"id": {"$numberInt": "9"}}},
    ]
    assert read("a.jsonl", json_lines(rows), ("id", "author", "created_at")) == [
        (ID, "9", datetime.datetime(2020, 1, 1, 0, 0, 0, 123_000))
    ]


def test_rows_without_an_id_get_one_from_their_text(read):
    hello, empty = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e", "sha256:e3b0c44298fc1c149afbf4c8996fb924"
    assert read("a.csv", "id,text\n,hello\n  ,hello\n4,hello\n,\n") == [
        ("4", "hello"),
        (hello, "hello"),
        (hello, "hello"),
        (empty, None),
    ]
    absent = ("nan", "NaN", "None", "NULL", "NA", "<NA>", " n/a ", "#N/A", r"\N")
    found = read("b.csv", "id,text\n" + "".join(f"{id_},hello\n" for id_ in absent))
    assert found == [(hello, "hello")] * len(absent)


def test_what_cannot_be_seen_around_a_value_is_none_of_it(read):
    lines = "\u200f1\u202c,نص\u200f,\u00a0EG\u00a0,\u202b2020-01-02\n"
    found = read("a.csv", f"id,text,label,date\n{lines}", ("id", "text", "dialect", "created_at"))
    assert found == [("1", "نص\u200f", "EG", datetime.datetime(2020, 1, 2))]


@pytest.mark.parametrize("column", ["author", "dialect"])
def test_what_programs_write_where_there_is_nothing_is_no_author_and_no_label(read, column):
    lines = "1,x,nan\n2,x, None \n3,x,\n4,x,nana\n5,x,NA\n6,x,\\N\n7,x,#N/A\n"
    found = read("a.csv", f"id,text,{column}\n{lines}", ("id", column))
    assert found == [(id_, "nana" if id_ == "4" else None) for id_ in "1234567"]


@pytest.mark.parametrize("shape", [archive_rows, id_rows])
def test_ids_that_have_been_rounded_are_refused(read, tmp_path, shape):
    pq.write_table(pa.table({"id": [float(ID)], "text": ["نص"]}), tmp_path / "a.parquet")
    with pytest.raises(
        UsageError, match=r"a\.parquet: column id holds ids as double, which has rounded them"
    ):
        read("a.parquet", shape=shape)


def test_rows_whose_ids_a_spreadsheet_has_rounded_are_told_apart_by_their_texts(job, lake, tmp_path, capsys):
    path = tmp_path / "a.csv"
    rounded = ("1.23457E+18", "1,23457e18", "1.0799033889487880e+18", f"{ID}.0")
    path.write_text("id,text\n" + "".join(f'"{id_}",{GOOD} {n}\n' for n in "كلن" for id_ in rounded))
    clean(job("clean"), str(path))
    ids = [id_ for (id_,) in contents(lake, CLEAN_TWEETS, "id")]
    assert len(ids) == 3 and all(id_.startswith("sha256:") for id_ in ids)
    assert (
        "12 of the first 1,000 ids are like 1.23457E+18 or 1234567890123456768.0" in capsys.readouterr().out
    )


def test_ids_that_may_number_the_rows_are_told_and_can_be_left_out(job, lake, tmp_path, capsys):
    for name, rows in {"a": (f"{GOOD} ك", f"{GOOD} ل"), "b": (f"{GOOD} ن", f"{GOOD} ل")}.items():
        (tmp_path / f"{name}.csv").write_text(f"id,text\n0,{rows[0]}\n1.0,{rows[1]}\n,{GOOD}\n")
        clean(job("clean", input__id="none"), str(tmp_path / f"{name}.csv"))
    told = "its ids look like row numbers"
    assert told not in capsys.readouterr().out
    found = contents(lake, CLEAN_TWEETS, "text", "id")
    assert [text for text, _ in found] == [GOOD, *(f"{GOOD} {letter}" for letter in "كلن")]
    assert all(id_.startswith("sha256:") for _, id_ in found)
    open_archive(job("clean"), Source(str(tmp_path / "b.csv")))
    assert f"b.csv: {told}" in capsys.readouterr().out
    (tmp_path / "c.csv").write_text(f"id,text\n0,{GOOD}\n{ID},{GOOD}\n")
    open_archive(job("clean"), Source(str(tmp_path / "c.csv")))
    assert told not in capsys.readouterr().out


def test_a_column_named_none_may_hold_the_ids(read):
    assert read("a.csv", "id,none,text\n1,2,x\n", id="none") == [("2", "x")]
    with pytest.raises(UsageError, match="none leaves nothing of a list of ids"):
        read("b.csv", "id,text\n1,x\n", shape=id_rows, id="none")


def test_short_numbers_that_have_been_floats_are_ids(read):
    lines = json_lines([{"id": 7.0, "text": "a"}, {"id": float(ID), "text": "b"}]).replace(
        str(float(ID)), f"{ID}.0"
    )
    (seven, _), (hashed, _) = read("a.jsonl", lines)
    assert seven == "7.0" and hashed.startswith("sha256:")


def test_a_list_without_ids_is_refused(read):
    with pytest.raises(UsageError, match=r"no column for the tweet ids; --set input\.id=… names one of a, b"):
        read("a.csv", "a,b\n1,2\n", shape=id_rows)


def test_times_are_utc_from_iso_8601_and_from_twitters_old_form(read):
    written = {
        "2020-01-02T03:04:05.678+03:00": datetime.datetime(2020, 1, 2, 0, 4, 5, 678_000),
        "2020-01-02T03:04:05Z": datetime.datetime(2020, 1, 2, 3, 4, 5),
        "2020-01-02 03:04:05": datetime.datetime(2020, 1, 2, 3, 4, 5),
        "Wed Aug 27 13:08:45 +0000 2008": datetime.datetime(2008, 8, 27, 13, 8, 45),
        "Wed Aug 27 13:08:45 +0300 2008": datetime.datetime(2008, 8, 27, 10, 8, 45),
        "1577836800": datetime.datetime(2020, 1, 1),
        " 1577836800123 ": datetime.datetime(2020, 1, 1, 0, 0, 0, 123_000),
        "1577836800123456789": datetime.datetime(2020, 1, 1, 0, 0, 0, 123_456),
        "2020-01": datetime.datetime(2020, 1, 1),
        "12:30": None,
        "45356": None,
        "yesterday": None,
        "": None,
    }
    lines = [f"{number:02},نص,{time}" for number, time in enumerate(written)]
    found = read("times.csv", "\n".join(["id,text,created_at", *lines]), ("id", "created_at"))
    assert found == [(f"{number:02}", time) for number, time in enumerate(written.values())]


def test_times_that_pandas_has_written_in_nanoseconds(read, tmp_path):
    times = pa.array(["2024-03-05T10:00:00.000001", None]).cast(pa.timestamp("ns"))
    pq.write_table(
        pa.table({"id": ["1", "2"], "text": ["x", "y"], "created_at": times}), tmp_path / "a.parquet"
    )
    at = datetime.datetime(2024, 3, 5, 10, 0, 0, 1)
    assert read("a.parquet", columns=("id", "created_at")) == [("1", at), ("2", None)]


@pytest.mark.parametrize(("time", "per_second"), [(1577836800, 1), (1577836800500, 1000)])
def test_times_that_are_numbers_in_parquet_and_json(read, tmp_path, time, per_second):
    row = {"id": "1", "text": "x", "created_at": time}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    at = datetime.datetime(2020, 1, 1) + datetime.timedelta(seconds=time / per_second - 1577836800)
    assert read("a.parquet", columns=("id", "created_at")) == [("1", at)]
    assert read("a.jsonl", json_lines([row]), ("id", "created_at")) == [("1", at)]


def test_a_tweet_without_a_time_has_that_of_its_id(read):
    ids = {
        ID: datetime.datetime(2019, 9, 21, 10, 37, 12, 883_000),
        # Of another service: as a tweet's it would be from 2063. A row's number, or a fragment of an id.
        "7123456789012345678": None,
        "12345": None,
        "sha256:0": None,
    }
    lines = [f"{id_},نص," for id_ in ids]
    found = read("a.csv", "\n".join(["id,text,date", *lines]), ("id", "created_at"))
    assert dict(found) == ids
    at = datetime.datetime(2020, 1, 1)
    assert read("b.csv", f"id,text,date\n{ID},نص,2020-01-01\n", ("created_at",)) == [(at,)]


def test_lists_are_kept_with_what_their_members_hold(read):
    tags = [{"text": "رمضان", "indices": [0, 6]}, {"text": "مصر", "indices": [9, 12]}]
    tweets = [
        {"id": "1", "text": "x", "entities": {"hashtags": tags}},
        {"id": "2", "text": "x", "entities": {"hashtags": []}},
    ]
    found = read(
        "a.jsonl", json_lines(tweets), ("id", "entities_hashtags_text"), keep=["entities.hashtags.text"]
    )
    assert found == [("1", '["رمضان","مصر"]'), ("2", "[]")]


def test_times_that_cannot_be_read_are_told(job, tmp_path, capsys):
    path = tmp_path / "a.csv"
    times = ("2020-01-02", "02/01/2020", "nan", "NaT", "", "03/01/2020")
    path.write_text("id,text,date\n" + "".join(f"{n},نص,{time}\n" for n, time in enumerate(times)))
    open_archive(job("clean"), Source(str(path)))
    told = "2 of the first 1,000 times cannot be read, as 02/01/2020; such a row has that of its id"
    assert told in capsys.readouterr().out


def test_labels_are_spelled_by_the_users_own_file(job, read, tmp_path, capsys):
    content = "id,text,dialect\n" + "".join(
        f"{n},نص,{label}\n"
        for n, label in enumerate(["Egypt", " EGYPTIAN ", "مصر\u200f", "eg", "MSA", "Gulf", ""])
    )
    expected = ["EG", "EG", "EG", "EG", None, "Gulf", None]
    for name, mapping in {
        "labels.yaml": "Egypt: EG\negyptian: EG\n\u200fمصر: EG\nMSA: null\n",
        "labels.csv": "\ufeffEgypt;EG\r\negyptian;EG\r\nمصر;EG\r\n\r\nMSA;\r\n",
    }.items():
        (tmp_path / name).write_text(mapping)
        found = read("a.csv", content, ("id", "dialect"), labels=str(tmp_path / name))
        assert [label for _, label in found] == expected
        found = read("a.csv", content, ("id", "dialect"), id_rows, labels=str(tmp_path / name))
        assert [label for _, label in found] == expected
    open_archive(job("clean", input__labels=tmp_path / "labels.csv"), Source(str(tmp_path / "a.csv")))
    assert "no code and not in …/labels.csv, kept as they are: Gulf\n" in capsys.readouterr().out.replace(
        str(tmp_path), "…"
    )


def test_spellings_are_found_among_many(read, tmp_path):
    spellings = ["it's", "a\\b", "مصر", "القاهرة 😍", *map(str, range(200))]
    (tmp_path / "labels.csv").write_text("".join(f"{spelling},EG\n" for spelling in spellings))
    content = "id,text,dialect\n" + "".join(f"{n},نص,{label}\n" for n, label in enumerate(spellings))
    found = read("a.csv", content + "1000,نص,201\n", ("id", "dialect"), labels=str(tmp_path / "labels.csv"))
    assert [label for _, label in sorted(found, key=lambda row: int(row[0]))] == ["EG"] * 204 + ["201"]


@pytest.mark.parametrize(
    ("name", "mapping", "message"),
    [
        ("none.yaml", None, "none.yaml does not exist"),
        ("a.yaml", "- Egypt", "a.yaml: expected lines `spelling: code`"),
        ("b.yaml", "Egypt: [EG]", "b.yaml: Egypt must stand for one code"),
        ("c.yaml", "Egypt: EG\negypt: SD", "c.yaml: egypt stands for EG and for SD"),
        ("d.csv", "Egypt,EG\nSudan\n", "d.csv: Sudan: expected spelling,code"),
        ("e.csv", b"Egypt,\xff", "e.csv cannot be read"),
    ],
)
def test_a_wrong_file_of_labels_is_refused_by_name(read, tmp_path, name, mapping, message):
    if mapping is not None:
        (tmp_path / name).write_bytes(mapping if isinstance(mapping, bytes) else mapping.encode())
    with pytest.raises(UsageError, match=message):
        read("a.csv", "id,text,label\n1,x,y\n", labels=str(tmp_path / name))


def test_kept_columns_go_with_the_rows_into_the_tables(job, lake, bundle_path, tmp_path):
    def run(stage, path=None, keep=""):
        this = job(stage, input__keep=keep)
        (clean if stage == "clean" else partial(score, bundle_path=bundle_path))(this, path and str(path))
        return this.counts

    plain, rich = tmp_path / "plain.csv", tmp_path / "rich.jsonl"
    plain.write_text(f"id,text\n1,{GOOD}\n")
    tweet = {
        "id": "2",
        "text": GOOD,
        "user": {"location": "الرياض", "id": 9007199254740993},
        "lang": "ar",
        "مدينة": "جدة",
    }
    rich.write_text(json_lines([tweet]))
    run("clean", plain)
    assert run("score")["scored"] == 1
    kept = "user.location, lang, user, مدينة"
    run("clean", rich, kept)
    # A table of which a stream has read part gets further columns: the stream goes on.
    assert run("score")["scored"] == 1
    values = ("الرياض", "ar", '{"id":"9007199254740993","location":"الرياض"}', "جدة")
    names = ("id", "user_location", "lang", "user", "مدينة")
    expected = [("1", None, None, None, None), ("2", *values)]
    assert contents(lake, CLEAN_TWEETS, *names) == expected
    assert run("score", keep=kept)["scored"] == 2
    assert contents(lake, PREDICTIONS, *names) == expected
    # Rows of a file that has none of them leave them as they are.
    run("clean", plain)
    assert contents(lake, CLEAN_TWEETS, *names) == expected

    tweet["id"] = "3"
    rich.write_text(json_lines([tweet]))
    assert run("score", rich, kept)["scored"] == 1
    assert contents(lake, PREDICTIONS, *names) == [*expected, ("3", *values)]
    with pytest.raises(UsageError, match=r"input\.keep=city: .*clean_tweets has no column city; run clean"):
        run("score", keep="city")


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (["city"], "input.keep=city: no such column; there are id, text, Dialect"),
        (["Dialect"], "input.keep=Dialect: adc's tables have a column dialect of their own"),
        (["x.y", "x y"], "input.keep=x y: x_y is kept already"),
        (["1st"], "input.keep=1st: the name of a kept column begins with a letter"),
    ],
)
def test_columns_that_cannot_be_kept_are_refused(read, keep, message):
    with pytest.raises(UsageError, match=message):
        read("a.csv", "id,text,Dialect\n1,x,y\n", keep=keep)


@pytest.mark.parametrize("name", ["countries", "madar"])
def test_the_label_files_that_come_with_adc_lead_to_its_codes(spark, name):
    codes = read_labels(Files(spark), str(PROJECT / "conf" / "labels" / f"{name}.yaml"))
    assert set(codes.values()) <= {*DIALECTS.codes, None}
    assert codes["msa"] is None
    if name == "countries":
        told = {codes[spelling] for spelling in codes if spelling.upper() not in DIALECTS.codes}
        assert told == {*DIALECTS.codes, None}
