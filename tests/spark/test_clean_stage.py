import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

from adc.cleaning import load_profile, stage
from adc.cleaning.stage import clean, on_all_slots
from adc.errors import RunError, UsageError
from adc.job import Job
from adc.lake import Lake
from adc.scoring.stage import score
from adc.tables import CLEAN_TWEETS, PREDICTIONS, QUARANTINE, RAW_TWEETS
from tests.spark.contents import compacted, contents, merged_by_range, raw_rows, rows

pytestmark = pytest.mark.spark

GOOD = "شلونك   اليووووم @a https://t.co/x"


def checked(job):
    """The counts of a run, once its sums have been found to hold."""
    count = job.counts
    reasons = sum(number for name, number in count.items() if name.startswith("quarantined."))
    assert count["input"] == count["duplicate"] + count["clean"] + count["quarantined"]
    assert count["quarantined"] == reasons
    return {name: number for name, number in count.items() if number and name != "quarantined"}


@pytest.fixture
def run(job):
    """Runs the stage and gives its counts."""

    def go(path=None, full=False, **overrides):
        this = job("clean", **overrides)
        clean(this, path, full)
        return checked(this)

    return go


def put(lake, *records):
    lake.merge(RAW_TWEETS, raw_rows(lake, *records))


def test_raw_tweets_are_cleaned_once_and_again_only_when_they_change(lake, run):
    put(
        lake,
        {"id": "1", "text": GOOD, "dialect": "KW"},
        {"id": "2", "text": "هلا والله"},
        {"id": "3", "text": "نعم"},
        {"id": "4", "text": "hello @b"},
        {"id": "5", "text": ""},
        {"id": "6", "text": "نص قليل among many more English words"},
        {"id": "7", "text": None, "status": "missing"},
    )
    reasons = ("empty", "no_arabic", "not_arabic", "too_short")
    assert run() == {"input": 6, "clean": 2} | {f"quarantined.{reason}": 1 for reason in reasons}
    cleaned = ("id", "source", "text", "clean", "dialect", "n_words", "arabic_ratio", "weight")
    assert contents(lake, CLEAN_TWEETS, *cleaned) == [
        ("1", "scrape", GOOD, "شلونك اليووم <user> <url>", "KW", 2, 1.0, 1.0),
        ("2", "scrape", "هلا والله", "هلا والله", None, 2, 1.0, 1.0),
    ]
    assert contents(lake, QUARANTINE, "stage", "row_key", "reason") == [
        ("clean", "3", "too_short"),
        ("clean", "4", "no_arabic"),
        ("clean", "5", "empty"),
        ("clean", "6", "not_arabic"),
    ]
    before = contents(lake, CLEAN_TWEETS), contents(lake, QUARANTINE)
    assert run() == {}
    assert (contents(lake, CLEAN_TWEETS), contents(lake, QUARANTINE)) == before

    # One gets another label, one becomes unusable, one usable, one is new: no other is read.
    put(
        lake,
        {"id": "1", "text": GOOD, "dialect": "SA"},
        {"id": "2", "text": "هلا"},
        {"id": "3", "text": "نعم نعم"},
        {"id": "8", "text": "صباح الخير"},
    )
    assert run() == {"input": 4, "clean": 3, "quarantined.too_short": 1}
    assert contents(lake, CLEAN_TWEETS, "id", "dialect") == [("1", "SA"), ("3", None), ("8", None)]
    assert contents(lake, QUARANTINE, "row_key") == [("2",), ("4",), ("5",), ("6",)]
    assert merged_by_range(lake, CLEAN_TWEETS) and merged_by_range(lake, QUARANTINE)


