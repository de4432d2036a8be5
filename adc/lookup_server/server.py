"""A local server of the lookup API over a corpus: to rehearse a scrape on, and for tests to break.

`POST /` (the path does not matter) with a JSON array of at most 1000 id strings is answered by a JSON object
id → text: null where the corpus has the id without a text, absent where it does not have the id.
`GET /health` is answered by the statistics. How it misbehaves is in `faults`.
"""

import asyncio
import json
import math
import socket
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Self

from adc.errors import UsageError
from adc.lookup_server.faults import ERROR_REPLIES, Behaviour, Fault, RateWindow, fault_of
from adc.lookup_server.http1 import MAX_HEAD, Reply, Request, RequestError, read_request, refusal

MAX_IDS = 1000
BACKLOG = 1024  # connections not yet accepted
DRIP_PIECES = 50
PARTING_SECONDS = 5.0


@dataclass
class Statistics:
    """What the server did since its start. Requests for /health are not counted.

    ids:      ids in well-formed look-ups, whatever these were answered.
    answered: requests by kind: `ok`, the status of a refusal (`429`, `413`, ...) or the name of a fault.
    in_flight, peak_concurrency: requests read and not yet answered, now and at most.
    arrivals: when the latest requests that the rate limit admitted came, seconds of `time.monotonic`.
    """

    requests: int = 0
    ids: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    peak_concurrency: int = 0
    arrivals: deque[float] = field(default_factory=lambda: deque(maxlen=100_000))


class LookupServer:
    """Serves `texts` (id → text) in a thread of its own, from `start` or `with` on until `close`.

    `behaviour` may be replaced while it serves; only its rate limit stays that of the start.
    """

    def __init__(
        self,
        texts: Mapping[str, str | None],
        behaviour: Behaviour | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._texts = texts
        self.behaviour = behaviour or Behaviour()
        self._host, self._port = host, port
        self._window = RateWindow(self.behaviour.rate_limit)
        self._lookups = 0
        self._statistics = Statistics()
        self._lock = threading.Lock()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="lookup-server", daemon=True)

    def start(self) -> Self:
        """Listen and begin to serve, on a free port where the port is 0; a server starts once.

        Raises UsageError where it cannot listen on that host and port.
        """
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            self._listener = socket.create_server((self._host, self._port), family=family, backlog=BACKLOG)
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"the lookup server cannot listen on host {self._host}, port {self._port} ({error}): "
                "choose others; port 0 takes a free one"
            ) from error
        self._port = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop at once, breaking off whatever is still being answered; closing twice does no harm."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def wait(self) -> None:
        """Return when the server has closed; Ctrl-C interrupts the waiting."""
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where look-ups go, once started."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}/"

    @property
    def statistics(self) -> Statistics:
        """A copy of the statistics as they stand."""
        with self._lock:
            now = self._statistics
            return replace(now, answered=now.answered.copy(), arrivals=now.arrivals.copy())

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(
            self._converse, sock=self._listener, limit=MAX_HEAD, backlog=BACKLOG
        )
        await self._stop.wait()
        server.close()  # and then the runner cancels every conversation

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests in turn until either side closes it."""
        with suppress(OSError, asyncio.IncompleteReadError):
            try:
                # asyncio leaves Nagle on for a listener that it did not open itself.
                writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while await self._exchange(reader, writer):
                    pass
                writer.close()
                await writer.wait_closed()
            finally:
                writer.transport.abort()  # for a conversation that was cancelled

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer the next request; whether the connection stays open for one more."""
        try:
            request = await read_request(reader, writer)
        except RequestError as error:
            with self._counted(error.reply):
                await self._send(error.reply, writer, keep_alive=False)
            # Closing with input unread resets the connection, and the client might never see the refusal.
            writer.write_eof()
            with suppress(TimeoutError):
                async with asyncio.timeout(PARTING_SECONDS):
                    while await reader.read(MAX_HEAD):
                        pass
            return False
        if (request.method, request.path) == ("GET", "/health"):
            return await self._send(self._health(), writer, request.keep_alive)
        reply = self._reply(request)
        with self._counted(reply):
            await asyncio.sleep(self.behaviour.latency)
            return await self._send(reply, writer, request.keep_alive)

    @contextmanager
    def _counted(self, reply: Reply) -> Iterator[None]:
        counts = self._statistics
        with self._lock:
            counts.requests += 1
            counts.answered[reply.kind] += 1
            counts.in_flight += 1
            counts.peak_concurrency = max(counts.peak_concurrency, counts.in_flight)
        try:
            yield
        finally:
            with self._lock:
                counts.in_flight -= 1

    def _health(self) -> Reply:
        now = self.statistics
        counts = {name: value for name, value in vars(now).items() if name != "arrivals"}
        return Reply("health", 200, json.dumps(counts).encode() + b"\n")

    def _reply(self, request: Request) -> Reply:
        """What this request is answered, faults included."""
        if request.method != "POST":
            reply = refusal(405, "look-ups are POST requests", "Allow: POST")
            return replace(reply, body=b"") if request.method == "HEAD" else reply
        token = self.behaviour.token
        if token is not None and request.headers.get("authorization") != f"Bearer {token}":
            return refusal(
                401, "Authorization: Bearer <token> is missing or wrong", "WWW-Authenticate: Bearer"
            )
        now = time.monotonic()
        if wait := self._window.wait(now):
            return refusal(429, "too many requests", f"Retry-After: {math.ceil(wait)}")
        with self._lock:
            self._statistics.arrivals.append(now)
        try:
            ids = json.loads(request.body)
        except (ValueError, RecursionError):
            return refusal(400, "the body is not JSON")
        if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
            return refusal(400, "the body is not a JSON array of id strings")
        if len(ids) > MAX_IDS:
            return refusal(413, f"{len(ids)} ids: one request may ask for at most {MAX_IDS}")
        with self._lock:
            self._statistics.ids += len(ids)
        self._lookups += 1
        fault = fault_of(self._lookups, self.behaviour)
        if fault in ERROR_REPLIES:
            return ERROR_REPLIES[fault]
        found = {tweet_id: self._texts[tweet_id] for tweet_id in ids if tweet_id in self._texts}
        # Half an emoji, as careless truncation leaves it, has no UTF-8: it becomes a question mark.
        body = json.dumps(found, ensure_ascii=False).encode(errors="replace")
        return Reply(fault or "ok", 200, body)

    async def _send(self, reply: Reply, writer: asyncio.StreamWriter, keep_alive: bool) -> bool:
        """Send the reply in the manner of its fault; whether the connection stays open."""
        head, body = reply.head(keep_alive), reply.body
        match reply.kind:
            case Fault.RESET:
                linger = struct.pack("ii", 1, 0)  # on, for no time: closing sends RST
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
                return False
            case Fault.CUT:
                writer.write(head + body[: len(body) // 2])
                return False
            case Fault.DRIP:
                writer.write(head)
                size = math.ceil(len(body) / DRIP_PIECES)
                starts = range(0, len(body), size)
                for start in starts:
                    await asyncio.sleep(self.behaviour.drip_seconds / len(starts))
                    writer.write(body[start : start + size])
                    await writer.drain()
            case _:
                writer.write(head + body)
                await writer.drain()
        return keep_alive
