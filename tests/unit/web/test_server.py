"""The process: its sockets, what a client may cost, and how it takes new settings."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tests.websites import COMMAND, HOST, SECONDS, WebSite

from bouncegate.web.headers import SECURITY

HEAD = f"Host: {HOST}\r\n".encode()
BEGUN = b"GET /healthz HTTP/1.1\r\n" + HEAD
PLACES = ("tcp", "plain", "proxy")


def place(site: WebSite, name: str) -> Path | None:
    return {"tcp": None, "plain": site.plain, "proxy": site.proxy}[name]


@pytest.mark.parametrize("name", PLACES)
def test_health_is_told_at_every_socket(site: WebSite, name: str) -> None:
    answer = site.ask("GET", "/healthz", to=place(site, name))
    assert (answer.status, answer.text) == (200, "ok\n")


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/no-such-page", 404),
        ("GET", "/api/no-such-thing", 404),
        ("POST", "/healthz", 405),
        ("GET", "/healthz/", 404),
        ("GET", "//evil.example/healthz", 404),
    ],
)
def test_every_answer_has_the_security_headers(
    site: WebSite, method: str, target: str, status: int
) -> None:
    answer = site.ask(method, target)
    assert answer.status == status
    for name, value in SECURITY:
        assert answer.header(name.decode()) == value.decode()
    assert answer.header("location") == answer.header("server") == ""


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (BEGUN + b"X: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (BEGUN + b"X: y\r\n" * 4000 + b"\r\n", 431),
        (b"GET /" + b"a" * 40_000, 431),
        (BEGUN + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (BEGUN + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400),
    ],
)  # fmt: skip
def test_what_is_no_fair_request_is_refused(site: WebSite, octets: bytes, status: int) -> None:
    answer = site.raw(octets)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-security-policy: default-src 'none'" in answer


def test_many_small_requests_in_one_packet_are_all_answered(site: WebSite) -> None:
    one = b"GET /healthz HTTP/1.1\r\n" + HEAD + b"X: " + b"x" * 900 + b"\r\n\r\n"
    last = one.replace(b"X: ", b"Connection: close\r\nX: ")
    assert site.raw(one * 40 + last).count(b"HTTP/1.1 200 ") == 41


def test_a_reload_keeps_the_sockets_and_the_process(tmp_path: Path) -> None:
    site = WebSite(tmp_path)
    with site.serving() as process:
        inode = site.plain.stat().st_ino
        process.send_signal(signal.SIGHUP)
        site.wait_until_ready()
        assert site.ask("GET", "/healthz").status == 200
        assert site.plain.stat().st_ino == inode
        site.config.write_text("[web]\nidle = 3\n")
        process.send_signal(signal.SIGHUP)
        site.wait_until_ready()
        assert process.poll() is None
        assert site.ask("GET", "/healthz", to=site.plain).status == 200
    assert "the old settings stay in force" in site.logged()
    assert not site.plain.exists()


STARTER = """
import os, sys
for number in range(int(sys.argv[1])):
    os.set_inheritable(3 + number, True)
os.environ.update(LISTEN_FDS=sys.argv[1], LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def test_sockets_of_systemd_are_served_and_trust_nobody_unless_the_file_says_so(
    tmp_path: Path,
) -> None:
    config, path = tmp_path / "c.toml", tmp_path / "passed.sock"
    (tmp_path / "store").mkdir()
    config.write_text(f'[store]\npath = "{tmp_path}/store"\nmap_size = "64 MiB"\n')
    notify = tmp_path / "notify"
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready,
        socket.socket(socket.AF_UNIX) as listener,
    ):
        ready.bind(str(notify))
        ready.settimeout(SECONDS)
        listener.bind(str(path))
        listener.listen()
        script = "import os,sys; os.dup2(int(sys.argv.pop(1)), 3); exec(sys.argv.pop(1))"
        argv = [sys.executable, "-c", script, str(listener.fileno()), STARTER, "1"]
        process = subprocess.Popen(
            [*argv, *COMMAND[1:], "--config", str(config), "web"],
            pass_fds=[listener.fileno()],
            env={**os.environ, "NOTIFY_SOCKET": str(notify)},
        )
        try:
            for _ in range(2):  # the second time after a reload
                while b"READY=1" not in ready.recv(4096):
                    pass
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.connect(str(path))
                    sock.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                    assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")
                process.send_signal(signal.SIGHUP)
            while b"READY=1" not in ready.recv(4096):
                pass
            process.terminate()
            assert process.wait(20) == 0
            assert path.exists()
        finally:
            process.kill()
            process.wait()


def test_without_a_socket_it_says_what_to_do(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(f'[store]\npath = "{tmp_path}"\n')
    done = subprocess.run(
        [*COMMAND, "--config", str(config), "web"],
        capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == os.EX_CONFIG
    assert "nothing to listen on" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
def test_a_peer_that_is_not_named_is_dropped(tmp_path: Path) -> None:
    site = WebSite(tmp_path, 'peer_users = ["nobody"]\n')
    with site.serving():
        # We are root, and only nobody may connect.
        with site.connect(site.proxy) as sock, suppress(ConnectionError):
            sock.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert sock.recv(100) == b""
        assert site.ask("GET", "/healthz", to=site.plain).status == 200
        script = (
            "import os, socket, sys; os.setuid(65534); s = socket.socket(socket.AF_UNIX);"
            "s.connect(sys.argv[1]); s.sendall(b'GET /healthz HTTP/1.0\\r\\n\\r\\n'); "
            "sys.stdout.buffer.write(s.recv(4096))"
        )
        for folder in (tmp_path, *list(tmp_path.parents)[:-2]):
            folder.chmod(0o755)
        site.proxy.chmod(0o777)
        done = subprocess.run(
            [sys.executable, "-c", script, str(site.proxy)], capture_output=True, check=True
        )
        assert done.stdout.startswith(b"HTTP/1.1 200 ")
    assert "connection refused: uid=0" in site.logged()


def test_an_idle_connection_does_not_hold_up_the_end(tmp_path: Path) -> None:
    site = WebSite(tmp_path)
    with site.serving() as process, site.connect() as idle:
        idle.sendall(b"GET / HT")
        begun = time.monotonic()
        process.terminate()
        assert process.wait(9) == 0
        assert time.monotonic() - begun < 9