def test_a_full_pass_when_asked_when_the_profile_changes_and_when_the_table_is_gone(lake, run, capsys):
    put(lake, {"id": "1", "text": GOOD}, {"id": "2", "text": "نعم"})
    run()
    assert run(clean__profile="light") == {"input": 2, "clean": 1, "quarantined.too_short": 1}
    assert contents(lake, CLEAN_TWEETS, "clean", "profile_hash") == [
        ("شلونك اليووم", load_profile("light").hash)
    ]
    assert run(full=True, clean__profile="light", clean__min_words=1) == {"input": 2, "clean": 2}
    lake.files.delete(lake.path("clean_tweets"))
    assert run(clean__profile="light", clean__min_words=1) == {"input": 2, "clean": 2}
    assert contents(lake, CLEAN_TWEETS, "id") == [("1",), ("2",)]
    assert contents(lake, QUARANTINE) == []
    assert capsys.readouterr().out.count("a full pass: no earlier run") == 4


def test_going_back_to_earlier_settings_cleans_all_again(lake, run):
    put(lake, {"id": "1", "text": GOOD}, {"id": "2", "text": "نعم"})
    for words, expected in ((2, 1), (1, 2), (2, 1)):
        run(clean__min_words=words)
        assert len(contents(lake, CLEAN_TWEETS)) == expected


def test_of_two_runs_that_write_by_turns_under_other_settings_both_start_anew(lake, run, monkeypatch):
    put(lake, {"id": "1", "text": GOOD})
    commit, light = stage.commit_cleaned, {"clean__profile": "light"}

    def beside(job, staged):
        monkeypatch.setattr(stage, "commit_cleaned", commit)
        assert run(**light) == {"input": 1, "clean": 1}
        return commit(job, staged)

    monkeypatch.setattr(stage, "commit_cleaned", beside)
    with pytest.raises(RunError, match="what is there now is of both"):
        run()
    for settings, profile in ((light, "light"), ({}, "model"), (light, "light")):
        assert run(**settings) == {"input": 1, "clean": 1}
        assert contents(lake, CLEAN_TWEETS, "profile_hash") == [(load_profile(profile).hash,)]


def test_a_full_pass_leaves_a_run_beside_it_alone(lake, run, monkeypatch):
    put(lake, {"id": "1", "text": GOOD}, {"id": "2", "text": GOOD})
    run()
    put(lake, {"id": "3", "text": GOOD})
    commit = stage.commit_cleaned

    def beside(job, staged):
        monkeypatch.setattr(stage, "commit_cleaned", commit)
        assert run(full=True) == {"input": 3, "clean": 3}
        return commit(job, staged)

    monkeypatch.setattr(stage, "commit_cleaned", beside)
    assert run() == {"input": 1, "clean": 1}
    assert run() == {}


def test_of_two_runs_at_once_an_id_ends_in_one_table(lake, run, monkeypatch, tmp_path):
    usable, refused = tmp_path / "usable.csv", tmp_path / "refused.csv"
    usable.write_text(f"id,text\n1,{GOOD}\n")
    refused.write_text("id,text\n1,ok\n")
    quarantine = Job.quarantine
    for first, second in ((usable, refused), (refused, usable)):
        # The second writes to both tables between what the first writes to the one and to the other.
        def beside(job, rows, second=second):
            monkeypatch.setattr(Job, "quarantine", quarantine)
            run(str(second))
            quarantine(job, rows)

        monkeypatch.setattr(Job, "quarantine", beside)
        run(str(first))
        assert contents(lake, CLEAN_TWEETS, "id") == ([("1",)] if first is usable else [])
        assert contents(lake, QUARANTINE, "row_key") == ([] if first is usable else [("1",)])


def test_a_copy_of_the_table_that_is_put_back_is_cleaned_whole(lake, run, tmp_path, capsys):
    table = tmp_path / "lake" / "raw_tweets"
    put(lake, {"id": "1", "text": GOOD})
    run()
    shutil.copytree(table, tmp_path / "aside")
    for number in "23":
        put(lake, {"id": number, "text": GOOD})
    run(lake__small_files=1)
    assert compacted(lake, CLEAN_TWEETS)
    shutil.rmtree(table)
    shutil.move(tmp_path / "aside", table)
    put(lake, {"id": "4", "text": GOOD})
    assert run() == {"input": 2, "clean": 2}
    assert "a full pass" in capsys.readouterr().out
    assert ("4",) in contents(lake, CLEAN_TWEETS, "id")


