"""The package in a clean Debian: installed, removed, purged, it leaves Postfix as it was."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.waiting import wait_for

from .cell import Cell

INSTALL = "dpkg -i /root/bouncegate.deb"
SNAPSHOT = "cp -a /etc/postfix /root/postfix-before"
SAME = "diff -r --no-dereference /root/postfix-before /etc/postfix"


@pytest.fixture
def remote(cell: Cell) -> Iterator[subprocess.Popen[bytes]]:
    """A server elsewhere, in the network of the cell."""
    script = Path(__file__).with_name("remote.py")
    with cell.start_beside(sys.executable, str(script), "2525") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.terminate()


def owner_and_mode(cell: Cell, path: str) -> str:
    return cell.run("stat", "-c", "%U:%G %a", path).stdout.strip()


def test_an_installation_starts_nothing_and_changes_nothing_of_postfix_s(cell: Cell) -> None:
    cell.shell(SNAPSHOT)
    before = cell.processes()
    done = cell.shell(INSTALL)
    assert "Nothing is attached to Postfix yet" in done.stdout
    cell.shell(SAME)
    assert cell.processes() == before
    wanted = list((cell.root / "etc/systemd/system").glob("*.wants/bouncegate*"))
    assert wanted == [], "no daemon is enabled"


def test_what_is_installed_is_whole_and_belongs_to_whom_it_should(cell: Cell) -> None:
    cell.shell(INSTALL)
    owners = {
        "/etc/bouncegate/bouncegate.toml": "root:root 644",
        "/var/lib/bouncegate": "bouncegate:bouncegate 750",
        "/run/bouncegate": "bouncegate:postfix 2750",
        "/var/spool/postfix/bouncegate": "bouncegate:postfix 2750",
        "/usr/bin/bouncegate": "root:root 755",
    }
    assert {path: owner_and_mode(cell, path) for path in owners} == owners
    assert (
        "/etc/bouncegate/bouncegate.toml"
        in cell.run("dpkg-query", "-W", "-f", "${Conffiles}", "bouncegate").stdout
    )
    assert cell.run("bouncegate", "--version").stdout.startswith("bouncegate ")
    assert "nothing wrong" in cell.run("bouncegate", "check-config").stdout
    for page in ("man1/bouncegate.1", "man5/bouncegate.toml.5", "man5/bouncegate-log.5"):
        assert (cell.root / f"usr/share/man/{page}.gz").exists()
    library = cell.root / "usr/lib/bouncegate"
    assert list(library.glob("bouncegate/classifier/parse.*.so")), "what is compiled is compiled"
    assert list(library.glob("bouncegate/cli/__pycache__/main.*.pyc"))
    assert [path for path in library.rglob("*") if path.is_file() and is_odd(path)] == []


def is_odd(path: Path) -> bool:
    return stat.S_IMODE(path.stat().st_mode) != 0o644


def test_the_sockets_lie_where_debian_s_postfix_sees_them_from_its_chroot(cell: Cell) -> None:
    cell.shell(INSTALL)
    text = (cell.root / "etc/bouncegate/bouncegate.toml").read_text()
    sockets = [line for line in text.splitlines() if line.startswith("socket = ")]
    assert sockets == [
        f'socket = "unix:/var/spool/postfix/bouncegate/{name}.sock"'
        for name in ("milter", "map", "return-path")
    ]


def test_a_removal_keeps_the_data_and_a_purge_removes_it(cell: Cell) -> None:
    cell.shell(SNAPSHOT)
    cell.shell(f"{INSTALL}; runuser -u bouncegate -- bouncegate lock gone@example.com")
    store = cell.root / "var/lib/bouncegate/data.mdb"
    assert store.exists()
    cell.shell("dpkg -r bouncegate")
    assert store.exists()
    assert (cell.root / "etc/bouncegate/bouncegate.toml").exists()
    assert not (cell.root / "usr/lib/bouncegate").exists()
    cell.shell(INSTALL)
    assert '"locked":true' in cell.run("bouncegate", "show", "--json", "gone@example.com").stdout
    cell.shell("dpkg -P bouncegate")
    assert [path for path in LEFT if (cell.root / path).exists()] == []
    cell.shell(SAME)


def test_the_page_is_a_package_of_its_own_and_served_once_it_is_installed(cell: Cell) -> None:
    cell.shell(INSTALL)
    assert cell.run("bouncegate", "web", check=False).returncode == os.EX_UNAVAILABLE
    cell.shell("dpkg -i /root/bouncegate-web.deb")
    units = cell.root / "lib/systemd/system"
    assert {unit.name for unit in units.glob("bouncegate-web.*")} == {
        "bouncegate-web.service",
        "bouncegate-web.socket",
    }
    wanted = list((cell.root / "etc/systemd/system").glob("*.wants/bouncegate*"))
    assert wanted == [], "nothing is enabled"
    config = cell.root / "etc/bouncegate/bouncegate.toml"
    config.write_text(
        config.read_text() + '[[web.listen]]\nsocket = "unix:/run/bouncegate/web.sock"\n'
    )
    cell.start("runuser", "-u", "bouncegate", "--", "bouncegate", "web")
    answered = cell.run("python3", "-c", ASK).stdout
    assert answered.startswith("HTTP/1.1 200 ")
    accounts = cell.root / "var/lib/bouncegate/web"
    assert accounts.exists()
    cell.shell("dpkg -P bouncegate-web")
    assert not accounts.exists()
    assert not list((cell.root / "usr/lib/bouncegate").glob("starlette*"))


ASK = """
import os, socket, time
end = time.monotonic() + 60
while not os.path.exists("/run/bouncegate/web.sock") and time.monotonic() < end:
    time.sleep(0.1)
