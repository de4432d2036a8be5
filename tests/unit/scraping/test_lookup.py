"""Looking up one batch, on the project's own server and on one that answers as that never would."""

import json
import socket

import pytest
from odd_api import Turns, answering, api

from adc.lookup_server.faults import Behaviour
from adc.lookup_server.server import LookupServer
from adc.scraping.apis import BatchApi, is_loopback
from adc.scraping.lookup import Outcome, look_up
from adc.scraping.policy import Policy

TEXTS = {"1175358310087892993": "شلونك\nاليوم ❤️", "2": None, "3": "", "4": "إزيك"}
IDS = ["4", "1175358310087892993", "2", "404", "3"]
TOKEN = "s3cr3t-t0k3n"


def asked(
    url, ids=IDS, *, token=None, max_attempts=3, max_body=1 << 20, timeout=5.0, patience=10_000, alone=False
):
    """(outcomes, seconds that would have been slept, the turns taken)."""
    turns = Turns(patience, alone)
    api = BatchApi(url, token, timeout, max_body)
    return look_up(api, Policy(max_attempts), ids, turns), turns.rests, turns


def found(ids):
    """An answer that has a text of its own for each of these ids."""
    return 200, json.dumps({tweet_id: f"نص {tweet_id}" for tweet_id in ids}).encode(), {}


def test_every_id_has_one_outcome_in_the_order_asked():
    with LookupServer(TEXTS) as server:
        outcomes, slept, _ = asked(server.url)
        assert server.statistics.requests == 1
    assert slept == []
    assert outcomes == [
        Outcome("4", "found", "إزيك", 200, None, 1),
        Outcome("1175358310087892993", "found", "شلونك\nاليوم ❤️", 200, None, 1),
        Outcome("2", "missing", None, 200, None, 1),
        Outcome("404", "missing", None, 200, None, 1),
        Outcome("3", "found", "", 200, None, 1),
    ]


def test_ids_asked_twice_and_no_ids_at_all():
    with LookupServer(TEXTS) as server:
        twice, _, _ = asked(server.url, ["4", "2", "4"])
        none, _, _ = asked(server.url, [])
    assert [(outcome.id, outcome.status) for outcome in twice] == [
        ("4", "found"),
        ("2", "missing"),
        ("4", "found"),
    ]
    assert none == []


@pytest.mark.parametrize("seed", range(3))
def test_all_is_found_in_the_end_however_often_the_api_fails(seed):
    behaviour = Behaviour(error_rate=0.4, cut_rate=0.2, reset_rate=0.2, seed=seed)
    with LookupServer(TEXTS, behaviour) as server:
        outcomes, slept, turns = asked(server.url, max_attempts=100)
        attempts = server.statistics.requests
    assert [(outcome.id, outcome.text, outcome.attempts) for outcome in outcomes] == [
        (tweet_id, TEXTS.get(tweet_id), attempts) for tweet_id in IDS
    ]
    assert (turns.requests, len(slept)) == (attempts, attempts - 1)


@pytest.mark.parametrize(
    ("behaviour", "http_status", "error"),
    [
        (Behaviour(reset_rate=1), None, "ConnectionError"),
        (Behaviour(cut_rate=1), None, "ProtocolError"),
        (Behaviour(latency=30), None, "ReadTimeout"),
        (Behaviour(drip_rate=1, drip_seconds=1000), None, "ReadTimeoutError"),
        # A piece every 40 ms is never too late, but 50 of them are.
        (Behaviour(drip_rate=1, drip_seconds=2), None, "Timeout"),
    ],
    ids=["reset", "cut", "too late", "too slow", "in drops"],
)
def test_what_goes_wrong_every_time_fails_after_the_last_attempt(behaviour, http_status, error, monkeypatch):
    monkeypatch.setattr("adc.scraping.apis.WHOLE_ANSWER", 2)
    with LookupServer({"4": "x" * 1000}, behaviour) as server:
        outcomes, slept, _ = asked(server.url, ["4"], max_attempts=2, timeout=0.5)
    assert outcomes == [Outcome("4", "failed", None, http_status, error, 2)]
    assert len(slept) == 1


