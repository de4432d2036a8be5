import json
import math
from dataclasses import replace
from functools import partial

import pytest
from pyspark.sql import functions as F

from adc import classify
from adc.archives import Source, open_archive
from adc.errors import UsageError
from adc.lake import as_rows
from adc.model.predictor import COLUMNS
from adc.predictions import shared_predictor, with_predictions
from adc.scoring import shares, stage
from adc.scoring.stage import score
from adc.settings import ScoreSettings
from adc.tables import CLEAN_TWEETS, PREDICTIONS, SHARES
from tests.spark.contents import NOON, clean_rows, compacted, contents, merged_by_range

pytestmark = pytest.mark.spark

TEXTS = [
    "عايز كده", "واش بزاف", "ابغى الحين", "وش اليوم 😂؟", "@a عايز https://t.co/x", "كلام لا يعرفه النموذج",
    "", None, " \r\n", "hello", "😂😂", "وش", "عايز\0كده", "عايز كده " * 100_000,
]  # fmt: skip


def predictions(lake, *columns):
    return contents(lake, PREDICTIONS, "id", *columns)


@pytest.fixture
def run(job, bundle_path):
    """Runs the stage and gives its counts, once its sums have been found to hold."""

    def go(path=None, bundle=bundle_path, replace=False, **overrides):
        this = job("score", **overrides)
        score(this, path, bundle, replace)
        count = this.counts
        assert count["input"] == count["scored"] + count["noted"] + count["duplicate"] + count["skipped"]
        return {name: number for name, number in count.items() if number}

    return go


def told(predicted, figure=float):
    """Predictions as plain values, however they came about; each figure as `figure` makes it."""

    def plain(value):
        if isinstance(value, str | None):
            return value
        if isinstance(value, float):
            return None if math.isnan(value) else figure(value)
        return [plain(list(part.values()) if hasattr(part, "values") else part) for part in value]

    return [[plain(value) for value in row] for row in predicted[list(COLUMNS)].itertuples(index=False)]


@pytest.mark.parametrize("partitions", [1, 7])
def test_predictions_are_those_of_the_library_however_the_rows_are_cut(spark, tiny_bundle, partitions):
    numbered = list(enumerate(TEXTS * 3))
    frame = spark.createDataFrame(numbered, "n INT, text STRING").repartition(partitions)
    scored = with_predictions(frame, shared_predictor(spark, tiny_bundle, ScoreSettings()))
    assert scored.columns == ["n", "text", *COLUMNS, "model"]
    expected = classify([text or "" for text in TEXTS], tiny_bundle)
    nearly = partial(pytest.approx, abs=1e-6)
    assert told(scored.toPandas().sort_values("n")) == told(expected, nearly) * 3
    assert {row["model"] for row in scored.select("model").distinct().collect()} == {tiny_bundle.model}


