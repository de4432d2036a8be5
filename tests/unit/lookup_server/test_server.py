import json
import time
from http.client import HTTPConnection

import pytest
from raw_lookups import FOUND, IDS, TEXTS, answer, ask, connect, post, received

from adc.errors import UsageError
from adc.lookup_server.faults import Behaviour
from adc.lookup_server.server import LookupServer


@pytest.fixture(scope="module")
def server():
    with LookupServer(TEXTS) as running:
        yield running


def array(count: int) -> bytes:
    return json.dumps([str(number) for number in range(10, 10 + count)]).encode()


@pytest.mark.parametrize(
    ("body", "status", "answered"),
    [
        (IDS, 200, FOUND),
        (b'["3", "3", "3.0", "03", "absent"]', 200, {"3": ""}),
        (b"[]", 200, {}),
        (array(1000), 200, {}),
        (array(1001), 413, {"error": "1001 ids: one request may ask for at most 1000"}),
        (b"", 400, {"error": "the body is not JSON"}),
        (b"[" * 100_000, 400, {"error": "the body is not JSON"}),
        (b'["\xff"]', 400, {"error": "the body is not JSON"}),
        (b"[2]", 400, {"error": "the body is not a JSON array of id strings"}),
        (b'{"2": 1}', 400, {"error": "the body is not a JSON array of id strings"}),
    ],
)
def test_the_contract(server, body, status, answered):
    response, content = ask(server, post(body))
    assert (response.status, json.loads(content)) == (status, answered)
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert int(response.headers["Content-Length"]) == len(content)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_look_ups_are_posts(server, method):
    connection = HTTPConnection(server.url.removeprefix("http://").rstrip("/"))
    for _ in range(2):  # the answer to HEAD, which has no body, leaves the connection in step
        connection.request(method, "/")
        response = connection.getresponse()
        response.read()
        assert (response.status, response.headers["Allow"], response.will_close) == (405, "POST", False)
    connection.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST / HTTP/2\r\n\r\n", 400),
        (post(b"", "Content-Length: -1"), 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n", 411),
        (post(b" " * (3 << 20)), 413),
        (b"POST / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
    ],
)
def test_what_cannot_be_read_is_refused_and_the_connection_closed(server, sent, status):
    with connect(server) as connection:
        connection.sendall(sent)
        response, content = answer(connection)
        assert (response.status, list(json.loads(content)), response.will_close) == (status, ["error"], True)
        assert connection.recv(1) == b""


@pytest.mark.parametrize(
    ("version", "headers", "stays_open"),
    [
        ("HTTP/1.1", [], True),
        ("HTTP/1.1", ["Connection: close"], False),
        ("HTTP/1.0", [], False),
        ("HTTP/1.0", ["connection:Keep-Alive"], True),
    ],
)
def test_a_connection_is_kept_as_the_client_asks(server, version, headers, stays_open):
    with connect(server) as connection:
        for _ in range(3 if stays_open else 1):
            connection.sendall(post(IDS, *headers).replace(b"HTTP/1.1", version.encode()))
            response, content = answer(connection)
            assert (response.status, json.loads(content), response.will_close) == (200, FOUND, not stays_open)
        if not stays_open:
            assert connection.recv(1) == b""


def test_a_client_that_waits_to_be_told_to_send_its_body_is_told(server):
    head, body = post(IDS, "Expect: 100-continue")[: -len(IDS)], IDS
    with connect(server) as connection:
        connection.sendall(head)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert json.loads(answer(connection)[1]) == FOUND


def test_a_token_is_asked_for_when_there_is_one():
    with LookupServer(TEXTS, Behaviour(token="key")) as server:
        sent = ([], ["Authorization: Bearer other"], ["Authorization: key"], ["authorization: Bearer key"])
        assert [ask(server, post(IDS, *headers))[0].status for headers in sent] == [401, 401, 401, 200]
        assert server.statistics.answered == {"401": 3, "ok": 1}


def test_hundreds_of_requests_at_once_share_the_latency():
    with LookupServer(TEXTS, Behaviour(latency=0.5)) as server:
        started = time.monotonic()
        connections = [connect(server) for _ in range(200)]
        for connection in connections:
            connection.sendall(post(IDS))
        statuses = {answer(connection)[0].status for connection in connections}
        took = time.monotonic() - started
        for connection in connections:
            connection.close()
        assert statuses == {200} and 0.5 <= took < 3
        assert server.statistics.peak_concurrency == 200


def test_health_shows_the_statistics_and_is_not_counted():
    with LookupServer(TEXTS, Behaviour(token="key", rate_limit=1.01)) as server:
        for body in (IDS, b"{}", IDS):
            ask(server, post(body, "Authorization: Bearer key"))
        response, content = ask(server, b"GET /health HTTP/1.1\r\n\r\n")
        assert response.status == 200 and content.count(b"\n") == 1
        assert json.loads(content) == {
            "requests": 3,
            "ids": 4,
            "answered": {"ok": 1, "400": 1, "429": 1},
            "in_flight": 0,
            "peak_concurrency": 1,
        }


@pytest.mark.parametrize(
    "behaviour", [Behaviour(), Behaviour(latency=60), Behaviour(drip_rate=1.0, drip_seconds=60)]
)
def test_close_is_prompt_whatever_is_open(behaviour):
    with LookupServer(TEXTS, behaviour) as server:
        idle, busy = connect(server), connect(server)
        busy.sendall(post(IDS) * 2)
        while server.statistics.requests == 0:
            time.sleep(0.01)
        started = time.monotonic()
        server.close()
        server.wait()
        assert time.monotonic() - started < 1
    assert received(idle) == []
    with pytest.raises(ConnectionRefusedError):
        connect(server)
    with LookupServer(TEXTS, port=int(server.url.rstrip("/").rpartition(":")[2])) as again:
        assert again.url == server.url and ask(again, post(IDS))[0].status == 200
    idle.close()
    busy.close()


def test_a_port_that_is_taken_is_refused_by_name(server):
    port = int(server.url.rstrip("/").rpartition(":")[2])
    with pytest.raises(UsageError, match=f"cannot listen on host 127.0.0.1, port {port} .*choose others"):
        LookupServer(TEXTS, port=port).start()