def test_an_api_that_is_not_there():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    outcomes, slept, _ = asked(f"http://127.0.0.1:{port}/", ["1"])
    assert outcomes == [Outcome("1", "failed", None, None, "ConnectionError", 3)]
    assert len(slept) == 2


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "the answer is not JSON"),
        (b"<html>Back soon</html>", "the answer is not JSON"),
        (b'{"4": "', "the answer is not JSON"),
        (b"[" * 100_000, "the answer is not JSON"),
        (b'{"4": ' + b"9" * 5000 + b"}", "the answer is not JSON"),
        (b'{"4": "\xff"}', "the answer is not UTF-8"),
        ("{}".encode("utf-16"), "the answer is not UTF-8"),
        (b'["4"]', "the answer is a JSON list, not an object"),
        (b"null", "the answer is a JSON NoneType, not an object"),
    ],
)
def test_a_body_that_is_not_the_apis_is_a_failed_try(body, error):
    with answering(body) as url:
        outcomes, slept, _ = asked(url, ["4"])
    assert outcomes == [Outcome("4", "failed", None, 200, error, 3)]
    assert len(slept) == 2


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        ('"إزيك"', ("found", "إزيك", None)),
        (r'"\u0625\u0632\u064a\u0643"', ("found", "إزيك", None)),
        (r'"\ud83d\ude0d"', ("found", "😍", None)),
        (r'"a\u0000b"', ("found", "a\0b", None)),
        (r'"\ud83d كيفك"', ("found", "\ufffd كيفك", "surrogates")),
        (r'"\ude0d\ud83d"', ("found", "\ufffd\ufffd", "surrogates")),
        ("null", ("missing", None, None)),
        ("5", ("failed", None, "the answer for this id is a JSON int, not a string")),
        ("NaN", ("failed", None, "the answer for this id is a JSON float, not a string")),
        ("false", ("failed", None, "the answer for this id is a JSON bool, not a string")),
        ('{"text": "a"}', ("failed", None, "the answer for this id is a JSON dict, not a string")),
    ],
)
def test_an_odd_value_is_the_affair_of_its_own_id(value, outcome):
    with answering(f'{{"other": 1, "4": {value}, "3": "a"}}'.encode()) as url:
        outcomes, slept, turns = asked(url, ["4", "3"])
    assert turns.counts["unrequested"] == 1
    status, text, error = outcome
    assert outcomes == [Outcome("4", status, text, 200, error, 1), Outcome("3", "found", "a", 200, None, 1)]
    assert slept == []


@pytest.mark.parametrize("body", [b'{"error": "over capacity"}', b'{"tweets": {"4": "a"}}'])
def test_an_error_told_with_status_200_makes_no_id_missing(body):
    with answering(body) as url:
        outcomes, slept, _ = asked(url, ["4"], max_attempts=2)
    (outcome,) = outcomes
    assert (outcome.status, outcome.attempts, len(slept)) == ("failed", 2, 1)
    assert outcome.error.startswith("an answer about no id: ")


def test_an_answer_longer_than_allowed_is_asked_for_in_halves():
    texts = {"4": "x" * 100_000, "5": "y" * 90_000, "6": "z"}
    most = len(json.dumps({"4": texts["4"]})) - 1
    with LookupServer(texts) as server:
        allowed, _, _ = asked(server.url, ["4"], max_body=most + 1)
        outcomes, slept, turns = asked(server.url, ["4", "5", "6"], max_body=most)
    assert allowed == [Outcome("4", "found", "x" * 100_000, 200, None, 1)]
    error = f"an answer of more than {most} bytes (scrape.max_body)"
    assert outcomes == [
        Outcome("4", "failed", None, 200, error, 2),
        Outcome("5", "found", texts["5"], 200, None, 2),
        Outcome("6", "found", "z", 200, None, 2),
    ]
    assert (slept, turns.requests) == ([], 3)


def test_an_api_that_only_says_too_many_is_asked_less_and_less_often():
    answers = iter([429] * 8 + [200])
    with api(lambda ids: (next(answers), json.dumps(TEXTS).encode(), {})) as url:
        outcomes, slept, turns = asked(url, ["4"])
    assert (outcomes[0].status, slept) == ("found", [])
    longest = [0.5, 1, 2, 4, 8, 16, 30, 30]
    for pause, most in zip(turns.pauses, longest, strict=True):
        assert most / 2 <= pause <= most