def test_clean_tweets_are_scored_once_a_model_and_again_only_when_they_change(
    lake, run, tiny_bundle, bundle_path, tmp_path
):
    own = tiny_bundle.profile.hash
    lake.append(
        CLEAN_TWEETS,
        clean_rows(
            lake,
            # Cleaned under the bundle's own profile: `clean` is what is scored. Under another: the text.
            {"id": "1", "text": "hello", "clean": TEXTS[0], "profile_hash": own},
            {"id": "2", "text": TEXTS[1], "clean": "hello", "profile_hash": "another"},
            {"id": "3", "text": TEXTS[2]},
        ),
    )
    dialects = dict(zip(TEXTS[:4], classify(TEXTS[:4], tiny_bundle)["dialect"], strict=True))
    assert run() == {"input": 3, "scored": 3}
    first = contents(lake, PREDICTIONS)
    assert predictions(lake, "source", "dialect", "note", "model") == [
        (number, "test", dialects[text], None, tiny_bundle.model)
        for number, text in zip("123", TEXTS, strict=False)
    ]
    assert run(bundle=None, score__bundle=bundle_path) == {} and contents(lake, PREDICTIONS) == first

    lake.merge(CLEAN_TWEETS, clean_rows(lake, {"id": "3", "text": TEXTS[3]}, {"id": "4", "text": TEXTS[0]}))
    assert run() == {"input": 2, "scored": 2}
    assert predictions(lake, "dialect")[2:] == [("3", dialects[TEXTS[3]]), ("4", dialects[TEXTS[0]])]
    assert contents(lake, PREDICTIONS)[:2] == first[:2]

    # What is no clean tweet any more has no prediction either, unless that is of another source's text.
    elsewhere = as_rows(
        lake.spark,
        PREDICTIONS,
        [{"id": "2", "model": tiny_bundle.model, "source": "elsewhere", "scored_at": NOON}],
    )
    lake.merge(PREDICTIONS, elsewhere)
    lake.handle(CLEAN_TWEETS).delete(F.col("id").isin("2", "4"))
    assert run() == {"removed": 2}
    assert predictions(lake, "source") == [("1", "test"), ("2", "elsewhere"), ("3", "test")]
    lake.merge(CLEAN_TWEETS, clean_rows(lake, {"id": "2", "text": TEXTS[1]}, {"id": "4", "text": TEXTS[0]}))
    assert run() == {"input": 2, "scored": 2}

    other = replace(tiny_bundle, name="other")
    other.save(tmp_path / "other")
    named = run(bundle=str(tmp_path / "other"), score__bundle=bundle_path)
    assert named == {"input": 4, "scored": 4}
    assert [(number, model) for number, model in predictions(lake, "model") if number == "1"] == [
        ("1", other.model),
        ("1", tiny_bundle.model),
    ]


def test_what_got_another_source_before_it_left_clean_tweets_leaves_predictions(lake, run):
    def put(source, *ids):
        texts = ({"id": number, "text": TEXTS[0], "source": source} for number in ids)
        lake.merge(CLEAN_TWEETS, clean_rows(lake, *texts))

    put("a", "1", "2", "3")
    run()
    lake.handle(CLEAN_TWEETS).delete(F.col("id") == "2")
    put("b", "1", "2")
    lake.handle(CLEAN_TWEETS).delete(F.col("id") < "3")
    assert run() == {"removed": 2}
    assert predictions(lake, "source") == [("3", "a")]


def test_an_archive_is_scored_once_unless_it_is_to_be_replaced(lake, run, tmp_path):
    archive = tmp_path / "archive.csv"
    lines = ["7,,", "7,عايز كده,2020-01-02", "7,عايز كده,2020-01-02", "8,hello,", "9,وش,", ",عايز,", ",عايز,"]
    archive.write_text("\n".join(["id,text,created_at", *lines]))
    assert run(str(archive)) == {"input": 7, "scored": 2, "noted": 2, "duplicate": 3}
    first = contents(lake, PREDICTIONS)
    notes = [(number[:6], source, note) for number, source, note in predictions(lake, "source", "note")]
    assert notes == [
        ("7", "archive.csv", None),
        ("8", "archive.csv", "no_arabic"),
        ("9", "archive.csv", "too_short"),
        ("sha256", "archive.csv", None),
    ]

    assert run(str(archive)) == {"input": 7, "duplicate": 3, "skipped": 4}
    assert contents(lake, PREDICTIONS) == first

    abstained = run(str(archive), replace=True, score__abstain_below=1, lake__small_files=1)
    assert abstained == {"input": 7, "noted": 4, "duplicate": 3}
    assert [row[1:] for row in predictions(lake, "dialect", "note")] == [
        (None, "low_confidence"),
        (None, "no_arabic"),
        (None, "too_short"),
        (None, "low_confidence"),
    ]
    assert compacted(lake, PREDICTIONS) and merged_by_range(lake, PREDICTIONS)


