"""One gate for the whole job: every request of every task asks the driver for its turn.

The driver listens; a task connects once and sends a line of JSON for each request that wants to go and for
each that is over. A task that dies gives back its turns, since its connection closes. It also sends a sign of
life every few seconds: one that hangs, its process stopped or its host starved, loses its turns and is ended.
"""

import hmac
import json
import queue
import secrets
import socket
import socketserver
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from adc.errors import RunError
from adc.scraping.limiter import Limiter
from adc.scraping.policy import Action, Decision

# Seconds of silence after which a connection is probed, and between three probes: so a host that is cut off
# gives its turns back within a minute.
PROBE = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3}
CONNECT_SECONDS = 30.0
# How often a task gives a sign of life and the driver looks for it; and after how many looks without one a
# task hangs. Looks are counted, not seconds: a driver that was itself suspended must not blame the tasks.
BEAT_SECONDS, SILENT_LOOKS = 5.0, 9


class StoppedError(Exception):
    """The job has stopped: nothing more may be asked."""


class GateServer:
    """Lives on the driver while ids are looked up; `counts` are what the tasks have told so far.

    Tasks reach it as `host`; port 0 is chosen by the system. A task that gives no sign of life is hung up on;
    before, `end` is called with its number, and `tell_pause` with the seconds of a long pause once it begins;
    neither may raise. Raises RunError where it cannot listen.
    """

    def __init__(
        self,
        limiter: Limiter,
        bind: str,
        host: str,
        port: int = 0,
        end: Callable[[int], None] = lambda task: None,
        tell_pause: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._limiter, self._end, self._tell_pause = limiter, end, tell_pause
        self._changed = threading.Condition()
        self._waiting: deque[_Connection] = deque()
        self._connections: set[_Connection] = set()
        self._counts: Counter[str] = Counter()
        self._closed = False
        self._began: float | None = None
        self._looked = time.monotonic()
        self.key = secrets.token_hex(16)
        try:
            self._server = _Server((bind, port), _Connection)
        except OSError as error:
            raise RunError(
                f"the driver cannot listen on {bind} (spark.driver.bindAddress), port {port} "
                f"(scrape.gate_port; 0: any): {error}"
            ) from None
        self._server.gate = self
        self.address = (host, int(self._server.server_address[1]))
        self._threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for target, name in ((self._server.serve_forever, "gate"), (self._admit, "gate-turns"))
        ]

    @property
    def stopped(self) -> str | None:
        """Why the job must stop, if it must."""
        with self._changed:
            return self._limiter.stopped

    @property
    def failure(self) -> str:
        """Why the latest request that was not served was not."""
        with self._changed:
            return self._limiter.failure

    @property
    def paused(self) -> float:
        """Seconds for which the API has made all requests wait."""
        with self._changed:
            return self._limiter.paused

    @property
    def counts(self) -> Mapping[str, int]:
        """Ids by outcome, as the tasks tell; a task that Spark ran twice told twice."""
        with self._changed:
            return dict(self._counts)

    @property
    def seconds(self) -> float:
        """Seconds since the first turn was given."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            for connection in self._connections:
                connection.hang_up()
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join()

    def _admit(self) -> None:
        """Gives turns, in the order in which they were asked for, when the limiter allows."""
        with self._changed:
            while not self._closed:
                if self._limiter.stopped:
                    for connection in self._connections:
                        connection.tell({"stop": self._limiter.stopped})
                    self._waiting.clear()
                wait = self._limiter.enter(time.monotonic()) if self._waiting else None
                if wait == 0:
                    self._began = self._began or time.monotonic()
                    connection = self._waiting.popleft()
                    connection.turns += 1
                    connection.tell({"go": self._limiter.served})
                else:
                    self._changed.wait(BEAT_SECONDS if wait is None else min(wait, BEAT_SECONDS))
                self._hang_up_on_the_silent()

    def _hang_up_on_the_silent(self) -> None:
        """Their process is stopped, or starved: the task has to be started anew, here or elsewhere."""
        if time.monotonic() - self._looked < BEAT_SECONDS:
            return
        self._looked = time.monotonic()
        for connection in self._connections:
            connection.silent += 1
            if connection.silent == SILENT_LOOKS:
                # First: one that is only slow would fail by the closed connection, which Spark counts.
                self._end(connection.task)
                connection.hang_up()

    def joined(self, connection: "_Connection") -> None:
        """A task has connected."""
        with self._changed:
            self._connections.add(connection)
            self._changed.notify_all()

    def told(self, connection: "_Connection", message: Mapping[str, Any]) -> None:
        """A task wants a turn, or a turn of its is over, or it says that it lives."""
        with self._changed:
            connection.silent = 0
            if "alive" in message:
                return
            if "enter" in message:
                self._waiting.append(connection)
            else:
                connection.turns -= 1
                self._counts.update(message["counts"])
                action, reason, wait, harmless = message["leave"]
                now = time.monotonic()
                self._limiter.leave(Decision(Action(action), reason, wait, harmless), now)
                if seconds := self._limiter.long_pause(now):
                    self._tell_pause(seconds)
            self._changed.notify_all()

    def left(self, connection: "_Connection") -> None:
        """A task has ended or died."""
        with self._changed:
            self._connections.discard(connection)
            self._limiter.abandon(connection.turns)
            self._waiting = deque(waiting for waiting in self._waiting if waiting is not connection)
            self._changed.notify_all()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024
    allow_reuse_address = True  # a fixed port is free again as soon as the run before has ended
    gate: GateServer


class _Connection(socketserver.StreamRequestHandler):
    """One task's connection, on the driver."""

    server: _Server
    disable_nagle_algorithm = True
    task = 0
    turns = 0
    silent = 0  # looks since it last said something
    timeout = None

    def handle(self) -> None:
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in PROBE.items():
            self.request.setsockopt(socket.IPPROTO_TCP, option, value)
        gate = self.server.gate
        key, _, task = self.rfile.readline(100).strip().partition(b" ")
        if not hmac.compare_digest(key, gate.key.encode()):
            return
        try:
            with suppress(OSError, ValueError):  # the task died, at worst in the middle of a line
                self.task = int(task)
                gate.joined(self)
                for line in self.rfile:
                    gate.told(self, json.loads(line))
        finally:
            gate.left(self)

    def hang_up(self) -> None:
        with suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)

    def tell(self, message: Mapping[str, Any]) -> None:
        with suppress(OSError):  # `handle` notices as well
            self.wfile.write(json.dumps(message).encode() + b"\n")


