import socket

import pytest

from adc.errors import RunError, UsageError
from adc.lookup_server.faults import Behaviour
from adc.lookup_server.server import LookupServer
from adc.scraping.id_order import parted, placed
from adc.scraping.stage import commit_outcomes, scrape
from adc.tables import QUARANTINE, RAW_TWEETS
from tests.spark.contents import compacted, contents, merged_by_range, raw_rows, rows
from tests.unit.scraping.odd_api import api as odd_api
from tests.unit.scraping.odd_api import documented, x_api

pytestmark = pytest.mark.spark

TEXTS = {
    "1175358310087892993": "شلونك 👨‍👩‍👧‍👦 ❤️\r\nسطر\nسطر\rسطر\u2028",
    "2": "قبل\0بعد",
    "3": "",
    "4": None,
    "5": " \t\ufeff ",
}


@pytest.fixture
def ids(tmp_path):
    """Writes a list of ids and gives its path: ids("1,EG", "2,")."""

    def write(*lines):
        path = tmp_path / "ids.csv"
        path.write_text("\n".join(["id,dialect", *lines]) + "\n")
        return str(path)

    return write


def checked(job):
    """The counts of a run, once its sums have been found to hold."""
    count = job.counts
    assert count["input"] == count["invalid"] + count["duplicate"] + count["already"] + count["asked"]
    assert count["asked"] == count["found"] + count["missing"] + count["failed"] + count["unasked"]
    return {name: number for name, number in count.items() if number}


def test_every_id_gets_its_outcome_once_and_texts_come_byte_for_byte(job, lake, ids, capsys):
    listed = ids(*(f"{tweet_id},EG" for tweet_id in (*TEXTS, "6")), "2,", "5,SA", "1.2e18,SA", "x,", ",")
    with LookupServer(TEXTS) as server:
        settings = {"scrape__batch_size": 1, "scrape__rate_limit": 4, "scrape__wave_seconds": 1}
        settings |= {"scrape__url": server.url}
        first, second = (job("scrape", **settings, lake__small_files=most) for most in (64, 1))
        scrape(first, listed)
        assert "1 ids are numbers, as '1.2e18': a spreadsheet" in capsys.readouterr().out
        assert server.statistics.ids == 6
        arrivals = server.statistics.arrivals
        outcomes, refused = contents(lake, RAW_TWEETS), contents(lake, QUARANTINE)
        scrape(second, listed)
        assert server.statistics.ids == 6
    # Four requests a second, over all tasks, and so many ids a wave.
    assert arrivals[-1] - arrivals[0] >= 5 / 4
    assert lake.handle(RAW_TWEETS).history().where("operation = 'MERGE'").count() == 2

    assert rows(
        lake.read(RAW_TWEETS), "id", "dialect", "status", "text", "http_status", "attempts"
    ) == sorted(
        (
            tweet_id,
            None if tweet_id == "5" else "EG",
            "missing" if TEXTS.get(tweet_id) is None else "found",
            TEXTS.get(tweet_id),
            200,
            1,
        )
        for tweet_id in (*TEXTS, "6")
    )
    assert rows(lake.read(QUARANTINE), "stage", "row_key", "reason") == [
        ("scrape", "", "invalid_id"),
        ("scrape", "1.2e18", "invalid_id"),
        ("scrape", "5", "two_labels"),
        ("scrape", "x", "invalid_id"),
    ]
    listed_counts = {"input": 11, "invalid": 3, "duplicate": 2, "looks_rounded": 1}
    assert checked(first) == listed_counts | {"asked": 6, "found": 4, "missing": 2}
    # The second run changed nothing, not even who wrote a row and when.
    assert checked(second) == listed_counts | {"already": 6}
    assert (contents(lake, RAW_TWEETS), contents(lake, QUARANTINE)) == (outcomes, refused)
    for table in (RAW_TWEETS, QUARANTINE):
        assert compacted(lake, table) and merged_by_range(lake, table)


