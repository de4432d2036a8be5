import bz2
import datetime
import gzip
import json
from functools import partial
from pathlib import Path
from shutil import rmtree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adc import classify
from adc.archives import archive_rows, id_rows, open_archive, read_archive
from adc.archives.tweets import BAD_RECORD
from adc.cleaning.stage import clean
from adc.errors import UsageError
from adc.scoring.stage import score
from adc.settings import InputSettings
from adc.tables import CLEAN_TWEETS, PREDICTIONS, QUARANTINE, RAW_TWEETS
from tests.spark.contents import contents, raw_rows, rows

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
GOOD = "شلونك يا صاحبي اليوم"


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
        ("blank_first.csv", "\n\n" + CSV),
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


def test_a_folder_is_all_of_its_files(read, tmp_path):
    (tmp_path / "folder").mkdir()
    for name, content in {"_SUCCESS": "", "1.csv": "id,text\n1,a\n", "2.csv": "id,text\n2,b\n"}.items():
        (tmp_path / "folder" / name).write_text(content)
    assert read("folder") == [("1", "a"), ("2", "b")]
    (tmp_path / "folder" / "3.csv").write_bytes('\ufeffid,"Text"\r\n3,c\r\n'.encode())
    assert ("3", "c") in read("folder")
    (tmp_path / "folder" / "5.csv").write_text("text,id\ne,5\n")
    with pytest.raises(UsageError, match=r"1\.csv has id, text; 5\.csv has text, id; read them"):
        read("folder")


@pytest.mark.parametrize("name", ["a[1].csv", "a{1}.jsonl", "a*.txt", "a?.parquet", "a[1]/b?.csv"])
def test_a_name_is_no_pattern(read, tmp_path, name):
    if name.endswith(".parquet"):
        pq.write_table(pa.table({"id": ["1"], "text": ["x"]}), tmp_path / name)
    content = {".csv": "id,text\n1,x\n", ".jsonl": '{"id": "1", "text": "x"}\n', ".txt": "x\n"}
    for other in ("a1.csv", "a1.jsonl", "aa.txt", "aa.parquet", "a1/bb.csv"):
        (tmp_path / other).parent.mkdir(exist_ok=True)
        (tmp_path / other).write_text("id,text\n2,y\n")
    assert read(name, content.get(Path(name).suffix), ("text",)) == [("x",)]


