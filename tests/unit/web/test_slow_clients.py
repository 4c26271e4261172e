"""Clients that are slow, or many: none of them keeps others from being served."""

import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.websites import HOST, WebSite

# The bounds of 30 seconds are those of one second here.
HASTY = """
import functools, sys
from bouncegate.web import front, routes, server
server.WebServer = functools.partial(server.WebServer, request_seconds=1.0)
routes.SECONDS = front.SEND_SECONDS = 1.0
from bouncegate.cli.main import main
main()
"""
HEAD = f"Host: {HOST}\r\n".encode()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    site = WebSite(Path(tmp_path_factory.mktemp("slow")))
    with site.serving(command=(sys.executable, "-c", HASTY)):
        yield site


def until_closed(sock: socket.socket) -> bytes:
    """All that comes, until the other end closes; a reset is an end."""
    got = b""
    try:
        while octets := sock.recv(65536):
            got += octets
    except ConnectionResetError:
        pass
    return got


def test_a_connection_that_says_nothing_is_closed(site: WebSite) -> None:
    with site.connect() as sock:
        begun = time.monotonic()
        assert until_closed(sock) == b""
        assert 0.5 < time.monotonic() - begun < 10


def test_a_head_that_comes_octet_by_octet_is_cut_off(site: WebSite) -> None:
    with site.connect() as sock:
        sock.settimeout(0.1)
        begun, got = time.monotonic(), b""
        for octet in b"GET /healthz HTTP/1.1\r\n" + HEAD + b"X: " + b"x" * 1000:
            try:
                sock.sendall(bytes((octet,)))
                got += sock.recv(4096)
                break
            except TimeoutError:
                continue
            except OSError:
                break
        assert time.monotonic() - begun < 10
        assert got.startswith((b"HTTP/1.1 408 ", b""))
        assert site.ask("GET", "/healthz").status == 200


def test_a_body_that_does_not_come_is_not_waited_for(site: WebSite) -> None:
    head = b"POST /login HTTP/1.1\r\n" + HEAD + b"Content-Length: 100\r\n\r\nabc"
    with site.connect() as sock:
        sock.sendall(head)
        begun = time.monotonic()
        assert sock.recv(4096).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - begun < 10
        until_closed(sock)
        assert time.monotonic() - begun < 15


def test_hundreds_of_slow_clients_keep_nobody_from_an_answer(site: WebSite) -> None:
    slow = [site.connect() for _ in range(400)]
    try:
        for sock in slow:
            sock.sendall(b"POST /login HTTP/1.1\r\n" + HEAD + b"Content-Length: 9\r\n\r\n")
        statuses = set[int]()
        deadline = time.monotonic() + 20
        while 200 not in statuses and time.monotonic() < deadline:
            statuses.add(site.ask("GET", "/healthz").status)
        assert 200 in statuses <= {200, 503}
        answers = [sock.recv(20) for sock in slow]
        # A connection whose time is up before anything of it was read is closed without a word.
        assert {answer[9:12] for answer in answers} <= {b"408", b"503", b"429", b""}
    finally:
        for sock in slow:
            sock.close()
    # None of them is held beyond its time.
    time.sleep(2.5)
    assert site.ask("GET", "/healthz").status == 200


@pytest.mark.parametrize(
    "octets",
    [
        b"OPTIONS * HTTP/1.1\r\n" + HEAD + b"\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\n" + HEAD + b"\r\n",
        b"GET http://evil.example/healthz HTTP/1.1\r\n" + HEAD + b"\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n" + HEAD + b"\r\n",
        b"GET /%ff%00%0a HTTP/1.1\r\n" + HEAD + b"\r\n",
        b"GET /healthz HTTP/1.1\r\n" + HEAD + b"Upgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /healthz HTTP/1.1\r\n" + HEAD + b"Cookie: " + b"\xff=\xff;" * 500 + b"\r\n\r\n",
        b"GET /login HTTP/1.1\r\n" + HEAD + b"Accept-Language: \xff\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: \r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
    ],
)
def test_odd_requests_get_an_answer_and_leave_no_trace_of_a_fault(
    site: WebSite, octets: bytes
) -> None:
    with site.connect() as sock:
        sock.sendall(octets)
        answer = sock.recv(65536)  # the connection stays open for another request
    assert not answer or answer[9:10] in b"234"
    assert "internal error" not in site.logged()
    assert "Traceback" not in site.logged()
    assert site.ask("GET", "/healthz").status == 200
