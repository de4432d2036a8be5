import pytest

from adc.archives import Untaken, open_archive
from adc.bookmark import RUN_BESIDE
from adc.cleaning import stage
from adc.cleaning.stage import clean
from adc.errors import RunError, UsageError
from adc.scoring.stage import score
from adc.tables import CLEAN_TWEETS, PREDICTIONS
from tests.spark.contents import contents, rows

pytestmark = pytest.mark.spark


@pytest.fixture
def folder(tmp_path):
    """A folder of files with a text each, given as name=text."""

    def write(**texts):
        place = tmp_path / "in"
        for name, text in texts.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / f"{name}.csv").write_text(f"id,text\n{name[-1]},{text}\n")
        return str(place)

    return write


@pytest.fixture
def take(job):
    """Takes what is untaken of an input, and names the files, or says "all"; `fails` while it is taken."""

    def run(path, rules="a", fails=False, anew=False, **settings):
        untaken = Untaken(job("clean", **settings), path, CLEAN_TWEETS, rules, anew=anew)
        if untaken.nothing:
            return []
        with untaken.taking():
            if fails:
                raise KeyboardInterrupt
        return "all" if untaken.source.names is None else list(untaken.source.names)

    return run


def test_of_a_folder_only_new_and_changed_files_are_taken(folder, take, lake, tmp_path, capsys):
    path = folder(a1="x", a2="x")
    assert take(path) == "all"
    # Of such folders within it Spark reads nothing.
    folder(**{"old/a9": "x"})
    assert take(path) == []
    assert f"2 of the 2 files of {path} are as they were" in capsys.readouterr().out
    folder(a3="x", a2="another")
    assert take(path) == ["a2.csv", "a3.csv"]
    assert "1 of the 3 files" in capsys.readouterr().out
    (tmp_path / "in" / "a1.csv").unlink()
    assert take(path) == []
    # Back again, it is new.
    folder(a1="x")
    assert take(path) == ["a1.csv"]
    assert take(path, anew=True) == "all"
    lake.files.delete(lake.path("clean_tweets"))
    assert take(path) == "all"


def test_all_is_taken_under_other_rules_or_settings_of_input(folder, take):
    path = folder(a1="x", a2="x")
    for rules, settings in (("a", {}), ("b", {}), ("a", {}), ("a", {"input__source": "other"})):
        assert take(path, rules, **settings) == "all"
        assert take(path, rules, **settings) == []


def test_what_fails_has_taken_nothing(folder, take, lake):
    path = folder(a1="x")
    with pytest.raises(KeyboardInterrupt):
        take(path, fails=True)
    assert take(path) == "all"
    (noted,) = (lake.files.names(lake.path("_checkpoints/clean_tweets", name)) for name in ledgers(lake))
    # Killed while it was written.
    lake.files.write_text(lake.path("_checkpoints/clean_tweets", ledgers(lake)[0], noted[0]), '{"rules": "')
    assert take(path) == "all"


def ledgers(lake):
    return lake.files.names(lake.path("_checkpoints", "clean_tweets"))


def test_of_two_runs_at_once_under_other_rules_the_first_stops(folder, take, job):
    path = folder(a1="x")
    with Untaken(job("clean"), path, CLEAN_TWEETS, "b").taking() as bookmark:
        with bookmark.held():
            pass
        assert take(path) == "all"
        with pytest.raises(RunError, match="has begun under other settings"), bookmark.held():
            raise AssertionError("not to be written")
    assert take(path) == []


@pytest.mark.parametrize("wrote", [True, False])
def test_of_two_runs_by_turns_under_other_rules_both_begin_anew_where_both_wrote(folder, job, capsys, wrote):
    path = folder(a1="x")
    older, newer = (Untaken(job("clean"), path, CLEAN_TWEETS, rules) for rules in "ab")
    told = "what is there now is of both" if wrote else "this one has stopped"
    with newer.taking() as bookmark:
        with pytest.raises(RunError, match=told), older.taking() as before, before.held():
            bookmark.begin(False, files={}, taking=None, after=None)
            if wrote:
                with bookmark.held():
                    pass
        with bookmark.held():
            pass
    assert (RUN_BESIDE in capsys.readouterr().out) == wrote
    assert Untaken(job("clean"), path, CLEAN_TWEETS, "b").nothing != wrote
    assert not Untaken(job("clean"), path, CLEAN_TWEETS, "a").nothing


def test_what_was_left_out_is_not_relied_on_once_another_run_took_it_under_other_rules(folder, take, job):
    path = folder(a1="x")
    take(path)
    folder(a2="x")
    slow = Untaken(job("clean"), path, CLEAN_TWEETS, "a")
    assert take(path, "b") == "all"
    with pytest.raises(RunError, match="has begun under other settings"), slow.taking():
        raise AssertionError("not to be taken")
    assert take(path) == "all"


def test_an_empty_delta_table_is_cleaned_and_scored(spark, tmp_path, job, bundle_path):
    path = str(tmp_path / "table")
    spark.createDataFrame([], "id STRING, text STRING").write.format("delta").save(path)
    cleaning, scoring = job("clean"), job("score")
    for _ in range(2):
        clean(cleaning, path)
        score(scoring, path, bundle_path)
    assert (cleaning.counts["input"], scoring.counts["input"]) == (0, 0)


