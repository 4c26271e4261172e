"""The metrics endpoint: one that is slow, many at once, and what is no request shut nobody out."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge

from bouncegate.config.endpoints import UnixSocket
from bouncegate.daemon.metrics.endpoint import serve_metrics

SECONDS = 20.0


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Path]:
    registry = CollectorRegistry()
    Gauge("known", "One figure.", registry=registry).set(7)
    path, stop = tmp_path / "m.sock", threading.Event()
    thread = threading.Thread(target=serve_metrics, args=(UnixSocket(path), registry, stop))
    thread.start()
    while not is_listening(path):
        assert thread.is_alive()
    yield path
    stop.set()
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert not path.exists()


def is_listening(path: Path) -> bool:
    """A socket has its name before it listens: until then a client is refused."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def connected(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(SECONDS)
    client.connect(str(path))
    return client


def send_without_end(client: socket.socket) -> None:
    while True:
        client.sendall(b"x" * 4096)


def asked(path: Path, request: bytes = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n") -> bytes:
    with connected(path) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_endpoint_answers_while_a_client_sends_an_octet_at_a_time(endpoint: Path) -> None:
    with connected(endpoint) as slow:
        slow.sendall(b"G")
        assert b"known 7.0" in asked(endpoint)
        slow.sendall(b"E")
        assert b"known 7.0" in asked(endpoint)


def test_endpoint_answers_while_very_many_clients_say_nothing(endpoint: Path) -> None:
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(connected(endpoint))
        assert b"known 7.0" in asked(endpoint)


def test_endpoint_answers_while_clients_do_not_read(endpoint: Path) -> None:
    with ExitStack() as stack:
        for _ in range(100):
            client = stack.enter_context(connected(endpoint))
            client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert b"known 7.0" in asked(endpoint)


def test_endpoint_ends_a_connection_that_is_never_a_request(endpoint: Path) -> None:
    with connected(endpoint) as silent:
        assert silent.recv(1) == b"", "closed by the other side, after some seconds"
    with connected(endpoint) as endless, pytest.raises((BrokenPipeError, ConnectionError)):
        send_without_end(endless)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n", b"405"),
        (b"DELETE / HTTP/1.1\r\n\r\n", b"405"),
        (b"\r\n\r\n", b"405"),
        (b"GET /other HTTP/1.1\r\n\r\n", b"404"),
        (b"GET / HTTP/1.0\r\n\r\n", b"200"),
        (b"GET /metrics?name[]=x HTTP/1.1\r\n\r\n", b"200"),
        (b"GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text\r\n\r\n", b"200"),
        (b"GET /metrics\r\n\r\n", b"200"),
    ],
)
def test_endpoint_answers_get_of_one_path_alone(
    endpoint: Path, request_: bytes, status: bytes
) -> None:
    answer = asked(endpoint, request_)
    assert answer.split(b" ")[1] == status
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert (b"known 7.0" in body) is (status == b"200")


def test_endpoint_answers_head_without_the_figures(endpoint: Path) -> None:
    answer = asked(endpoint, b"HEAD /metrics HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n")
