"""A server that answers look-ups as told: with what the project's own would never say, or as X's API does."""

import json
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from adc.scraping.gate import StoppedError
from adc.scraping.limiter import Limiter
from adc.scraping.policy import Action, Decision

Answer = tuple[int, bytes, Mapping[str, str]]  # status, body, headers

PROBLEM = "https://api.example.org/2/problems/"
TWEETS = {
    "10": {"id": "10", "text": "شلونك", "edit_history_tweet_ids": ["10"]},
    "11": {"id": "11", "text": "طويل…", "note_tweet": {"text": "طويل " * 100}},
}
GONE = {"20": ("Not Found Error", "resource-not-found"), "21": ("Authorization Error", "not-authorized")}


class Turns:
    """A gate that never lets anybody wait, for one; the API serves others meanwhile, or this one `alone`."""

    def __init__(self, patience: int = 10_000, alone: bool = False) -> None:
        self.alone = alone
        self.limiter = Limiter(0, 1, patience)
        self.decisions: list[Decision] = []
        self.counts: Counter[str] = Counter()
        self.requests = 0
        self.rests: list[float] = []

    def enter(self) -> int:
        if self.limiter.stopped:
            raise StoppedError(self.limiter.stopped)
        self.limiter.under_way += 1
        self.requests += 1
        return self.limiter.served if self.alone else self.requests

    def leave(self, decision: Decision, counts: Mapping[str, int]) -> None:
        self.limiter.leave(decision, now=0.0)
        self.counts.update(counts)
        self.decisions.append(decision)

    def rest(self, seconds: float) -> None:
        self.rests.append(seconds)

    @property
    def pauses(self) -> list[float]:
        return [decision.wait for decision in self.decisions if decision.action is Action.PAUSE]


@contextmanager
def served(
    method: str, answer: Callable[[BaseHTTPRequestHandler], Answer], tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """The address of a server that answers each request by this method so, and refuses others."""

    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            status, body, headers = answer(self)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    setattr(Handler, f"do_{method}", Handler.reply)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def api(answer: Callable[[list[str]], Answer]) -> AbstractContextManager[str]:
    """The address of a server that answers a list of ids with a status, a body and headers."""

    def read(asked: BaseHTTPRequestHandler) -> Answer:
        return answer(json.loads(asked.rfile.read(int(asked.headers["Content-Length"]))))

    return served("POST", read)


def answering(body: bytes, status: int = 200, **headers: str) -> AbstractContextManager[str]:
    return api(lambda ids: (status, body, {name.replace("_", "-"): value for name, value in headers.items()}))


@contextmanager
def x_api(
    answer: Callable[[list[str], str | None], tuple[int, object, Mapping[str, str]]],
) -> Iterator[tuple[str, list[str]]]:
    """The address of X's look-up where it answers ids and a token so, and the paths asked for."""
    paths: list[str] = []

    def read(asked: BaseHTTPRequestHandler) -> Answer:
        paths.append(asked.path)
        ids = parse_qs(urlsplit(asked.path).query)["ids"][0].split(",")
        status, content, headers = answer(ids, asked.headers.get("Authorization"))
        return status, json.dumps(content).encode(), headers

    with served("GET", read) as url:
        yield f"{url}2/tweets", paths


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