def test_the_next_run_asks_what_is_left_and_what_retry_names_and_takes_new_labels(job, lake, ids):
    with LookupServer({"1": "أول", "2": None, "3": "ثالث", "10": "عاشر"}) as server:
        first = job("scrape", scrape__url=server.url)
        scrape(first, ids("10,", "1,", "2,", "3,EG"), limit=3)
    assert contents(lake, RAW_TWEETS, "id") == [("1",), ("2",), ("3",)]
    with LookupServer({"1": "غيره", "2": "ثاني", "3": "غيره", "10": "عاشر"}) as server:
        second = job("scrape", scrape__url=server.url)
        scrape(second, ids("10,", "1,SA", "2,MA", "3,SA"), retry=["missing"])
        assert server.statistics.ids == 2
    assert contents(lake, RAW_TWEETS, "id", "dialect", "status", "text", "attempts") == [
        ("1", "SA", "found", "أول", 1),
        ("10", None, "found", "عاشر", 1),
        ("2", "MA", "found", "ثاني", 2),
        ("3", "EG", "found", "ثالث", 1),
    ]
    assert contents(lake, QUARANTINE, "row_key", "reason", "payload") == [
        ("3", "label_conflict", '{"id":"3","dialect":"SA","known_dialect":"EG"}')
    ]
    assert checked(first) == {"input": 4, "asked": 4, "found": 2, "missing": 1, "unasked": 1}
    assert checked(second) == {"input": 4, "label_conflict": 1, "already": 2, "asked": 2, "found": 2}


def test_every_text_arrives_through_faults_of_every_kind(job, lake, ids):
    texts = {str(10**18 + number): f"نص {number} 👍" for number in range(300)}
    faults = Behaviour(error_rate=0.15, cut_rate=0.05, reset_rate=0.05, drip_rate=0.05, drip_seconds=0.2)
    with LookupServer(texts, faults) as server:
        run = job("scrape", scrape__url=server.url, scrape__batch_size=10, scrape__max_attempts=20)
        scrape(run, ids(*(f"{tweet_id}," for tweet_id in texts)))
        assert len(server.statistics.answered) > 4
    assert contents(lake, RAW_TWEETS, "id", "text") == sorted(texts.items())
    assert checked(run) == {"input": 300, "asked": 300, "found": 300}


def test_an_api_that_refuses_the_token_stops_the_run_before_any_row(job, lake, ids):
    with LookupServer({"1": "نص"}, Behaviour(token="right")) as server:
        run = job("scrape", scrape__url=server.url, scrape__token="wrong-token", scrape__batch_size=1)
        with pytest.raises(RunError, match=r"HTTP 401.*ADC_SCRAPE__TOKEN") as refused:
            scrape(run, ids("1,", "2,", "3,"))
    assert "wrong-token" not in str(refused.value)
    assert checked(run) == {"input": 3, "asked": 3, "unasked": 3}
    assert contents(lake, RAW_TWEETS) == []


def test_without_ids_and_url_the_sample_corpus_is_served_and_asked(job, lake, capsys):
    run = job("scrape")
    scrape(run, limit=20)
    assert "the sample corpus at an embedded server, http://127.0.0.1:" in capsys.readouterr().out
    checked(run)
    assert run.counts["found"] + run.counts["missing"] == 20 == lake.read(RAW_TWEETS).count()


def test_a_dry_run_says_what_it_would_ask_and_touches_nothing(job, lake, lake_root, ids, capsys):
    with LookupServer(TEXTS) as server:
        run = job("scrape", dry_run=True, scrape__url=server.url)
        for limit, number in ((None, 2), (1, 1)):
            scrape(run, ids("1,", "2,", "x,"), limit=limit)
            assert f"dry run: {number} ids would be asked of {server.url}" in capsys.readouterr().out
        assert server.statistics.requests == 0
    assert not lake.files.exists(lake_root)


