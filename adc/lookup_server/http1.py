"""The little of HTTP/1.1 that the lookup server speaks: a request read, a reply written out as bytes."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

MAX_BODY = 1 << 20  # bytes
MAX_HEAD = 1 << 16  # bytes


@dataclass(frozen=True)
class Request:
    """A request read whole; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    keep_alive: bool


@dataclass(frozen=True)
class Reply:
    """What a request is answered; `kind` is the reply's name in statistics, `headers` are whole lines."""

    kind: str
    status: int
    body: bytes
    headers: tuple[str, ...] = ()
    content_type: str = "application/json; charset=utf-8"

    def head(self, keep_alive: bool) -> bytes:
        """All that goes before the body."""
        lines = (
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
            f"Connection: {'keep-alive' if keep_alive else 'close'}",
            *self.headers,
        )
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1")


def refusal(status: int, why: str, *headers: str, kind: str = "") -> Reply:
    """A reply whose body is a JSON error object; its kind is the status unless another is given."""
    return Reply(kind or str(status), status, json.dumps({"error": why}).encode(), headers)


class RequestError(Exception):
    """A request after which the connection is of no use: where the next one begins is not known."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.reply = refusal(status, why)


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
    """The connection's next request; the reader's limit must be MAX_HEAD.

    Raises RequestError for one that cannot be read, asyncio.IncompleteReadError where the client has closed.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise RequestError(431, f"the head of a request may have at most {MAX_HEAD} bytes") from error
    line, *fields = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    match line.split(" "):
        case [method, path, "HTTP/1.1" | "HTTP/1.0" as version]:
            pass
        case _:
            raise RequestError(400, "not an HTTP/1.1 request")
    headers = {name.lower(): value.strip() for name, _, value in (entry.partition(":") for entry in fields)}
    if "transfer-encoding" in headers:
        raise RequestError(411, "send the body whole, with its Content-Length")
    length = headers.get("content-length", "0")
    if not re.fullmatch("[0-9]{1,18}", length):
        raise RequestError(400, "Content-Length is not a number of bytes")
    if int(length) > MAX_BODY:
        raise RequestError(413, f"a body may have at most {MAX_BODY} bytes")
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await reader.readexactly(int(length))
    connection = headers.get("connection", "").lower()
    keep_alive = connection == "keep-alive" or (version == "HTTP/1.1" and connection != "close")
    return Request(method, path, headers, body, keep_alive)
