"""Look-ups over a raw socket, on which what a client library smooths over shows, and a corpus for them."""

import json
import socket
from http.client import HTTPResponse

from adc.lookup_server.server import LookupServer

TEXTS = {"1175358310087892993": "شلونك\nاليوم ❤️", "2": None, "3": "", "4": "half an emoji \ud83d"}
IDS = json.dumps(list(TEXTS)).encode()
FOUND = TEXTS | {"4": "half an emoji ?"}


def connect(server: LookupServer) -> socket.socket:
    host, port = server.url.removeprefix("http://").rstrip("/").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def post(body: bytes, *headers: str) -> bytes:
    lines = ("POST / HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(lines).encode() + body


def answer(connection: socket.socket) -> tuple[HTTPResponse, bytes]:
    response = HTTPResponse(connection)
    response.begin()
    return response, response.read()


def ask(server: LookupServer, sent: bytes) -> tuple[HTTPResponse, bytes]:
    with connect(server) as connection:
        connection.sendall(sent)
        return answer(connection)


def received(connection: socket.socket) -> list[bytes]:
    """All that comes until the server closes, as it came in."""
    return list(iter(lambda: connection.recv(1 << 16), b""))