@pytest.mark.parametrize(
    ("overrides", "arguments", "message"),
    [
        ({"scrape__url": "http://127.0.0.1:9/"}, {}, "--ids PATH is needed"),
        ({}, {"ids": "ids.csv"}, "scrape.url is not set"),
        (
            {"scrape__url": "http://127.0.0.1:9/"},
            {"ids": "/nowhere/ids.csv"},
            "/nowhere/ids.csv does not exist",
        ),
        ({}, {"retry": ["found"]}, "--retry found: only missing and failed can be asked again"),
        ({}, {"limit": -1}, "--limit -1: give 0 or more"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_touched(
    job, lake, lake_root, overrides, arguments, message
):
    with pytest.raises(UsageError, match=message):
        scrape(job("scrape", **overrides), **arguments)
    assert not lake.files.exists(lake_root)


@pytest.mark.parametrize(
    ("listed", "number", "said"),
    [
        (("x,", ",EG", "torn,EG,more"), 2, "'', 'x': a tweet's id is a number of up to 19 digits"),
        (
            ("1.17536E+18,EG", "x,", "1175358310087892993.0,", "1.17536E+18,SA"),
            4,
            "'1.17536E+18', '1175358310087892993.0': a spreadsheet or a float has rounded them",
        ),
    ],
)
def test_a_list_without_any_usable_id_is_refused_before_anything_is_touched(
    job, lake, lake_root, ids, listed, number, said
):
    path = ids(*listed)
    with pytest.raises(UsageError) as refused:
        scrape(job("scrape", scrape__url="http://127.0.0.1:9/"), path)
    none = f"--ids {path}: none of its {number} rows has an id that can be asked, as "
    assert str(refused.value).startswith(none + said)
    assert not lake.files.exists(lake_root)


def test_the_work_has_places_in_the_order_of_ids(spark, tmp_path):
    ids = spark.range(1, 101).selectExpr(
        "CAST(id * id AS STRING) AS id", "id * id AS id_num", "'EG' AS dialect"
    )
    todo = placed(ids.repartition(7), str(tmp_path))
    assert rows(todo, "place", "id_num") == [(n - 1, n * n) for n in range(1, 101)]


@pytest.mark.parametrize(
    ("places", "parts", "sizes"),
    [
        (range(5, 6), 4, [1]),
        (range(40, 100), 4, [8, 16, 16, 16, 4]),
        (range(12), 2, [4, 8]),
    ],
)
def test_a_waves_parts_are_whole_batches_in_order(spark, places, parts, sizes):
    todo = spark.range(200).withColumnRenamed("id", "place")
    found = parted(todo, places, parts, 4).rdd.glom().collect()
    assert [row["place"] for part in found for row in part] == list(places)
    assert [len(part) for part in found if part] == sizes


def test_ids_that_look_rounded_are_counted_and_explained(job, ids, capsys):
    genuine = [str(1175358310087892993 + 7919 * n) for n in range(100)]
    rounded = [str(int(float(tweet_id))) for tweet_id in genuine[:60]]
    with LookupServer({}) as server:
        for listed, count in ((genuine, 0), ([*rounded, *genuine[60:]], 60)):
            run = job("scrape", dry_run=True, scrape__url=server.url)
            scrape(run, ids(*(f"{tweet_id},EG" for tweet_id in listed)))
            said = capsys.readouterr().out
            assert ("look as if a float" in said) == bool(count)
            assert abs(run.counts["looks_rounded"] - count) <= 2
    assert "of 100 ids look" in said


def test_a_batch_larger_than_the_api_takes_is_refused(job, ids):
    for api, size in (("batch", 1001), ("x2", 101)):
        run = job("scrape", scrape__url="http://127.0.0.1:9/", scrape__api=api, scrape__batch_size=size)
        with pytest.raises(UsageError, match=f"scrape.api={api} takes at most {size - 1} ids"):
            scrape(run, ids("1,"))


def test_a_whole_run_over_the_api_of_x(job, lake, ids, capsys, monkeypatch):
    monkeypatch.setattr("adc.scraping.limiter.LONG_PAUSE", 0.5)
    listed = ids("10,SA", "11,", "20,", "21,EG", *(f"{number}," for number in range(1000, 1150)))
    too_many = iter([(429, {}, {"Retry-After": "1"})])

    def answer(asked_ids, authorization):
        usual = documented(asked_ids, authorization, unknown=("Not Found Error", "resource-not-found"))
        return next(too_many, usual)

    with x_api(answer) as (url, paths):
        settings = {"scrape__url": url, "scrape__api": "x2", "scrape__token": "right"}
        first, again = (job("scrape", **settings) for _ in range(2))
        scrape(first, listed)
        asked = len(paths)
        scrape(again, listed)
    # 154 ids, a hundred a request at most, and one request too many.
    assert asked == len(paths) == 3
    assert "the API's limit is reached: no request for 1 s, until " in capsys.readouterr().out
    assert checked(first) == {"input": 154, "asked": 154, "found": 2, "missing": 152}
    assert checked(again) == {"input": 154, "already": 154}
    known = rows(lake.read(RAW_TWEETS).where("dialect IS NOT NULL OR id = '11'"), "id", "status", "error")
    assert known == [("10", "found", None), ("11", "found", None), ("21", "missing", "Authorization Error")]
    assert rows(lake.read(RAW_TWEETS).where("id = '11'"), "text") == [("طويل " * 100,)]


def test_an_api_that_serves_nobody_stops_the_run_and_leaves_ids_unasked(job, lake, ids):
    with LookupServer({}, Behaviour(error_rate=1)) as server:
        run = job("scrape", scrape__url=server.url, scrape__batch_size=2, scrape__max_attempts=1)
        with pytest.raises(RunError, match=r"18 tries in a row failed, the last: "):
            scrape(run, ids(*(f"{number}," for number in range(1, 200))))
        assert server.statistics.requests <= 18 + 8
    assert checked(run)["unasked"] == 199
    assert lake.read(RAW_TWEETS).count() == 0


def test_the_last_ids_of_a_list_stay_unasked_in_an_outage(job, lake, ids):
    listed = ids("1,", "2,", "3,")
    with LookupServer({"1": "شلونك"}, Behaviour(error_rate=1)) as server:
        run = job("scrape", scrape__url=server.url, scrape__max_attempts=1)
        with pytest.raises(RunError, match=r"served nothing while 3 ids were asked for, the last time: "):
            scrape(run, listed)
    assert checked(run)["unasked"] == 3
    assert lake.read(RAW_TWEETS).count() == 0
    with LookupServer({"1": "شلونك"}) as server:
        again = job("scrape", scrape__url=server.url)
        scrape(again, listed)
    assert checked(again) == {"input": 3, "asked": 3, "found": 1, "missing": 2}


def test_ids_that_always_fail_are_settled_where_the_api_serves_a_tweet_that_it_has_had(job, lake, ids):
    lake.append(RAW_TWEETS, raw_rows(lake, {"id": "9", "text": "نص"}))
    with odd_api(lambda ids: (200, b'{"9": "x"}', {}) if ids == ["9"] else (500, b"", {})) as url:
        run = job("scrape", scrape__url=url, scrape__max_attempts=1)
        scrape(run, ids("1,", "2,"))
    assert checked(run) == {"input": 2, "asked": 2, "failed": 2}
    known = [("1", "failed", None), ("2", "failed", None), ("9", "found", "نص")]
    assert contents(lake, RAW_TWEETS, "id", "status", "text") == known


def test_a_run_that_fails_before_it_asks_has_asked_for_nothing(job, ids):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = job("scrape", scrape__url="http://127.0.0.1:9/", scrape__gate_port=port)
        with pytest.raises(RunError, match=f"port {port} "):
            scrape(run, ids("1,", "2,"))
    assert checked(run) == {"input": 2, "asked": 2, "unasked": 2}


def test_one_task_may_have_all_requests_under_way(job, ids):
    with LookupServer({}, Behaviour(latency=0.3)) as server:
        run = job("scrape", scrape__url=server.url, scrape__batch_size=1, scrape__in_flight=6)
        scrape(run, ids(*(f"{number}," for number in range(1, 40))))
        assert server.statistics.peak_concurrency == 6


def test_an_outcome_only_improves(job, lake):
    run = job("scrape")
    cases = [  # status before, status learnt, status after, whether the row is written
        ("found", "found", "found", False),
        ("found", "missing", "found", False),
        ("found", "failed", "found", False),
        ("missing", "found", "found", True),
        ("missing", "missing", "missing", True),
        ("missing", "failed", "missing", False),
        ("failed", "found", "found", True),
        ("failed", "missing", "missing", True),
        ("failed", "failed", "failed", True),
        (None, "failed", "failed", True),
    ]

    def outcomes(statuses, run_id):
        records = (
            {"id": str(n), "status": status, "text": run_id if status == "found" else None, "run_id": run_id}
            for n, status in enumerate(statuses, 10)
            if status
        )
        return raw_rows(lake, *records)

    lake.append(RAW_TWEETS, outcomes([before for before, *_ in cases], "earlier"))
    commit_outcomes(run, outcomes([learnt for _, learnt, *_ in cases], run.run_id))
    assert contents(lake, RAW_TWEETS, "id", "status", "attempts", "run_id") == [
        (str(n), after, 2 if written and before else 1, run.run_id if written else "earlier")
        for n, (before, _, after, written) in enumerate(cases, 10)
        if after
    ]