def test_an_archive_without_ids_is_cleaned_with_authors_in_one_split_each(lake, run, tmp_path):
    archive = tmp_path / "labelled.csv"
    names = ("علي", "سعد", "ليلى", "منى", "هند", "بدر", "نور")
    texts = [f"صباح الخير يا {name}" for name in names]
    lines = [f"{text},EG,one" for text in texts] + [f"{text},," for text in texts] + [",EG,", "ok,,", "ok,,"]
    archive.write_text("\n".join(["text,dialect,user_id", *lines]))
    expected = {"input": 17, "clean": 7, "duplicate": 8, "quarantined.empty": 1, "quarantined.no_arabic": 1}
    for _ in range(2):
        assert run(str(archive), input__weight=0.5) == expected
        kept = contents(lake, CLEAN_TWEETS, "text", "dialect", "author", "source", "weight")
        assert kept == sorted((text, "EG", "one", "labelled.csv", 0.5) for text in texts)
    assert lake.read(CLEAN_TWEETS).select("split").distinct().count() == 1
    archive.write_text("\n".join(["text", *texts]))
    run(str(archive), input__weight=0.5)
    assert contents(lake, CLEAN_TWEETS, "dialect") == [("EG",)] * 7
    assert rows(lake.read(CLEAN_TWEETS).where("NOT id RLIKE '^sha256:[0-9a-f]{32}$'")) == []


def test_equal_texts_with_unlike_labels_are_told(run, lake, tmp_path, capsys):
    archive = tmp_path / "labelled.csv"
    archive.write_text(
        "text,dialect\nصباح الخير يا علي,EG\nصباح الخير يا علي,AE\nيا هلا والله,IQ\nيا هلا والله,\n"
    )
    assert run(str(archive)) == {"input": 4, "clean": 2, "duplicate": 2, "two_labels": 1}
    assert "of which one is kept: sha256:" in capsys.readouterr().out
    assert contents(lake, CLEAN_TWEETS, "dialect") == [("AE",), ("IQ",)]


def test_of_equal_texts_the_same_row_is_taken_in_whatever_order(job, lake, run, bundle_path, tmp_path):
    archive = tmp_path / "archive.csv"
    lines = [
        "صباح الخير يا علي,bob,2024-01-09",
        "صباح الخير يا علي,alice,",
        "صباح الخير يا علي,alice,2024-01-02",
    ]
    taken = []
    for order in (lines, lines[::-1]):
        archive.write_text("\n".join(["text,author,created_at", *order]))
        run(str(archive))
        taken += contents(lake, CLEAN_TWEETS, "author", "split")
        score(job("score"), str(archive), bundle_path, replace=True)
        for table in (CLEAN_TWEETS, PREDICTIONS):
            assert [str(at)[:10] for (at,) in contents(lake, table, "created_at")] == ["2024-01-02"]
        lake.handle(CLEAN_TWEETS).delete(F.lit(True))
    assert taken[0] == taken[1]
    assert taken[0][0] == "alice"


def test_a_run_that_ends_between_its_two_commits_is_made_good_by_the_next(lake, run, tmp_path, monkeypatch):
    archive = tmp_path / "archive.csv"
    archive.write_text("id,text\n1,عايز كده\n2,ok\n3,واش بزاف")
    run(str(archive))
    # 1 and 2 change sides: each is taken out of the one table and put into the other.
    archive.write_text("id,text\n1,no\n2,شلونك شخبارك\n3,واش بزاف")
    merge = Lake.merge

    def killed(self, table, *given, **how):
        if table is QUARANTINE:
            raise RuntimeError("killed")
        merge(self, table, *given, **how)

    with monkeypatch.context() as patched:
        patched.setattr(Lake, "merge", killed)
        with pytest.raises(RuntimeError, match="killed"):
            run(str(archive))
    run(str(archive))
    assert contents(lake, CLEAN_TWEETS, "id", "clean") == [("2", "شلونك شخبارك"), ("3", "واش بزاف")]
    assert contents(lake, QUARANTINE, "row_key", "reason") == [("1", "no_arabic")]