def test_an_archive_is_scored_in_waves_and_after_a_kill_the_rest(lake, run, tmp_path, monkeypatch):
    archive = tmp_path / "archive.csv"
    numbers = [*range(40), *range(5)]
    archive.write_text("\n".join(["id,text", *(f"{number},عايز كده {number}" for number in numbers)]))
    monkeypatch.setattr("adc.lake.WAVE_BYTES", 1)
    commit, committed = stage.commit_scored, []

    def commit_one(job, staged):
        if committed:
            raise RuntimeError("killed")
        committed.append(staged.count())
        return commit(job, staged)

    monkeypatch.setattr("adc.scoring.stage.commit_scored", commit_one)
    with pytest.raises(RuntimeError, match="killed"):
        run(str(archive))
    kept = contents(lake, PREDICTIONS)
    assert 0 < len(kept) == sum(committed) < 40

    monkeypatch.setattr("adc.scoring.stage.commit_scored", commit)
    assert run(str(archive)) == {
        "input": 45,
        "scored": 40 - len(kept),
        "duplicate": 5,
        "skipped": len(kept),
    }
    assert [row for row in contents(lake, PREDICTIONS) if row in kept] == kept
    assert [number for (number,) in predictions(lake)] == sorted(map(str, range(40)))


def test_what_cannot_be_scored_is_refused_and_a_dry_run_touches_nothing(
    job, lake, lake_root, tmp_path, bundle_path, capsys
):
    for path, bundle, message in [
        (None, "/nowhere", "bundle /nowhere does not exist"),
        (None, bundle_path, "there is no table .*clean_tweets yet: run clean first, or give --input"),
        ("/nowhere.csv", bundle_path, "/nowhere.csv does not exist"),
    ]:
        with pytest.raises(UsageError, match=message):
            score(job("score"), path, bundle)
    (tmp_path / "a.csv").write_text("text\nعايز\n")
    score(job("score", dry_run=True, score__bundle=bundle_path), str(tmp_path / "a.csv"))
    assert "1 rows of" in capsys.readouterr().out
    assert not lake.files.exists(lake_root)


def test_of_what_a_model_has_scored_only_the_ids_of_a_small_archive_are_looked_at(
    run, job, tiny_bundle, tmp_path
):
    for name, ids in (("a", (1, 2, 3)), ("b", (1, 3, 4))):
        (tmp_path / f"{name}.csv").write_text("id,text\n" + "".join(f"{id_},عايز كده\n" for id_ in ids))
    run(str(tmp_path / "a.csv"))
    rows = open_archive(job("score"), Source(str(tmp_path / "b.csv")))
    known = stage.scored_before(job("score"), tiny_bundle, rows, few=True)
    assert sorted(row["id"] for row in known.collect()) == ["1", "3"]
    assert run(str(tmp_path / "b.csv"))["skipped"] == 2


@pytest.fixture
def told_bundle(tiny_bundle, tmp_path):
    """A bundle of which it is known what it confuses."""
    confusion = [[8, 1, 1], [2, 6, 2], [0, 3, 7]]
    bundle = replace(tiny_bundle, metrics={"val": tiny_bundle.metrics["val"] | {"confusion": confusion}})
    bundle.save(tmp_path / "told")
    return str(tmp_path / "told")


def test_of_two_scores_at_once_the_shares_are_of_both(run, lake, told_bundle, tmp_path, monkeypatch):
    for name, id_ in (("a", 1), ("b", 2)):
        (tmp_path / f"{name}.csv").write_text(f"id,text\n{id_},عايز كده\n")
    counted = shares.counted

    def beside(scored, name):
        # The other scores and writes its shares between this one's count and its own.
        counts = counted(scored, name)
        monkeypatch.setattr(shares, "counted", counted)
        run(str(tmp_path / "b.csv"), told_bundle, score__shares="all")
        return counts

    monkeypatch.setattr(shares, "counted", beside)
    run(str(tmp_path / "a.csv"), told_bundle, score__shares="all")
    assert set(contents(lake, SHARES, "tweets")) == {(2,)}


