"""`postfix enable --print`: commands for a Postfix on another host, which may run twice."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.unit.admin.postfix.place import Make, Place
from tests.unit.admin.postfix.sites import OPEN, Site, with_lines

from bouncegate.admin.postfix.coverage import State, coverage
from bouncegate.admin.postfix.postconf import read
from bouncegate.config.loading import load

pytestmark = pytest.mark.skipif(shutil.which("postconf") is None, reason="Postfix is not installed")

REACHABLE = """\
[milter]
socket = "inet:192.0.2.1:8892"
[return_path]
socket = "inet:0.0.0.0:8893"
domain = "return.example.com"
[map]
socket = "inet:192.0.2.1:8894"
"""


def run(here: Place, lines: list[str]) -> None:
    """Run the commands there; it is not running, so that it cannot be reloaded."""
    for line in lines:
        if not line.startswith("postfix "):
            os.utime(here.folder / "main.cf", (0, 0))
            subprocess.run(
                line, shell=True, check=True, env={**os.environ, "MAIL_CONFIG": str(here.folder)}
            )


def printed(here: Place, *options: str) -> list[str]:
    code, said = here.run("enable", "--print", *options)
    assert code == 0, said
    return [line for line in said.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(
    "main",
    [
        (),
        ("smtpd_milters = inet:127.0.0.1:8891", "transport_maps = hash:/etc/postfix/transport"),
        ("relay_domains = a.example", "relay_recipient_maps = hash:/etc/postfix/relay"),
    ],
)
def test_commands_attach_that_postfix_and_change_nothing_when_run_again(
    main: tuple[str, ...], place: Make
) -> None:
    here = place(Site(main=with_lines(*main), master=OPEN, settings=REACHABLE))
    files = here.files()
    lines = printed(here, "--map", "--return-to-sender")
    assert here.files() == files, "nothing is changed here"
    run(here, lines)
    first = here.files()
    run(here, lines)
    assert here.files() == first
    milters = here.value("smtpd_milters")
    assert "inet:192.0.2.1:8892, default_action=accept" in milters
    for line in main:
        name, _, value = line.partition(" = ")
        assert here.value(name).endswith(value)
        assert here.value(name) != value
    found = list(coverage(load(here.config), read(here.folder)))
    states = {one.plane: one.state for one in found}
    assert (states["milter"], states["map"]) == (State.ATTACHED, State.ATTACHED)
    assert here.value("virtual_alias_maps").strip() == "socketmap:inet:192.0.2.1:8894:return"
    assert ":8893 }" in here.value("transport_maps")
    assert "0.0.0.0" not in here.value("transport_maps"), "it is reached by its name"


@pytest.mark.parametrize("socket", ["unix:/run/x.sock", "inet:127.0.0.1:8892", "inet:127.9.9.9:1"])
def test_a_socket_that_no_other_host_reaches_is_named(socket: str, place: Make) -> None:
    here = place(Site(settings=REACHABLE.replace("inet:192.0.2.1:8892", socket)))
    code, said = here.run("enable", "--print")
    assert code == 78
    assert f"[milter] socket is {socket}: other hosts cannot reach it" in said
    assert "postconf" not in said


def test_it_needs_no_postfix_on_this_host(
    place: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = place(Site(settings=REACHABLE))
    monkeypatch.setenv("PATH", str(tmp_path))
    lines = printed(here)
    assert not any("8894" in line for line in lines), "the map was not asked for"