def test_a_file_that_is_read_in_one_piece_is_cleaned_on_all_task_slots(spark):
    slots = spark.sparkContext.defaultParallelism
    assert slots > 1
    for partitions, expected in ((1, slots), (slots + 1, slots + 1)):
        rows = spark.range(0, 10, 1, partitions)
        assert on_all_slots(rows).rdd.getNumPartitions() == expected


def test_a_parquet_file_of_one_row_group_is_cleaned_on_all_task_slots(spark, tmp_path):
    slots = spark.sparkContext.defaultParallelism
    texts = pa.table({"id": [str(number) for number in range(10_000)], "text": ["كلمة"] * 10_000})
    spark.conf.set("spark.sql.files.openCostInBytes", 1)
    try:
        for group, moved in ((10_000, True), (1000, False)):
            pq.write_table(texts, tmp_path / "archive.parquet", row_group_size=group)
            rows = spark.read.parquet(f"file://{tmp_path}/archive.parquet")
            assert rows.rdd.getNumPartitions() >= slots
            spread = on_all_slots(rows)
            assert (spread is not rows) == moved
            most = max(row["count"] for row in spread.groupBy(F.spark_partition_id()).count().collect())
            assert most < 1.2 * 10_000 / slots
    finally:
        spark.conf.unset("spark.sql.files.openCostInBytes")


def test_an_archive_that_says_less_takes_nothing_away(lake, run, tmp_path):
    whole, bare = tmp_path / "whole.csv", tmp_path / "bare.csv"
    whole.write_text("id,text,dialect,author,date\n1,عايز كده اوي,EG,somebody,2024-03-05\n")
    bare.write_text("id,text\n1,عايز كده اوي\n")
    run(str(whole), input__source="one", input__author="author")
    known = contents(lake, CLEAN_TWEETS, "dialect", "author", "created_at", "split", "source")
    # The text alone would put it elsewhere.
    assert known[0][:2] == ("EG", "somebody") and known[0][2] is not None
    run(str(bare), input__source="one")
    assert contents(lake, CLEAN_TWEETS, "dialect", "author", "created_at", "split", "source") == known
    # A label that stands for none, as the user says later, goes.
    (tmp_path / "labels.yaml").write_text("EG: null\nit's \\: null\nمصر: null\n")
    run(str(whole), input__labels=tmp_path / "labels.yaml")
    assert contents(lake, CLEAN_TWEETS, "dialect", "author") == [(None, "somebody")]


def test_a_dry_run_over_raw_tweets_says_which_would_be_taken(lake, job, run, capsys):
    put(lake, {"id": "1", "text": GOOD}, {"id": "2", "text": None, "status": "missing"})
    for full, before, which in (
        (False, False, "all"),
        (False, True, "those that are new or changed since the last run"),
        (True, True, "all"),
    ):
        if before:
            run()
        clean(job("clean", dry_run=True), full=full)
        assert f"dry run: of 1 found tweets {which} would be taken" in capsys.readouterr().out


def test_what_cannot_be_cleaned_is_refused_and_a_dry_run_touches_nothing(
    job, lake, lake_root, tmp_path, capsys
):
    for overrides, path, message in [
        ({}, None, "there is no table .*raw_tweets yet: run scrape first, or give --input"),
        ({"clean__profile": "nosuch"}, None, "clean.profile=nosuch: neither model nor light, nor a file"),
        ({}, "/nowhere.csv", "/nowhere.csv does not exist"),
    ]:
        with pytest.raises(UsageError, match=message):
            clean(job("clean", **overrides), path)
    (tmp_path / "a.csv").write_text("text\nنص\n")
    clean(job("clean", dry_run=True), str(tmp_path / "a.csv"))
    assert "1 rows of" in capsys.readouterr().out
    assert not lake.files.exists(lake_root)
