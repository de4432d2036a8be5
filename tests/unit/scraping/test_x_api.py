"""X API v2 tweet look-up, against a local server in its documented shape."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from adc.scraping.apis import XApi
from adc.scraping.lookup import Outcome, look_up
from adc.scraping.policy import Action, Policy

PROBLEM = "https://api.example.org/2/problems/"
TWEETS = {
    "10": {"id": "10", "text": "شلونك", "edit_history_tweet_ids": ["10"]},
    "11": {"id": "11", "text": "طويل…", "note_tweet": {"text": "طويل " * 100}},
}
GONE = {"20": ("Not Found Error", "resource-not-found"), "21": ("Authorization Error", "not-authorized")}


def documented(
    ids: list[str], authorization: str | None, unknown: tuple[str, str] | None = None
) -> tuple[int, object, dict[str, str]]:
    """The answer as the API's documentation describes it; `unknown`: of ids that nothing is known of."""
    gone = GONE | {i: unknown for i in ids if unknown and i not in TWEETS and i not in GONE}
    if authorization != "Bearer right":
        return 401, {"title": "Unauthorized", "status": 401, "type": "about:blank"}, {}
    if bad := [tweet_id for tweet_id in ids if not tweet_id.isdecimal()]:
        message = f"The `ids` query parameter value [{bad[0]}] is not valid"
        return 400, {"errors": [{"message": message}], "title": "Invalid Request"}, {}
    answer: dict[str, object] = {}
    if data := [TWEETS[tweet_id] for tweet_id in ids if tweet_id in TWEETS]:
        answer["data"] = data
    if errors := [
        {
            "value": tweet_id,
            "resource_id": tweet_id,
            "resource_type": "tweet",
            "parameter": "ids",
            "title": gone[tweet_id][0],
            "type": PROBLEM + gone[tweet_id][1],
        }
        for tweet_id in ids
        if tweet_id in gone
    ]:
        answer["errors"] = errors
    return 200, answer, {"x-rate-limit-limit": "300", "x-rate-limit-remaining": "299"}


class Turns:
    def __init__(self):
        self.decisions = []

    def enter(self):
        pass

    def leave(self, decision, counts):
        self.decisions.append(decision)


@contextmanager
def serving(answer: Callable) -> Iterator[tuple[str, list[str]]]:
    """The address of a server that answers so, and the requests that it gets."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            paths.append(self.path)
            ids = parse_qs(urlsplit(self.path).query)["ids"][0].split(",")
            status, content, headers = answer(ids, self.headers.get("Authorization"))
            body = json.dumps(content).encode()
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/2/tweets", paths
        finally:
            server.shutdown()
            thread.join()


def asked(url, ids, token="right"):
    turns = Turns()
    outcomes = look_up(XApi(url, token, 5.0, 1 << 20), Policy(2), ids, turns, sleep=lambda _: None)
    return outcomes, turns.decisions


def test_every_id_has_its_outcome():
    with serving(documented) as (url, paths):
        outcomes, _ = asked(url, ["10", "11", "20", "21", "30"])
    assert outcomes == [
        Outcome("10", "found", "شلونك", 200, None, 1),
        Outcome("11", "found", "طويل " * 100, 200, None, 1),
        Outcome("20", "missing", None, 200, "Not Found Error", 1),
        Outcome("21", "missing", None, 200, "Authorization Error", 1),
        Outcome("30", "missing", None, 200, None, 1),
    ]
    assert parse_qs(urlsplit(paths[0]).query) == {"ids": ["10,11,20,21,30"], "tweet.fields": ["note_tweet"]}


def test_an_id_that_the_api_finds_invalid_takes_no_other_down():
    with serving(documented) as (url, _):
        outcomes, _ = asked(url, ["10", "x", "11", "20"])
    assert [(outcome.id, outcome.status) for outcome in outcomes] == [
        ("10", "found"),
        ("x", "failed"),
        ("11", "found"),
        ("20", "missing"),
    ]


def test_a_wrong_token_stops():
    with serving(documented) as (url, _):
        outcomes, decisions = asked(url, ["10"], token="wrong")
    assert outcomes == []
    assert [(decision.action, decision.reason) for decision in decisions] == [(Action.STOP, "HTTP 401")]


def test_its_limit_makes_all_wait_until_it_is_reset():
    reset = {"x-rate-limit-reset": str(int(time.time()) + 100)}
    replies = iter([(429, {}, reset), (200, {"data": []}, reset | {"x-rate-limit-remaining": "0"})])
    with serving(lambda *_: next(replies)) as (url, _):
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
    with serving(lambda *_: (200, content, {})) as (url, _):
        outcomes, decisions = asked(url, ["10"])
    assert [decision.action for decision in decisions] == [Action.RETRY, Action.FAIL]
    assert outcomes[0].status == "failed"
    assert outcomes[0].error.startswith("the answer")
