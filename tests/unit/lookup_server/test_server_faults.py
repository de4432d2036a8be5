import json
import threading
import time
from collections import Counter

import pytest
from raw_lookups import FOUND, IDS, TEXTS, answer, ask, connect, post, received

from adc.lookup_server.faults import Behaviour, Fault, fault_of
from adc.lookup_server.server import LookupServer


def test_errors_come_in_the_order_that_the_seed_decides():
    behaviour = Behaviour(error_rate=1.0, seed=3)
    with LookupServer(TEXTS, behaviour) as server, connect(server) as connection:
        seen = []
        for _ in range(40):
            connection.sendall(post(IDS))
            response, content = answer(connection)
            seen.append((response.status, response.headers["Retry-After"], content[:8]))
        answered = server.statistics.answered
    looks = {
        Fault.ERROR_500: (500, None, b'{"error"'),
        Fault.ERROR_502: (502, None, b'{"error"'),
        Fault.ERROR_503: (503, None, b'{"error"'),
        Fault.ERROR_503_RETRY_AFTER: (503, "1", b'{"error"'),
        Fault.ERROR_HTML: (200, None, b"<html><b"),
        Fault.ERROR_NOT_JSON: (200, None, b'{"error"'),
    }
    expected = [fault_of(number, behaviour) for number in range(1, 41)]
    assert seen == [looks[fault] for fault in expected]
    assert answered == Counter(expected) and len(answered) == len(looks)


def test_a_cut_body_ends_half_way():
    with LookupServer(TEXTS, Behaviour(cut_rate=1.0)) as server, connect(server) as connection:
        connection.sendall(post(IDS))
        head, _, body = b"".join(received(connection)).partition(b"\r\n\r\n")
    whole = json.dumps(FOUND, ensure_ascii=False).encode()
    assert f"Content-Length: {len(whole)}\r\n".encode() in head and body == whole[: len(whole) // 2]


def test_a_reset_comes_before_any_answer():
    with LookupServer(TEXTS, Behaviour(reset_rate=1.0)) as server, connect(server) as connection:
        connection.sendall(post(IDS))
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_a_drip_takes_its_time_and_is_whole():
    with LookupServer(TEXTS, Behaviour(drip_rate=1.0, drip_seconds=0.5)) as server:
        started = time.monotonic()
        with connect(server) as connection:
            connection.sendall(post(IDS, "Connection: close"))
            pieces = received(connection)
        took = time.monotonic() - started
    assert json.loads(b"".join(pieces).partition(b"\r\n\r\n")[2]) == FOUND
    assert len(pieces) > 10 and 0.5 <= took < 2


def test_no_second_holds_more_requests_than_the_rate_limit():
    answers: list[tuple[int, str | None]] = []

    def hammer() -> None:
        with connect(server) as connection:
            while time.monotonic() < end:
                connection.sendall(post(IDS))
                response, _ = answer(connection)
                answers.append((response.status, response.headers["Retry-After"]))

    with LookupServer(TEXTS, Behaviour(rate_limit=20)) as server:
        end = time.monotonic() + 2.2
        clients = [threading.Thread(target=hammer) for _ in range(4)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        statistics = server.statistics
    arrivals = list(statistics.arrivals)
    assert all(later - earlier >= 1 for earlier, later in zip(arrivals, arrivals[20:], strict=False))
    assert set(answers) == {(200, None), (429, "1")}
    assert statistics.answered == {"ok": len(arrivals), "429": len(answers) - len(arrivals)}
    assert 40 <= len(arrivals) <= 60


def test_a_long_wait_is_told_in_whole_seconds():
    with LookupServer(TEXTS, Behaviour(rate_limit=0.001)) as server:
        waits = [ask(server, post(IDS))[0].headers["Retry-After"] for _ in range(2)]
    assert waits == [None, "1000"]