def test_waits_are_those_of_the_policy_and_of_retry_after():
    answers = iter([(503, "11"), (429, "Thu, 01 Jan 1970 00:00:00 GMT"), (500, "\u00b2"), (200, "9")])

    def answer(ids):
        status, retry_after = next(answers)
        return status, json.dumps(TEXTS).encode(), {"Retry-After": retry_after}

    with api(answer) as url:
        outcomes, slept, turns = asked(url, ["4"], max_attempts=3)
    assert outcomes == [Outcome("4", "found", "إزيك", 200, None, 4)]
    # A 429 makes all wait, and uses up no attempt.
    assert len(turns.pauses) == 1 and 0.25 <= turns.pauses[0] <= 0.5
    assert slept[0] == 11.0
    assert 0.5 <= slept[1] <= 1.0  # the second wait of 0.5 s doubling, with jitter


@pytest.mark.parametrize("status", [302, 401, 403, 404])
def test_an_api_that_refuses_this_client_is_asked_once(status):
    def answer(ids):
        return status, b"<html>Elsewhere</html>", {"Location": "/elsewhere", "Retry-After": "1"}

    with api(answer) as url:
        outcomes, slept, turns = asked(url)
    assert (outcomes, slept, turns.requests) == ([], [], 1)
    assert turns.limiter.stopped == f"HTTP {status}"


def test_what_was_judged_before_a_stop_is_kept():
    with api(lambda ids: (400 if len(ids) > 1 else 200 if ids == ["1"] else 401, b'{"1": "a"}', {})) as url:
        outcomes, _, turns = asked(url, ["1", "2", "3", "4"])
    assert [(outcome.id, outcome.status) for outcome in outcomes] == [("1", "found")]
    assert turns.limiter.stopped == "HTTP 401"


@pytest.mark.parametrize("status", [400, 500])
def test_an_api_that_fails_whatever_it_is_asked_costs_no_more_than_the_patience(status):
    with answering(b"{}", status) as url:
        outcomes, _, turns = asked(url, [str(number) for number in range(1000)], patience=24, alone=True)
    assert turns.requests == 24
    assert outcomes == []
    assert turns.limiter.stopped == f"24 tries in a row failed, the last: HTTP {status}"


@pytest.mark.parametrize(
    ("status", "which"),
    [(500, slice(1)), (400, slice(10, None, 20)), (422, slice(5, None, 10)), (500, slice(50, None, 100))],
)
def test_ids_that_the_api_cannot_bear_are_found_among_a_thousand_before_patience_ends(status, which):
    ids = [str(number) for number in range(1, 1001)]
    poison = set(ids[which])

    with api(lambda ids: (status, b"", {}) if poison & set(ids) else found(ids)) as url:
        outcomes, _, turns = asked(url, ids, patience=Policy(3).patience(1))
    assert turns.limiter.stopped is None
    assert {outcome.id for outcome in outcomes if outcome.status == "failed"} == poison
    assert sum(outcome.status == "found" for outcome in outcomes) == len(ids) - len(poison)


@pytest.mark.parametrize("ids", [["1"], ["1", "2", "3"]])
def test_ids_that_fail_while_the_api_serves_nothing_are_not_judged(ids):
    with answering(b"", 503) as url:
        outcomes, _, turns = asked(url, ids, alone=True)
        assert outcomes == []
        assert turns.limiter.stopped is None
        assert turns.limiter.failure == "HTTP 503"
        # But what fails while others are served is to blame itself.
        outcomes, _, _ = asked(url, ids)
    assert [outcome.status for outcome in outcomes] == ["failed"] * len(ids)


@pytest.mark.parametrize("ids", [["1"], [str(number) for number in range(1, 20)]])
def test_ids_that_fail_where_a_witness_is_served_are_to_blame_themselves(ids):
    asker, patience = Policy(3), Policy(3).patience(1)
    with api(lambda ids: found(ids) if ids == ["99"] else (500, b"", {})) as url:
        turns = Turns(patience, alone=True)
        outcomes = look_up(BatchApi(url, None, 5.0, 1 << 20), asker, ids, turns, witness="99")
    assert [(outcome.id, outcome.error) for outcome in outcomes] == [(each, "HTTP 500") for each in ids]
    assert (turns.limiter.served, turns.counts) == (len(ids), {"failed": len(ids)})
    with answering(b"", 500) as url:
        turns = Turns(patience, alone=True)
        assert look_up(BatchApi(url, None, 5.0, 1 << 20), asker, ids, turns, witness="99") == []