def test_shares_of_a_corpus_by_group_and_again_the_same(run, lake, job, told_bundle, tmp_path):
    archive = tmp_path / "a.csv"
    archive.write_text(
        "id,text,date\n1,عايز كده,2024-03-05\n2,واش بزاف,2024-03-06\n3,ابغى الحين,\n4,hello,\n"
    )
    run(str(archive), told_bundle, score__shares="all, week")
    columns = ("grouping", "value", "dialect", "tweets", "guessed", "share", "low", "high")
    shares = contents(lake, SHARES, *columns)
    # Each group holds every dialect; what has a note is in none.
    assert [row[:2] for row in shares[::3]] == [("all", ""), ("week", "2024-03-04"), ("week", "unknown")]
    assert [row[3] for row in shares[::3]] == [3, 2, 1]
    for start in range(0, 9, 3):
        group = shares[start : start + 3]
        assert sum(row[4] for row in group) == pytest.approx(1)
        assert sum(row[5] for row in group) == pytest.approx(1)
        assert all(row[6] <= row[5] <= row[7] for row in group)
    assert run(str(archive), told_bundle, score__shares="all,week")["skipped"] == 4
    assert contents(lake, SHARES, *columns) == shares
    # A group that no tweet is in any more goes.
    archive.write_text(archive.read_text().replace("2024-03-0", "2024-03-1"))
    run(str(archive), told_bundle, replace=True, score__shares="all,week")
    values = {row[1] for row in contents(lake, SHARES, "grouping", "value") if row[0] == "week"}
    assert "2024-03-11" in values and "2024-03-04" not in values
    archive.write_text("id,text\n1,hello\n2,hello\n3,hello\n")
    run(str(archive), told_bundle, replace=True, score__shares="all")
    assert {row[0] for row in contents(lake, SHARES, "grouping")} == {"week"}
    with pytest.raises(UsageError, match=r"score\.shares: hour is neither"):
        run(str(archive), told_bundle, score__shares="hour")


def test_a_kept_column_is_grouped_by_in_whatever_case(run, lake, told_bundle, tmp_path):
    for number, name in enumerate(("lang", "Lang")):
        archive = tmp_path / f"{name}.csv"
        archive.write_text(f"id,text,{name}\n{number},عايز كده,{name}\n")
        run(str(archive), told_bundle, input__keep=name, score__shares=name)
    assert set(contents(lake, SHARES, "grouping", "value")) == {
        ("lang", "lang"),
        ("Lang", "lang"),
        ("Lang", "Lang"),
    }
    with pytest.raises(UsageError, match=r"score\.shares=day: input\.keep has a column of that name"):
        run(str(tmp_path / "lang.csv"), told_bundle, input__keep="day", score__shares="day")


def test_a_tweet_counts_for_each_member_of_a_list_that_was_kept(
    run, lake, told_bundle, tmp_path, monkeypatch, capsys
):
    tagged = [("1", ["a", "b", "a"]), ("2", ["a"]), ("3", []), ("4", None), ("5", "[sic"), ("6", ["c", "d"])]
    lines = [json.dumps({"id": id_, "text": "عايز كده", "tags": tags}) for id_, tags in tagged]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    monkeypatch.setattr(shares, "MOST_GROUPS", 5)
    run(str(tmp_path / "a.jsonl"), told_bundle, input__keep="tags", score__shares="tags")
    assert set(contents(lake, SHARES, "value", "tweets")) >= {("a", 2), ("b", 1), ("[sic", 1), ("unknown", 2)}
    assert len(set(contents(lake, SHARES, "value"))) == 5
    assert "shares by tags: of 6 values the 5 commonest are told" in capsys.readouterr().out


def test_without_a_validation_split_there_are_no_shares(run, lake, tmp_path, capsys):
    (tmp_path / "a.txt").write_text("عايز كده\n")
    run(str(tmp_path / "a.txt"), score__shares="all")
    assert "no shares: tiny@" in capsys.readouterr().out
    assert not lake.exists(SHARES)