class Gate:
    """A task's side of the gate, shared by its threads. `task` is the number that Spark knows it by."""

    def __init__(self, address: tuple[str, int], key: str, task: int = 0) -> None:
        self._socket = socket.create_connection(address, CONNECT_SECONDS)
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sending = threading.Lock()
        self._turns: queue.SimpleQueue[Exception | int] = queue.SimpleQueue()
        self._left, self._over = threading.Event(), threading.Event()
        self._send(f"{key} {task}")
        for target in (self._listen, self._live):
            threading.Thread(target=target, name="gate", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        with suppress(OSError):  # wakes the thread that listens
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def enter(self) -> int:
        """Returns when one request may be sent: how many have been served by then.

        Raises StoppedError when none may be sent any more.
        """
        self._send(json.dumps({"enter": True}))
        turn = self._turns.get()
        if isinstance(turn, Exception):
            self._turns.put(turn)  # for the other threads
            raise turn
        return turn

    def leave(self, decision: Decision, counts: Mapping[str, int]) -> None:
        """That request is over: what was decided on its answer, and the ids that it settled, by outcome."""
        told = (decision.action.value, decision.reason, decision.wait, decision.harmless)
        self._send(json.dumps({"leave": told, "counts": counts}))

    def rest(self, seconds: float) -> None:
        """Waits so long, or until nothing may be asked any more, which `enter` then tells."""
        self._over.wait(seconds)

    def _send(self, line: str) -> None:
        with self._sending:
            self._socket.sendall(line.encode() + b"\n")

    def _live(self) -> None:
        with suppress(OSError):  # `_listen` notices as well
            while not self._left.wait(BEAT_SECONDS):
                self._send(json.dumps({"alive": True}))

    def _listen(self) -> None:
        with self._socket.makefile("rb") as lines, suppress(OSError):
            for line in lines:
                told = json.loads(line)
                if "stop" in told:
                    self._over.set()
                self._turns.put(StoppedError(told["stop"]) if "stop" in told else told["go"])
        self._over.set()
        self._turns.put(ConnectionError("the driver's gate is gone"))