with socket.socket(socket.AF_UNIX) as sock:
    sock.connect("/run/bouncegate/web.sock")
    sock.sendall(b"GET /healthz HTTP/1.0\\r\\n\\r\\n")
    print(sock.recv(4096).decode())
"""
LEFT = (
    "etc/bouncegate", "var/lib/bouncegate", "run/bouncegate", "var/spool/postfix/bouncegate",
    "usr/lib/bouncegate", "usr/bin/bouncegate", "usr/share/doc/bouncegate",
)  # fmt: skip


@pytest.mark.usefixtures("remote")
def test_a_postfix_is_enabled_a_bounce_is_refused_next_time_and_a_removal_restores_it(
    cell: Cell,
) -> None:
    """An administrator's first hour, and the last one."""
    cell.shell(
        "postconf -e 'relayhost = [127.0.0.1]:2525' inet_protocols=ipv4; "
        f"postconf -e myhostname=mail.sender.test; {SNAPSHOT}; {INSTALL}; postfix start"
    )
    cell.shell(
        """sed -i 's/^# domain = .*/domain = "return.sender.test"/' /etc/bouncegate/*.toml; """
        "cp -a /etc/bouncegate/bouncegate.toml /root/configured.toml; bouncegate check-config"
    )
    for daemon in ("milter", "return-path"):
        cell.start("runuser", "-u", "bouncegate", "--", "bouncegate", daemon)
    wait_for("the daemons listen", lambda: sockets(cell) >= {"milter.sock", "return-path.sock"}, 60)

    enabled = cell.run("bouncegate", "postfix", "enable", "--enforce", "--yes", check=False)
    assert enabled.returncode == 0, enabled.stdout + enabled.stderr + log(cell)
    assert cell.run("bouncegate", "postfix", "status", check=False).returncode == 0

    assert mailed(cell, "gone@recipients.test") == "250"
    wait_for("the bounce locks", lambda: is_locked(cell, "gone@recipients.test"), 60)
    refusal = mailed(cell, "gone@recipients.test")
    assert refusal.startswith("550 5.1.1 "), refusal
    assert "user-unknown" in refusal
    assert mailed(cell, "here@recipients.test") == "250"

    cell.shell("dpkg -r bouncegate")
    cell.shell(SAME)
    cell.shell("cmp /root/configured.toml /etc/bouncegate/bouncegate.toml")
    assert mailed(cell, "gone@recipients.test") == "250", "mail flows as before"
    cell.shell("dpkg -P bouncegate")
    cell.shell(SAME)
    assert [path for path in LEFT if (cell.root / path).exists()] == []


def sockets(cell: Cell) -> set[str]:
    return {path.name for path in (cell.root / "var/spool/postfix/bouncegate").iterdir()}


def log(cell: Cell) -> str:
    return (cell.root / "var/log/daemons.log").read_text()


def is_locked(cell: Cell, address: str) -> bool:
    done = cell.run("bouncegate", "show", "--json", address, check=False)
    return '"locked":true' in done.stdout


SEND = """
import smtplib, sys
with smtplib.SMTP("127.0.0.1", 25, timeout=30) as smtp:
    try:
        smtp.sendmail("news@sender.test", [sys.argv[1]], "Subject: news\\n\\nNews.\\n")
        print(250)
    except smtplib.SMTPRecipientsRefused as refused:
        code, text = refused.recipients[sys.argv[1]]
        print(code, text.decode())
"""


def mailed(cell: Cell, address: str) -> str:
    return cell.beside(sys.executable, "-c", SEND, address).stdout.strip()
