"""Requests to receivers that are slow, loud, elsewhere, or not who they say they are."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from tests.unit.web.events.receiver import Receiver

from bouncegate.web.events import post
from bouncegate.web.events.post import MOST_KEPT, Poster, Target, is_public, tls_context
from bouncegate.web.events.retries import Answer

HEADERS = {"content-type": "application/json"}
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@contextmanager
def listening(
    serve: Callable[[socket.socket], None], context: ssl.SSLContext | None = None
) -> Iterator[int]:
    """A port on loopback where each connection is served by a function."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            with suppress(OSError):
                while True:
                    peer, _ = listener.accept()
                    with suppress(OSError), peer:
                        if context is None:
                            serve(peer)
                            continue
                        with context.wrap_socket(
                            peer, server_side=True, do_handshake_on_connect=False
                        ) as encrypted:
                            encrypted.do_handshake()
                            serve(encrypted)

        threading.Thread(target=run, daemon=True).start()
        yield listener.getsockname()[1]


def request(peer: socket.socket) -> bytes:
    """The next request, whose body is `{}`; empty at the end of the connection."""
    found = b""
    while not found.endswith(b"{}") and (octets := peer.recv(65_536)):
        found += octets
    return found


def posted(
    url: str, *, forbids_private: bool = False, context: ssl.SSLContext | None = None
) -> Answer:
    poster = Poster(Target.of(url), forbids_private=forbids_private, context=context)
    with closing(poster):
        return poster.post(b"{}", HEADERS)


def test_a_connection_is_used_again(tmp_path: Path) -> None:
    accepted = 0

    def serve(peer: socket.socket) -> None:
        nonlocal accepted
        accepted += 1
        while request(peer):
            peer.sendall(OK)

    with listening(serve) as port:
        poster = Poster(Target.of(f"http://127.0.0.1:{port}/"), forbids_private=False)
        with closing(poster):
            assert [poster.post(b"{}", HEADERS).status for _ in range(5)] == [200] * 5
    assert accepted == 1


def test_a_connection_that_was_closed_meanwhile_is_made_anew() -> None:
    def serve(peer: socket.socket) -> None:
        request(peer)
        peer.sendall(OK)

    with listening(serve) as port:
        poster = Poster(Target.of(f"http://127.0.0.1:{port}/"), forbids_private=False)
        with closing(poster):
            found = []
            for _ in range(3):
                found.append(poster.post(b"{}", HEADERS).status)
                time.sleep(0.05)
    assert found == [200] * 3


@pytest.mark.parametrize(
    "drip",
    [
        [b""],
        [b"HTTP/1.1 200 OK\r\n", *[b"x: y\r\n"] * 60],
        [b"H"] * 60,
    ],
    ids=["silence", "headers without end", "an octet at a time"],
)
def test_the_time_of_a_request_is_bounded_however_slowly_it_is_answered(
    monkeypatch: pytest.MonkeyPatch, drip: list[bytes]
) -> None:
    monkeypatch.setattr(post, "TIMEOUT", 0.6)

    def serve(peer: socket.socket) -> None:
        peer.recv(65_536)
        for octets in drip:
            peer.sendall(octets)
            time.sleep(0.1)
        time.sleep(3)

    with listening(serve) as port:
        began = time.monotonic()
        answer = posted(f"http://127.0.0.1:{port}/")
        assert time.monotonic() - began < 2
    assert answer.status == 0
    assert "no answer in" in answer.text


def test_a_body_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "TIMEOUT", 5.0)

    def serve(peer: socket.socket) -> None:
        peer.recv(65_536)
        peer.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
        while True:
            peer.sendall(b"\x1b[31mx" * 10_000)

    with listening(serve) as port:
        began = time.monotonic()
        answer = posted(f"http://127.0.0.1:{port}/")
        assert time.monotonic() - began < 2
    assert answer.status == 200
    assert len(answer.text) == MOST_KEPT
    assert answer.text.isprintable()


def test_what_is_no_http_is_a_failure() -> None:
    with listening(lambda peer: peer.sendall(b"220 mail.example.com ESMTP\r\n")) as port:
        assert posted(f"http://127.0.0.1:{port}/").status == 0


def test_a_closed_port_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert posted(f"http://127.0.0.1:{port}/") == (0, "Connection refused", "")


def test_a_certificate_that_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    certificate, seen = self_signed(tmp_path, "localhost"), list[bytes]()

    def serve(peer: socket.socket) -> None:
        seen.append(request(peer))
        peer.sendall(OK)

    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    with listening(serve, server) as port:
        answer = posted(f"https://localhost:{port}/")
        assert answer.status == 0
        assert answer.text.startswith("TLS: self-signed certificate")
        assert seen == []
        trusting = tls_context()
        trusting.load_verify_locations(certificate)
        assert posted(f"https://localhost:{port}/", context=trusting).status == 200
        wrong_name = posted(f"https://127.0.0.1:{port}/", context=trusting)
        assert wrong_name.status == 0
        assert wrong_name.text.startswith("TLS: ")


def self_signed(folder: Path, name: str) -> Path:
    path = folder / "certificate.pem"
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    argv += ["-nodes", "-keyout", str(path), "-out", str(folder / "public.pem"), "-days", "2"]
    argv += ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run(argv, check=True, capture_output=True, timeout=60)
    with path.open("a") as file:
        file.write((folder / "public.pem").read_text())
    return path


def test_private_addresses_are_refused_where_the_config_file_does_not_name_them(
    tmp_path: Path,
) -> None:
    with Receiver(tmp_path / "receiver") as receiver:
        answer = posted(receiver.url, forbids_private=True)
        assert (answer.status, receiver.got()) == (0, [])
        assert "127.0.0.1 is not a public address" in answer.text
        named = posted(receiver.url.replace("127.0.0.1", "localhost"), forbids_private=True)
        assert (named.status, receiver.got()) == (0, [])


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        *((one, False) for one in ("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1")),
        *((one, False) for one in ("169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1")),
        *((one, False) for one in ("::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1")),
        *((one, False) for one in ("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::")),
        ("64:ff9b::5db8:d822", True),
    ],
)
def test_a_public_address_is_one_of_the_internet(address: str, public: bool) -> None:
    assert is_public(address) is public
