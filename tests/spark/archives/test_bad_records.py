"""Records that are none: set aside, while the rest is read; and quotation marks that are never closed."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adc.archives import Source, id_rows, open_archive, read_archive
from adc.archives.tweets import BAD_RECORD, FILE
from adc.cleaning.stage import clean
from adc.errors import UsageError
from adc.scoring.stage import score
from adc.settings import InputSettings
from adc.tables import CLEAN_TWEETS, QUARANTINE
from tests.spark.archives.invented import ARCHIVE, GOOD, ID
from tests.spark.contents import contents, rows

pytestmark = pytest.mark.spark


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
    assert rows(open_archive(job("scrape"), Source(str(torn)), id_rows), "id") == [("0",), ("2",)]


@pytest.mark.parametrize(
    ("form", "first", "rest", "record"),
    [
        ("csv", "id,text", "1,x", "2,y,"),
        ("json", "", '{"id": "1", "text": "x"}', '{"id": "2", "te'),
        ("json", "", '{"id": "1", "text": "x"} {"id": "3", "text": "z"}', '{"id": "2", "te'),
    ],
    ids=["csv", "json lines", "side by side"],
)
def test_a_bad_record_of_a_folder_is_told_with_its_file(job, lake, tmp_path, form, first, rest, record):
    places = [tmp_path / "in" / folder / "a b+%41" for folder in ("day=1", "day=2", "day=3")]
    for place in places:
        place.parent.mkdir(parents=True)
        place.write_text(
            "\n".join([*([first] if first else []), rest, *([] if place is places[0] else [record]), ""])
        )
    this = job("scrape", input__format=form)
    open_archive(this, Source(str(tmp_path / "in")), id_rows)
    ((payload,),) = contents(lake, QUARANTINE, "payload")
    assert json.loads(payload) == {"source": str(places[1]), "record": record}
    assert this.counts["quarantined.bad_record"] == 2


def test_what_a_table_holds_that_somebody_could_not_parse_is_told_with_the_table(job, lake, tmp_path):
    path = tmp_path / "a.parquet"
    records = {"id": ["1", None], "text": ["x", None], BAD_RECORD: [None, '{"id": "2", "te']}
    pq.write_table(pa.table(records), path)
    archive = open_archive(job("scrape"), Source(str(path)), id_rows)
    assert rows(archive, "id") == [("1",)]
    ((payload,),) = contents(lake, QUARANTINE, "payload")
    assert json.loads(payload) == {"source": str(path), "record": '{"id": "2", "te'}


def test_rows_that_are_no_rows_are_set_aside_and_mixed_line_endings_read(spark, tmp_path):
    path = tmp_path / "a.csv"
    lines = ["id,text,dialect\r", "1,سلام,EG", "2,هلا,SA\r", "", "3,صباح الخير, يا ناس,EG", "4,قصير"]
    path.write_bytes("\n".join([*lines, '5,"a\r\nb",\r', ""]).encode())
    frame = read_archive(spark, Source(str(path)), InputSettings())
    bad = [row[0] for row in frame.where(f"{BAD_RECORD} IS NOT NULL").select(BAD_RECORD).collect()]
    assert [record.split(",")[0] for record in bad] == ["3", "4"]
    good = frame.where(f"{BAD_RECORD} IS NULL").drop(BAD_RECORD, FILE)
    assert [tuple(row) for row in good.collect()] == [
        ("1", "سلام", "EG"),
        ("2", "هلا", "SA"),
        ("5", "a\r\nb", None),
    ]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["0,نص,EG", f'{ID},"سلام,EG', f"{ID}4,هلا,SA", f'{ID}5,"صباح,MA'], True),
        (["0,نص,EG", '1,"سلام,EG', "2,هلا,SA"], True),
        (['1,"سلام\nهلا, 1175358310087892993\n0501234567, الان",EG', '2,"يا ""هلا"" والله",SA'], False),
    ],
)
def test_a_quotation_mark_that_is_not_closed_is_told(job, lake, tmp_path, capsys, rows, told):
    (tmp_path / "a.csv").write_text("\n".join(["id,text,dialect", *rows, ""]))
    open_archive(job("clean"), Source(str(tmp_path / "a.csv")))
    assert ("holds what looks like other rows: a quotation mark" in capsys.readouterr().out) == told


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "id,text\n1,x,\n2,y,\n", "each has more or fewer columns than the header, as '1,x,"),
        ("b.csv", 'id,text,dialect\n1,"x,EG\n2,y,SA\n', "each has more or fewer columns"),
        ("c.json", '{"id": "1", "text": "x"\n', "no line of it is JSON"),
    ],
)
def test_a_file_of_bad_records_alone_is_refused(job, lake, tmp_path, dry_run, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=f"{name}: .*{message}"):
        clean(job("clean", dry_run), str(tmp_path / name))
    assert not lake.exists(QUARANTINE)
    (tmp_path / "none.csv").write_text("id,text\n")
    assert rows(open_archive(job("clean", dry_run), Source(str(tmp_path / "none.csv"))), "id") == []