def test_of_a_folder_of_folders_the_columns_that_folders_name_stay(tmp_path, job):
    for day in (1, 2):
        (tmp_path / "in" / f"day={day}").mkdir(parents=True)
        (tmp_path / "in" / f"day={day}" / "a.jsonl").write_text(f'{{"id": "{day}", "text": "x"}}\n')
        this = job("clean", input__format="json", input__keep="day")
        untaken = Untaken(this, str(tmp_path / "in"), CLEAN_TWEETS, "a")
        with untaken.taking():
            found = rows(open_archive(this, untaken.source), "id", "day")
        assert found == [(str(day), str(day))]


def test_of_a_delta_table_only_new_files_are_taken(spark, tmp_path, job):
    path = str(tmp_path / "table")

    def append(*ids):
        table = spark.createDataFrame([(id_, "x") for id_ in ids], "id STRING, text STRING")
        table.coalesce(1).write.format("delta").mode("append").save(path)

    def take():
        this = job("clean")
        untaken = Untaken(this, path, CLEAN_TWEETS, "a")
        with untaken.taking():
            return rows(open_archive(this, untaken.source), "id")

    append("1", "2")
    assert take() == [("1",), ("2",)]
    append("3")
    assert take() == [("3",)]
    # A file that is written anew is read anew.
    spark.sql(f"DELETE FROM delta.`{path}` WHERE id = '1'")
    assert take() == [("2",)]


def test_a_file_alone_is_read_whole_in_every_run(folder, take):
    path = folder(a1="x") + "/a1.csv"
    assert take(path) == take(path) == "all"


def test_clean_and_score_take_what_is_new_in_a_folder(folder, job, lake, bundle_path, tmp_path):
    path = folder(a1="عايز كده", a2="واش بزاف")

    def run():
        cleaning, scoring = job("clean"), job("score")
        clean(cleaning, path)
        score(scoring, path, bundle_path)
        return [this.counts["input"] for this in (cleaning, scoring)]

    assert run() == [2, 2]
    folder(a3="ابغى الحين")
    assert run() == [1, 1]
    assert contents(lake, CLEAN_TWEETS, "id") == contents(lake, PREDICTIONS, "id") == [("1",), ("2",), ("3",)]
    assert run() == [0, 0]


@pytest.fixture
def in_small_waves(spark, monkeypatch):
    """Waves of a few rows each, in five ranges of ids."""
    monkeypatch.setattr("adc.lake.WAVE_BYTES", 1)
    before = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.shuffle.partitions", 5)
    yield
    spark.conf.set("spark.sql.shuffle.partitions", before)


@pytest.mark.parametrize("one_file", [True, False])
def test_a_large_archive_is_cleaned_in_waves_and_a_killed_run_gone_on_with(
    job, lake, tmp_path, monkeypatch, in_small_waves, one_file, capsys
):
    texts = {str(number): f"صباح الخير يا ناس {number}" for number in range(100, 140)}
    (tmp_path / "in").mkdir()
    halves = {"a": [*texts][:25], "b": [*texts][15:]}

    def write(name, ids):
        (tmp_path / "in" / f"{name}.csv").write_text(
            "\n".join(["id,text", *(f"{id_},{texts[id_]}" for id_ in ids)])
        )

    def run():
        this = job("clean")
        clean(this, f"{tmp_path}/in/a.csv" if one_file else f"{tmp_path}/in")
        return this.counts["clean"]

    for name, ids in halves.items():
        write(name, ids)
    every = [(id_,) for id_ in (halves["a"] if one_file else texts)]
    commit, committed = stage.commit_cleaned, []

    def killed_in_the_third(job, staged):
        if len(committed) == 2:
            raise KeyboardInterrupt
        committed.append(rows(staged, "id"))
        return commit(job, staged)

    with monkeypatch.context() as patched:
        patched.setattr(stage, "commit_cleaned", killed_in_the_third)
        with pytest.raises(KeyboardInterrupt):
            run()
    before = sorted({id_ for wave in committed for id_ in wave})
    assert contents(lake, CLEAN_TWEETS, "id") == before == every[: len(before)] != every
    assert run() == len(every) - len(before)
    assert contents(lake, CLEAN_TWEETS, "id") == every
    assert f"goes on behind the id {before[-1][0]}" in capsys.readouterr().out
    # What was taken whole is taken as ever.
    assert run() == (len(every) if one_file else 0)


def test_a_killed_run_is_not_gone_on_with_once_the_files_have_changed(folder, job, monkeypatch):
    path = folder(a1="x", a2="x")
    with pytest.raises(KeyboardInterrupt):
        untaken = Untaken(job("clean"), path, CLEAN_TWEETS, "a")
        with untaken.taking():
            untaken.taken_up_to("1")
            raise KeyboardInterrupt
    assert Untaken(job("clean"), path, CLEAN_TWEETS, "a").after == "1"
    assert Untaken(job("clean"), path, CLEAN_TWEETS, "b").after is None
    folder(a1="another")
    assert Untaken(job("clean"), path, CLEAN_TWEETS, "a").after is None


def test_what_is_refused_leaves_no_table(folder, job, lake, tmp_path):
    path = folder(a1="x")
    with pytest.raises(UsageError, match="no such column"):
        clean(job("clean", input__text="body"), path)
    assert not lake.exists(CLEAN_TWEETS)
