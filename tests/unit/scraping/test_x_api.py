"""X API v2 tweet look-up, against a local server in its documented shape."""

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from odd_api import Turns, documented, x_api

from adc.scraping.apis import XApi
from adc.scraping.lookup import Outcome, look_up
from adc.scraping.policy import Action, Policy, Response


def asked(url, ids, token="right"):
    turns = Turns()
    outcomes = look_up(XApi(url, token, 5.0, 1 << 20), Policy(2), ids, turns)
    return outcomes, turns.decisions


def test_every_id_has_its_outcome():
    with x_api(documented) as (url, paths):
        outcomes, _ = asked(url, ["10", "11", "20", "21", "30"])
    assert outcomes == [
        Outcome("10", "found", "شلونك", 200, None, 1),
        Outcome("11", "found", "طويل " * 100, 200, None, 1),
        Outcome("20", "missing", None, 200, "Not Found Error", 1),
        Outcome("21", "missing", None, 200, "Authorization Error", 1),
        Outcome("30", "missing", None, 200, None, 1),
    ]
    assert parse_qs(urlsplit(paths[0]).query) == {"ids": ["10,11,20,21,30"], "tweet.fields": ["note_tweet"]}


def test_what_an_error_is_called_may_be_stored(monkeypatch):
    told = {"errors": [{"resource_id": "1", "title": "\ud800 gone"}]}
    monkeypatch.setattr(XApi, "ask", lambda api, ids: (Response(200), api.answers(told)[1]))
    outcomes, _ = asked("http://localhost", ["1"])
    assert outcomes == [Outcome("1", "missing", None, 200, "\ufffd gone", 1)]
    refusal = Response(200, api_problem := "an error that is no id's: \ud800")
    monkeypatch.setattr(XApi, "ask", lambda api, ids: (refusal, {}))
    outcomes, _ = asked("http://localhost", ["1"])
    assert outcomes == [Outcome("1", "failed", None, 200, api_problem.replace("\ud800", "\ufffd"), 2)]


def test_an_id_that_the_api_finds_invalid_takes_no_other_down():
    with x_api(documented) as (url, _):
        outcomes, _ = asked(url, ["10", "x", "11", "20"])
    assert [(outcome.id, outcome.status) for outcome in outcomes] == [
        ("10", "found"),
        ("x", "failed"),
        ("11", "found"),
        ("20", "missing"),
    ]


def test_a_wrong_token_stops():
    with x_api(documented) as (url, _):
        outcomes, decisions = asked(url, ["10"], token="wrong")
    assert outcomes == []
    assert [(decision.action, decision.reason) for decision in decisions] == [(Action.STOP, "HTTP 401")]


def test_its_limit_makes_all_wait_until_it_is_reset():
    reset = {"x-rate-limit-reset": str(int(time.time()) + 100)}
    replies = iter([(429, {}, reset), (200, {"data": []}, reset | {"x-rate-limit-remaining": "0"})])
    with x_api(lambda *_: next(replies)) as (url, _):
        _, decisions = asked(url, ["10"])
    assert [decision.action for decision in decisions] == [Action.PAUSE, Action.ACCEPT]
    assert all(90 < decision.wait <= 100 for decision in decisions)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"meta": 1},
        {"data": [{"id": "10"}]},
        {"data": ["10"]},
        {"data": 5},
        {"errors": [7]},
        {"errors": [{"title": "Service Unavailable"}]},
        {"data": [{"id": "11", "text": "x"}], "errors": [{"title": "Service Unavailable"}]},
        [1],
    ],
)
def test_an_answer_of_another_shape_is_a_failed_try(content):
    with x_api(lambda *_: (200, content, {})) as (url, _):
        outcomes, decisions = asked(url, ["10"])
    assert [decision.action for decision in decisions] == [Action.RETRY, Action.FAIL]
    assert outcomes[0].status == "failed"
    assert outcomes[0].error.startswith("the answer")
