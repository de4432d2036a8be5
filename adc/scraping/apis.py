"""The look-up APIs that adc can ask, each as what one request of it looks like and what its answer says."""

import ipaddress
import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

import requests
import urllib3

from adc.scraping.policy import Response

# Bytes taken from the socket at a time, so that an over-long answer is noticed before it is held.
CHUNK_BYTES = 256 * 1024
# An answer that comes in drops is given this many times `timeout` in all.
WHOLE_ANSWER = 10


class LookupApi(ABC):
    """One API at one address, safe to share between threads: each has a session of its own.

    `timeout` is in seconds: to connect, and between two pieces of an answer; `max_body` in bytes, unpacked.
    `most` ids a request are known to be allowed: fewer once the API has refused some for their number.
    """

    largest_batch: ClassVar[int]

    def __init__(self, url: str, token: str | None, timeout: float, max_body: int) -> None:
        self._url, self._timeout, self._max_body = url, timeout, max_body
        self._headers = {"Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._local = threading.local()
        self.most = self.largest_batch

    @abstractmethod
    def request(self, ids: Sequence[str]) -> dict[str, Any]:
        """The request for these ids, as keywords of `requests.Session.request`."""

    @abstractmethod
    def answers(self, body: dict[str, Any]) -> tuple[str | None, Mapping[str, Any]]:
        """What is wrong with an answer, or None, and what it says by id.

        A text, None for an id that is missing, or an exception that says why it is.
        """

    def ask(self, ids: Sequence[str]) -> tuple[Response, Mapping[str, Any]]:
        """One request; what the API says of each id is only there when the response has no problem."""
        try:
            with self._session().request(
                **self.request(ids),
                url=self._url,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                status = response.status_code
                headers = {name.lower(): value for name, value in response.headers.items()}
                if not 200 <= status < 300:
                    return Response(status, headers=headers), {}
                content = self._read(response)
                if content is None:
                    too_long = f"an answer of more than {self._max_body} bytes (scrape.max_body)"
                    return Response(status, too_long, headers, too_long=True), {}
                problem, body = parse(content)
                answers: Mapping[str, Any] = {}
                if problem is None:
                    problem, answers = self.answers(body)
                return Response(status, problem, headers), answers
        # The first is raised while the answer's body is read, the second before.
        except (urllib3.exceptions.HTTPError, requests.RequestException) as error:
            return Response(None, type(error).__name__), {}

    def _read(self, response: requests.Response) -> bytes | None:
        """The whole body; None if it is too long."""
        body = bytearray()
        deadline = time.monotonic() + WHOLE_ANSWER * self._timeout
        # read1 gives what is there: read would wait for a whole chunk, however slowly it drips.
        while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > self._max_body:
                return None
            if time.monotonic() > deadline:
                raise requests.Timeout
        return bytes(body)

    def _session(self) -> requests.Session:
        # A requests.Session is not safe to share between threads.
        if not hasattr(self._local, "session"):
            session = requests.Session()
            # Without any, requests would put a password of ~/.netrc in the token's place.
            session.auth = lambda request: request
            if is_loopback(self._url):
                # No proxy of the environment leads back to this machine.
                session.trust_env = False
            self._local.session = session
        known: requests.Session = self._local.session
        return known


class BatchApi(LookupApi):
    """POST of a JSON array of at most 1000 id strings; the answer is a JSON object id → text or null."""

    largest_batch = 1000

    def request(self, ids: Sequence[str]) -> dict[str, Any]:
        """The ids as the body."""
        headers = self._headers | {"Content-Type": "application/json"}
        return {"method": "POST", "data": json.dumps(list(ids)), "headers": headers}

    def answers(self, body: dict[str, Any]) -> tuple[str | None, Mapping[str, Any]]:
        """The body as it is; no id in it but other names: that is an error told with status 200."""
        if body and not any(name.isdecimal() for name in body):
            return f"an answer about no id: {', '.join(sorted(body))[:100]}", {}
        return None, body


class XApi(LookupApi):
    """X API v2 tweet look-up: GET …/2/tweets?ids=…, at most 100, answered by `data` and `errors`.

    A text longer than 280 characters comes whole in `note_tweet`. An id under `errors` is missing, for the
    reason in its `title` (Not Found Error, Authorization Error). Its rate-limit headers are the policy's.
    """

    largest_batch = 100

    def request(self, ids: Sequence[str]) -> dict[str, Any]:
        """The ids in the query."""
        parameters = {"ids": ",".join(ids), "tweet.fields": "note_tweet"}
        return {"method": "GET", "params": parameters, "headers": self._headers}

    def answers(self, body: dict[str, Any]) -> tuple[str | None, Mapping[str, Any]]:
        """`data` by id, and the ids under `errors` with their titles; an error of no id is one of all."""
        if "data" not in body and "errors" not in body:
            return "the answer has neither data nor errors", {}
        answers: dict[str, Any] = {}
        try:
            for error in body.get("errors", ()):
                title = error.get("title", "error")
                if "resource_id" not in error:
                    return f"the answer tells of an error that is no id's: {title}", {}
                answers[error["resource_id"]] = LookupError(title)
            for tweet in body.get("data", ()):
                answers[tweet["id"]] = tweet.get("note_tweet", tweet)["text"]
        except (TypeError, KeyError, AttributeError) as odd:
            return f"the answer's data or errors are not as documented ({type(odd).__name__}: {odd})", {}
        return None, answers


APIS: Mapping[str, type[LookupApi]] = {"batch": BatchApi, "x2": XApi}


def parse(body: bytes) -> tuple[str | None, dict[str, Any]]:
    """What is wrong with an answer's body, or None, and the JSON object in it."""
    try:
        content = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError:
        return "the answer is not UTF-8", {}
    except (ValueError, RecursionError):
        # Also for numbers of thousands of digits, and for brackets nested as deep.
        return "the answer is not JSON", {}
    if not isinstance(content, dict):
        return f"the answer is a JSON {type(content).__name__}, not an object", {}
    return None, content


def is_loopback(url: str) -> bool:
    """Whether the address is this very machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