def test_the_first_id_of_a_batch_is_judged_by_what_the_api_serves_after_it():
    with api(lambda ids: (400, b"{}", {}) if "1" in ids else found(ids)) as url:
        outcomes, _, _ = asked(url, ["1", "2", "3"], alone=True)
        alone, _, _ = asked(url, ["1"], alone=True)
    assert [outcome.status for outcome in outcomes] == ["failed", "found", "found"]
    assert [outcome.status for outcome in alone] == ["failed"]


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8000/x", True),
        ("http://[::1]:8000/", True),
        ("http://localhost/", True),
        ("https://api.example.org/127.0.0.1", False),
        ("http://10.0.0.1/", False),
    ],
)
def test_no_proxy_stands_between_this_machine_and_itself(url, here, monkeypatch):
    assert is_loopback(url) is here
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    if here:
        with LookupServer(TEXTS) as server:
            outcomes, _, _ = asked(server.url, ["4"])
        assert outcomes[0].status == "found"


def test_of_an_api_that_takes_far_fewer_ids_no_more_are_asked_again_than_it_has_refused():
    refused: list[int] = []

    def answer(ids):
        if len(ids) > 10:
            refused.append(len(ids))
            return 413, b"{}", {}
        return found(ids)

    with api(answer) as url:
        asker = BatchApi(url, None, 5.0, 1 << 20)
        for start in (1, 1001):
            ids = [str(number) for number in range(start, start + 1000)]
            turns = Turns(patience=2)
            outcomes = look_up(asker, Policy(3), ids, turns)
            assert [(outcome.id, outcome.text) for outcome in outcomes] == [(i, f"نص {i}") for i in ids]
            assert turns.rests == []
            # Seven in a row, more than patience has for failures.
            assert refused == [1000, 500, 250, 125, 62, 31, 15]


def test_what_another_batch_has_found_to_be_too_many_stays_so():
    ids = [str(number) for number in range(8)]

    def answer(asked_ids):
        # While this batch was under way, one beside it was refused for three.
        asker.most = min(asker.most, 1)
        return (413, b"{}", {}) if len(asked_ids) > 1 else found(asked_ids)

    with api(answer) as url:
        asker = BatchApi(url, None, 5.0, 1 << 20)
        turns = Turns()
        outcomes = look_up(asker, Policy(3), ids, turns)
    assert [outcome.status for outcome in outcomes] == ["found"] * 8
    assert turns.requests == 1 + 8


def test_halving_finds_the_ids_that_the_api_cannot_bear():
    poison = {"13", "700"}

    def answer(ids):
        return (400, b"{}", {}) if poison & set(ids) else found(set(ids) - {"99"})

    ids = [str(number) for number in range(1, 1001)]
    with api(answer) as url:
        outcomes, _, turns = asked(url, ids)
    assert [outcome.id for outcome in outcomes] == ids
    assert {outcome.id: outcome for outcome in outcomes if outcome.status != "found"} == {
        "13": Outcome("13", "failed", None, 400, "HTTP 400", 10),
        "99": Outcome("99", "missing", None, 200, None, 5),
        "700": Outcome("700", "failed", None, 400, "HTTP 400", 10),
    }
    assert turns.requests < 60  # 2 ids; a halving, its other half and an id alone on each of 10 levels


def test_the_token_is_sent_and_appears_nowhere_else(monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    # As on another machine: of this very one nothing is read from the environment.
    monkeypatch.setattr("adc.scraping.apis.is_loopback", lambda url: False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with LookupServer(TEXTS, Behaviour(token=TOKEN)) as server:
        admitted, _, _ = asked(server.url, ["4"], token=TOKEN)
        refused, _, _ = asked(server.url, ["4"], token=f"{TOKEN}x")
        without, _, _ = asked(server.url, ["4"])
    assert admitted == [Outcome("4", "found", "إزيك", 200, None, 1)]
    assert refused == without == []
    assert TOKEN not in repr((admitted, refused, BatchApi(server.url, TOKEN, 1, 1)))