def test_parquet_files_of_one_folder_may_have_columns_that_others_have_not(read, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    pq.write_table(pa.table({"id": ["1"], "text": ["x"]}), folder / "a.parquet")
    pq.write_table(pa.table({"text": ["y"], "id": ["2"], "dialect": ["EG"]}), folder / "b.parquet")
    assert read("folder", columns=("id", "text", "dialect")) == [("1", "x", None), ("2", "y", "EG")]
    # A column that nobody asks for may be of other types; where files have other columns, too, who knows.
    (tmp_path / "typed").mkdir()
    for number, likes in enumerate((1, 1.5)):
        table = pa.table({"id": ["3"], "text": ["z"], "likes": [likes]})
        pq.write_table(table, tmp_path / "typed" / f"{number}.parquet")
    assert read("typed") == [("3", "z"), ("3", "z")]
    pq.write_table(pa.table({"id": [3], "text": ["z"]}), folder / "c.parquet")
    with pytest.raises(UsageError, match=r"folder cannot be read as parquet: .*merge"):
        read("folder")


def test_times_that_pandas_has_written_in_nanoseconds(read, tmp_path):
    times = pa.array(["2024-03-05T10:00:00.000001", None]).cast(pa.timestamp("ns"))
    pq.write_table(
        pa.table({"id": ["1", "2"], "text": ["x", "y"], "created_at": times}), tmp_path / "a.parquet"
    )
    at = datetime.datetime(2024, 3, 5, 10, 0, 0, 1)
    assert read("a.parquet", columns=("id", "created_at")) == [("1", at), ("2", None)]


def test_what_classify_gives_can_be_an_archive(read, tmp_path):
    found = classify(["شلونك شخبارك"]).assign(text="شلونك شخبارك")
    found.to_parquet(tmp_path / "a.parquet")
    assert read("a.parquet", columns=("id", "text", "created_at")) == [(found["id"][0], "شلونك شخبارك", None)]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_what_folders_name_is_a_column_too(read, tmp_path, name):
    for day, text in (("1", "a"), ("2", "b } { c")):
        place = tmp_path / "parted" / f"day={day}" / name
        place.parent.mkdir(parents=True)
        line = (
            json_lines([{"id": day, "text": text}]) if name == "a.jsonl" else f"id,text\r\n{day},{text}\r\n"
        )
        place.write_bytes(line.encode())
    form = name.rpartition(".")[2].replace("jsonl", "json")
    found = read("parted", None, ("id", "text", "day"), format=form, keep="day")
    assert found == [("1", "a", "1"), ("2", "b } { c", "2")]


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
        ("a.xlsx", "x", {}, "a.xlsx: its name tells no form, nor do its first bytes; --set input.format="),
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
        ("excel.csv", f"id,text\n1,{GOOD}\n".encode("cp1256"), {}, "excel.csv is not UTF-8; convert it"),
        ("excel.txt", f"id\ttext\n1\t{GOOD}\n".encode("utf-16"), {}, "excel.txt is not UTF-8"),
        ("excel.jsonl", JSON.encode("utf-16"), {}, "excel.jsonl is not UTF-8"),
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


def test_rows_whose_ids_a_spreadsheet_has_rounded_are_told_apart_by_their_texts(job, lake, tmp_path, capsys):
    path = tmp_path / "a.csv"
    rounded = ("1.23457E+18", "1,23457e18", "1.0799033889487880e+18")
    path.write_text("id,text\n" + "".join(f'"{id_}",{GOOD} {n}\n' for n in "كلن" for id_ in rounded))
    clean(job("clean"), str(path))
    ids = [id_ for (id_,) in contents(lake, CLEAN_TWEETS, "id")]
    assert len(ids) == 3 and all(id_.startswith("sha256:") for id_ in ids)
    assert "9 of the first 1,000 ids are like 1.23457E+18" in capsys.readouterr().out


def test_a_list_without_ids_is_refused(read):
    with pytest.raises(UsageError, match=r"no column for the tweet ids; --set input\.id=… names one of a, b"):
        read("a.csv", "a,b\n1,2\n", shape=id_rows)


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
ARCHIVE = "window.YTD.tweets.part0 = " + json.dumps(
    [{"tweet": tweet} for tweet in V1], indent=2, ensure_ascii=False
)


def json_lines(records):
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


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


def test_what_cannot_be_parsed_goes_to_quarantine_and_the_rest_is_read(job, lake, bundle_path, tmp_path):
    torn = tmp_path / "torn.jsonl"
    lines = [json.dumps({"id": str(n), "text": GOOD}) for n in range(3)]
    torn.write_text("\n".join([lines[0], lines[1][:-9], lines[2], '"no object"', lines[1][:-9], ""]))
    archive = tmp_path / "torn.js"
    archive.write_text(ARCHIVE.replace('"id_str": "2"', '"id_str": 2"').removesuffix("  }\n]"))

    dry = job("clean", dry_run=True)
    clean(dry, str(torn))
    assert not lake.exists(QUARANTINE)
    counts = []
    for path in (torn, torn, archive):
        this = job("clean", input__source="mine")
        clean(this, str(path))
        counts.append({name: number for name, number in this.counts.items() if number})
    assert counts[:2] == [{"input": 5, "clean": 2, "quarantined": 3, "quarantined.bad_record": 3}] * 2
    assert counts[2]["input"] == 5 and counts[2]["quarantined.bad_record"] == 2
    assert contents(lake, CLEAN_TWEETS, "id") == [("0",), ("1050118621198921728",), ("2",), ("3",), ("4",)]
    bad = lake.read(QUARANTINE).where("reason = 'bad_record'")
    records = [json.loads(row["payload"]) for row in bad.collect()]
    assert sorted(row["record"] for row in records if row["source"] == str(torn)) == [
        '"no object"',
        lines[1][:-9],
    ]
    assert all(len(row["row_key"]) == len("sha256:") + 32 for row in bad.collect())

    this = job("score")
    score(this, str(torn), bundle_path)
    assert (this.counts["input"], this.counts["quarantined.bad_record"]) == (2, 3)
    assert lake.read(QUARANTINE).where("stage = 'score'").count() == 2
    assert rows(open_archive(job("scrape"), str(torn), id_rows), "id") == [("0",), ("2",)]


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


def test_labels_are_spelled_by_the_users_own_file(job, read, tmp_path, capsys):
    content = "id,text,dialect\n" + "".join(
        f"{n},نص,{label}\n" for n, label in enumerate(["Egypt", " EGYPTIAN ", "مصر", "eg", "MSA", "Gulf", ""])
    )
    expected = ["EG", "EG", "EG", "EG", None, "Gulf", None]
    for name, mapping in {
        "labels.yaml": "Egypt: EG\negyptian: EG\nمصر: EG\nMSA: null\n",
        "labels.csv": "\ufeffEgypt;EG\r\negyptian;EG\r\nمصر;EG\r\n\r\nMSA;\r\n",
    }.items():
        (tmp_path / name).write_text(mapping)
        found = read("a.csv", content, ("id", "dialect"), labels=str(tmp_path / name))
        assert [label for _, label in found] == expected
        found = read("a.csv", content, ("id", "dialect"), id_rows, labels=str(tmp_path / name))
        assert [label for _, label in found] == expected
    open_archive(job("clean", input__labels=tmp_path / "labels.csv"), str(tmp_path / "a.csv"))
    assert "no code and not in …/labels.csv, kept as they are: Gulf\n" in capsys.readouterr().out.replace(
        str(tmp_path), "…"
    )


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


def test_a_full_pass_where_the_table_no_longer_keeps_what_has_changed(job, lake, bundle_path, capsys):
    def change(table, records, *numbers):
        for number in numbers:
            lake.merge(table, records(lake, {"id": "1", "text": f"{GOOD} {number}"}))

    def run(stage):
        this = job(stage)
        clean(this) if stage == "clean" else score(this, bundle_path=bundle_path)
        return this.counts["input"]

    folder = Path(lake.root.removeprefix("file:"))
    log, changes = folder / "raw_tweets" / "_delta_log", folder / "clean_tweets" / "_change_data"
    change(RAW_TWEETS, raw_rows, 1)
    assert (run("clean"), run("score")) == (1, 1)
    lake.spark.sql(f"ALTER TABLE delta.`{log.parent}` SET TBLPROPERTIES ('delta.checkpointInterval' = '1')")
    change(RAW_TWEETS, raw_rows, 2, 3)
    newest = max(file.name for file in log.glob("*.checkpoint.parquet"))[:20]
    # As Delta clears its log of what is older than delta.logRetentionDuration, and VACUUM the change feed.
    for file in log.iterdir():
        if file.name.lstrip(".")[:20].isdigit() and file.name.lstrip(".")[:20] < newest:
            file.unlink()
    assert run("clean") == 1
    assert contents(lake, CLEAN_TWEETS, "text") == [(f"{GOOD} 3",)]
    rmtree(changes)
    assert run("score") == 1
    assert capsys.readouterr().out.count("a full pass: what changed since the last run is no longer in") == 2
    assert (run("clean"), run("score")) == (0, 0)


def test_rows_that_are_no_rows_are_set_aside_and_mixed_line_endings_read(spark, tmp_path):
    path = tmp_path / "a.csv"
    lines = ["id,text,dialect\r", "1,سلام,EG", "2,هلا,SA\r", "", "3,صباح الخير, يا ناس,EG", "4,قصير"]
    path.write_bytes("\n".join([*lines, '5,"a\r\nb",\r', ""]).encode())
    frame = read_archive(spark, str(path), InputSettings())
    bad = [row[0] for row in frame.where(f"{BAD_RECORD} IS NOT NULL").select(BAD_RECORD).collect()]
    assert [record.split(",")[0] for record in bad] == ["3", "4"]
    good = frame.where(f"{BAD_RECORD} IS NULL").drop(BAD_RECORD)
    assert [tuple(row) for row in good.collect()] == [
        ("1", "سلام", "EG"),
        ("2", "هلا", "SA"),
        ("5", "a\r\nb", None),
    ]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([f'{ID},"سلام,EG', f"{ID}4,هلا,SA", f'{ID}5,"صباح,MA'], True),
        (['1,"سلام,EG', "2,هلا,SA"], True),
        (['1,"سلام\nهلا, 1175358310087892993\n0501234567, الان",EG', '2,"يا ""هلا"" والله",SA'], False),
    ],
)
def test_a_quotation_mark_that_is_not_closed_is_told(job, lake, tmp_path, capsys, rows, told):
    (tmp_path / "a.csv").write_text("\n".join(["id,text,dialect", *rows, ""]))
    open_archive(job("clean"), str(tmp_path / "a.csv"))
    assert ("holds what looks like other rows: a quotation mark" in capsys.readouterr().out) == told


def test_a_csv_of_one_column_is_not_cut_at_its_commas(spark, tmp_path):
    (tmp_path / "a.csv").write_text("text\nسلام, يا ناس\n")
    frame = read_archive(spark, str(tmp_path / "a.csv"), InputSettings())
    assert [row["text"] for row in frame.collect()] == ["سلام, يا ناس"]
