"""The gate between the driver and its tasks, over loopback."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from adc.errors import RunError
from adc.scraping.fetch import Fetcher
from adc.scraping.gate import SILENT_LOOKS, Gate, GateServer, StoppedError
from adc.scraping.limiter import Limiter
from adc.scraping.policy import Action, Decision, Policy

OK = Decision(Action.ACCEPT)
SECONDS = 10.0
HANGING = """
import sys, time
from adc.scraping import gate
gate.BEAT_SECONDS = float(sys.argv[3])
task = gate.Gate(("127.0.0.1", int(sys.argv[1])), sys.argv[2], task=7)
task.enter()
print("in", flush=True)
time.sleep(60)
"""


@pytest.fixture
def server() -> Iterator[GateServer]:
    with GateServer(Limiter(0, 3, 10), "127.0.0.1", "127.0.0.1") as gate:
        yield gate


def join(server: GateServer) -> Gate:
    return Gate(server.address, server.key)


def test_all_tasks_share_what_may_be_under_way(server):
    lock, under_way, most = threading.Lock(), 0, 0

    def one(gate):
        nonlocal under_way, most
        gate.enter()
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.01)
        with lock:
            under_way -= 1
        gate.leave(OK, {"found": 2})

    with join(server) as first, join(server) as second, ThreadPoolExecutor(10) as threads:
        list(threads.map(one, [first, second] * 15, timeout=SECONDS))
    assert most == 3
    assert server.counts == {"found": 60}


def test_a_task_that_dies_gives_its_turns_back(server):
    with join(server) as other, ThreadPoolExecutor(1) as threads:
        with join(server) as dying:
            for _ in range(3):
                dying.enter()
            waiting = threads.submit(other.enter)
            time.sleep(0.1)
            assert not waiting.done()
        waiting.result(SECONDS)


def test_a_turn_is_not_given_to_a_task_that_died_waiting_for_it():
    with (
        GateServer(Limiter(0, 1, 10), "127.0.0.1", "127.0.0.1") as server,
        ThreadPoolExecutor(2) as threads,
        join(server) as first,
        join(server) as third,
    ):
        first.enter()
        with join(server) as second:
            dying = threads.submit(second.enter)
            time.sleep(0.1)
        with pytest.raises(OSError):
            dying.result(SECONDS)
        waiting = threads.submit(third.enter)
        time.sleep(0.1)
        first.leave(OK, {})
        waiting.result(SECONDS)


def test_a_task_that_hangs_loses_its_turns_and_is_ended_and_a_slow_one_keeps_them(monkeypatch):
    ended: list[int] = []
    beat = 0.5
    monkeypatch.setattr("adc.scraping.gate.BEAT_SECONDS", beat)
    with (
        GateServer(Limiter(0, 2, 10), "127.0.0.1", "127.0.0.1", end=ended.append) as server,
        join(server) as slow,
    ):
        slow.enter()
        suspended = subprocess.Popen(
            [sys.executable, "-c", HANGING, str(server.address[1]), server.key, str(beat)],
            stdout=subprocess.PIPE,
        )
        try:
            assert suspended.stdout is not None
            suspended.stdout.readline()  # it has its turn
            time.sleep((SILENT_LOOKS + 3) * beat)
            assert not ended
            psutil.Process(suspended.pid).suspend()
            waiting = threading.Thread(target=slow.enter, daemon=True)
            waiting.start()
            waiting.join(2 * SECONDS)
            assert not waiting.is_alive()
        finally:
            suspended.kill()
            suspended.communicate()
    assert ended == [7]


def test_a_task_that_hangs_without_a_turn_is_ended_as_well(monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr("adc.scraping.gate.BEAT_SECONDS", 0.05)
    monkeypatch.setattr(Gate, "_live", lambda self: None)
    with (
        GateServer(Limiter(0, 2, 10), "127.0.0.1", "127.0.0.1", end=lambda task: ended.set()) as server,
        join(server) as silent,
    ):
        assert ended.wait(SECONDS)
        with pytest.raises((OSError, ConnectionError)):
            while True:
                silent.enter()


def test_a_stop_reaches_who_waits_and_who_comes_later(server):
    with join(server) as gate, ThreadPoolExecutor(4) as threads:
        for _ in range(3):
            gate.enter()
        waiting = [threads.submit(gate.enter) for _ in range(4)]
        gate.leave(Decision(Action.STOP, "HTTP 401"), {})
        for turn in waiting:
            with pytest.raises(StoppedError, match="HTTP 401"):
                turn.result(SECONDS)
        with join(server) as late, pytest.raises(StoppedError):
            threads.submit(late.enter).result(SECONDS)
    assert server.stopped == "HTTP 401"


@pytest.mark.parametrize("end", ["stop", "close"])
def test_whoever_rests_wakes_when_the_job_ends(end):
    with (
        GateServer(Limiter(0, 3, 10), "127.0.0.1", "127.0.0.1") as server,
        join(server) as resting,
        join(server) as other,
        ThreadPoolExecutor(1) as threads,
    ):
        resting.rest(0.01)  # nothing has ended yet
        other.enter()
        rest = threads.submit(resting.rest, 10 * SECONDS)
        if end == "stop":
            other.leave(Decision(Action.STOP, "HTTP 401"), {})
        else:
            server.__exit__()
        rest.result(SECONDS)
        with pytest.raises(StoppedError if end == "stop" else ConnectionError):
            resting.enter()


def test_a_long_pause_is_told_once_and_a_short_one_is_not():
    told: list[float] = []
    with (
        GateServer(Limiter(0, 9, 10), "127.0.0.1", "127.0.0.1", tell_pause=told.append) as server,
        join(server) as gate,
    ):
        for _ in range(4):
            gate.enter()
        for wait in (1.0, 900.0, 900.5):
            gate.leave(Decision(Action.PAUSE, "HTTP 429", wait), {})
        gate.leave(Decision(Action.STOP, "HTTP 401"), {})
        with ThreadPoolExecutor(1) as threads, pytest.raises(StoppedError):
            threads.submit(gate.enter).result(SECONDS)
    assert told == [pytest.approx(900, abs=1)]


def test_without_the_key_there_is_no_turn(server):
    with Gate(server.address, "guessed") as gate, ThreadPoolExecutor(1) as threads, pytest.raises(OSError):
        threads.submit(gate.enter).result(SECONDS)


def test_a_task_whose_driver_is_gone_fails_rather_than_ends():
    with GateServer(Limiter(0, 1, 10), "127.0.0.1", "127.0.0.1") as server:
        gate = join(server)
        gate.enter()
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(gate.enter)
            time.sleep(0.1)
            server.__exit__()
            with pytest.raises(ConnectionError):
                waiting.result(SECONDS)


def test_a_fixed_port_is_taken_again_by_the_next_run_but_never_by_two():
    with GateServer(Limiter(0, 1, 10), "127.0.0.1", "driver") as chosen:
        port = chosen.address[1]
        # Closed by the server first, its end of this connection keeps the port for a minute.
        client = Gate(("127.0.0.1", port), chosen.key)
        client.enter()
        with pytest.raises(RunError, match=f"port {port} \\(scrape.gate_port"):
            GateServer(Limiter(0, 1, 10), "127.0.0.1", "driver", port)
    client.__exit__(None, None, None)
    with GateServer(Limiter(0, 1, 10), "127.0.0.1", "driver", port) as fixed:
        assert fixed.address == ("driver", port)


def test_no_secret_is_shown():
    fetcher = Fetcher("batch", "http://x/", "tok3n", 1, 1, 1.0, 1, Policy(1), "run", ("127.0.0.1", 1), "k3y")
    assert "tok3n" not in repr(fetcher)
    assert "k3y" not in repr(fetcher)
