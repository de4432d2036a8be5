"""Labels that contradict each other, in a list, or those known, or those that others give meanwhile."""

import pytest

from adc.lake import as_rows
from adc.lookup_server.server import LookupServer
from adc.scraping.listed import keep_labels
from adc.scraping.stage import commit_outcomes, scrape
from adc.scraping.worklist import plan
from adc.tables import QUARANTINE, RAW_TWEETS
from tests.spark.contents import NOON, contents, raw_rows

pytestmark = pytest.mark.spark


def test_a_label_that_contradicts_what_another_run_commits_meanwhile_is_quarantined(
    job, lake, tmp_path, monkeypatch
):
    (tmp_path / "ids.csv").write_text("id,dialect\n1,EG\n2,EG\n3,EG\n5,EG\n")
    lake.append(RAW_TWEETS, raw_rows(lake, {"id": "4", "text": "نص"}))

    def beside(run, outcomes):
        labels = zip("1234", ("SA", "EG", None, "SA"), strict=True)
        known = [{"id": id_, "dialect": label, "run_id": "other", "text": "نص"} for id_, label in labels]
        other = job("scrape")
        commit_outcomes(other, raw_rows(lake, *known))
        return commit_outcomes(run, outcomes)

    monkeypatch.setattr("adc.scraping.stage.commit_outcomes", beside)
    with LookupServer({}) as server:
        run = job("scrape", scrape__url=server.url)
        scrape(run, str(tmp_path / "ids.csv"))
    assert run.counts["label_conflict"] == 1
    assert contents(lake, QUARANTINE, "row_key", "reason") == [("1", "label_conflict")]
    labels = [("1", "SA"), ("2", "EG"), ("3", "EG"), ("4", "SA"), ("5", "EG")]
    assert contents(lake, RAW_TWEETS, "id", "dialect") == labels


def test_a_label_that_is_put_right_leaves_quarantine(job, lake):
    lake.append(RAW_TWEETS, raw_rows(lake, *({"id": n, "dialect": "EG", "text": "نص"} for n in "12")))
    clean = {"stage": "clean", "row_key": "1", "reason": "label_conflict", "run_id": "earlier", "at": NOON}
    lake.append(QUARANTINE, as_rows(lake.spark, QUARANTINE, [clean]))

    def refused(*pairs):
        listed = lake.spark.createDataFrame(list(pairs), "id STRING, dialect STRING")
        work = plan(listed, lake.read(RAW_TWEETS), ())
        keep_labels(job("scrape"), work)
        work.unpersist()
        return contents(lake, QUARANTINE, "row_key", "stage", "reason")

    wrong = [("1", "SA"), ("2", "SA"), ("3", "EG"), ("3", "SA"), ("4", "EG"), ("4", "SA"), ("x", "EG")]
    invalid = ("x", "scrape", "invalid_id")
    assert refused(*wrong) == [
        ("1", "clean", "label_conflict"),
        ("1", "scrape", "label_conflict"),
        ("2", "scrape", "label_conflict"),
        ("3", "scrape", "two_labels"),
        ("4", "scrape", "two_labels"),
        invalid,
    ]
    # A list that says nothing of an id's label leaves open which it is.
    assert refused(("1", "EG"), ("2", "MA"), ("3", "SA"), ("4", None)) == [
        ("1", "clean", "label_conflict"),
        ("2", "scrape", "label_conflict"),
        ("4", "scrape", "two_labels"),
        invalid,
    ]


def test_a_label_that_another_run_did_not_know_is_taken_with_its_own_outcome_left(job, lake):
    run = job("scrape")
    before = [("1", "found", None, "text"), ("2", "found", "SA", "text"), ("3", "missing", None, None)]
    learnt = [("1", "missing", "EG", None), ("2", "found", "EG", "other"), ("3", "found", "EG", "text")]

    def outcomes(known, run_id):
        names = ("id", "status", "dialect", "text")
        return raw_rows(lake, *(dict(zip(names, each, strict=True)) | {"run_id": run_id} for each in known))

    lake.append(RAW_TWEETS, outcomes(before, "other"))
    for _ in range(2):
        commit_outcomes(run, outcomes(learnt, run.run_id))
        assert contents(lake, RAW_TWEETS, "id", "status", "dialect", "text", "attempts") == [
            ("1", "found", "EG", "text", 1),
            ("2", "found", "SA", "text", 1),
            ("3", "found", "EG", "text", 2),
        ]
