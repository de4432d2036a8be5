"""Asks the look-up API for one batch of ids until every one of them has an outcome. Knows no Spark."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from adc.scraping.policy import Action, Policy, Reply

# Bytes taken from the socket at a time, so that an over-long answer is noticed before it is held.
CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True)
class Outcome:
    """What is known of one id after it was asked for.

    `unasked` means that the API refuses to serve this client at all: nothing was learnt of the id.
    """

    id: str
    status: str  # found, missing, failed or unasked
    text: str | None = None
    http_status: int | None = None
    error: str | None = None
    attempts: int = 0


class Pacer:
    """Gives out send times at most `rate` a second; 0 means at once."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Returns when the next request may be sent."""
        if not self._interval:
            return
        with self._lock:
            moment = max(self._next, time.monotonic())
            self._next = moment + self._interval
        time.sleep(max(0.0, moment - time.monotonic()))


class BatchApi:
    """POST of a JSON array of at most 1000 id strings; the answer is a JSON object id → text or null."""

    largest_batch = 1000

    def __init__(self, url: str, token: str | None, timeout: float, max_body: int) -> None:
        self._url, self._timeout, self._max_body = url, timeout, max_body
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._local = threading.local()

    def ask(self, ids: Sequence[str]) -> tuple[Reply, dict[str, Any]]:
        """One request; what the API says of each id is only there when the reply has no problem."""
        try:
            with self._session().post(
                self._url,
                data=json.dumps(list(ids)),
                headers=self._headers,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                retry_after = response.headers.get("Retry-After")
                if not 200 <= response.status_code < 300:
                    return Reply(response.status_code, retry_after=retry_after), {}
                body = self._read(response)
                problem, answers = parse(body)
                return Reply(response.status_code, problem, retry_after), answers
        except requests.RequestException as error:
            return Reply(None, type(error).__name__), {}
        except _TooLongError:
            return Reply(None, f"an answer of more than {self._max_body} bytes (scrape.max_body)"), {}

    def _read(self, response: requests.Response) -> bytes:
        body = bytearray()
        for chunk in response.iter_content(CHUNK_BYTES):
            body += chunk
            if len(body) > self._max_body:
                raise _TooLongError
        return bytes(body)

    def _session(self) -> requests.Session:
        # A requests.Session is not safe to share between threads.
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            # Without any, requests would put a password of ~/.netrc in the token's place.
            self._local.session.auth = lambda request: request
        session: requests.Session = self._local.session
        return session


class _TooLongError(Exception):
    pass


def parse(body: bytes) -> tuple[str | None, dict[str, Any]]:
    """What is wrong with an answer's body, or None, and the JSON object in it."""
    try:
        answers = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError:
        return "the answer is not UTF-8", {}
    except (ValueError, RecursionError):
        # Also for numbers of thousands of digits, and for brackets nested as deep.
        return "the answer is not JSON", {}
    if not isinstance(answers, dict):
        return f"the answer is a JSON {type(answers).__name__}, not an object", {}
    return None, answers


def look_up(
    api: BatchApi,
    policy: Policy,
    ids: Sequence[str],
    *,
    before_each: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Outcome]:
    """An outcome for every id, once; a batch that is refused is split to find the id that causes it."""
    attempt = 0
    while True:
        attempt += 1
        before_each()
        reply, answers = api.ask(ids)
        decision = policy.decide(reply, attempt, len(ids))
        match decision.action:
            case Action.ACCEPT:
                yield from (_outcome(tweet_id, answers, reply.status, attempt) for tweet_id in ids)
                return
            case Action.RETRY:
                sleep(decision.wait)
            case Action.SPLIT:
                middle = len(ids) // 2
                for half in (ids[:middle], ids[middle:]):
                    yield from look_up(api, policy, half, before_each=before_each, sleep=sleep)
                return
            case Action.FAIL | Action.STOP:
                status = "failed" if decision.action is Action.FAIL else "unasked"
                for tweet_id in ids:
                    yield Outcome(tweet_id, status, None, reply.status, decision.reason, attempt)
                return


def _outcome(tweet_id: str, answers: dict[str, Any], http_status: int | None, attempts: int) -> Outcome:
    value = answers.get(tweet_id)
    if value is None:
        return Outcome(tweet_id, "missing", None, http_status, None, attempts)
    if not isinstance(value, str):
        reason = f"the answer for this id is a JSON {type(value).__name__}, not a string"
        return Outcome(tweet_id, "failed", None, http_status, reason, attempts)
    text = without_surrogates(value)
    error = None if text == value else "surrogates"
    return Outcome(tweet_id, "found", text, http_status, error, attempts)


def without_surrogates(text: str) -> str:
    """Lone surrogates, which no UTF-8 can hold, as U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
