"""The demo as a newcomer runs it: the page over what has happened, until Ctrl-C."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from lab import postgresql
from lab.folder import ROOT
from lab.mailing import HARD

_SECONDS = 120.0


@contextmanager
def _demo(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """The demo in a session of its own, so that its Ctrl-C is not that of the test."""
    with subprocess.Popen(
        [sys.executable, "-m", "lab.demo", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "COLUMNS": "200"},
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(_SECONDS)


def _told_by(process: "subprocess.Popen[str]", last: str) -> str:
    """What it prints up to a line; all of it if that never comes."""
    assert process.stdout
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.strip().startswith(last):
            break
    return "".join(lines)


def _value(told: str, name: str) -> str:
    found = re.search(rf"^ +{name} {{2,}}(\S+) *$", told, re.MULTILINE)
    assert found, told
    return found[1]


class _Visitor:
    """A browser as far as it takes cookies."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, form: Mapping[str, str] | None = None) -> tuple[int, str]:
        connection = HTTPConnection(self._host, timeout=_SECONDS)
        fields = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
            "Content-Type": "application/x-www-form-urlencoded",
            "Sec-Fetch-Site": "same-origin",
        }
        connection.request(method, path, urlencode(form) if form else None, fields)
        answer = connection.getresponse()
        for cookie in answer.headers.get_all("set-cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        text = answer.read().decode()
        connection.close()
        return answer.status, text


def test_demo_serves_the_page_over_its_bounces_until_ctrl_c(can_run_postfix: None) -> None:
    with _demo("--web") as process:
        told = _told_by(process, "stop it")
        url = re.match(r"http://(\S+)/$", _value(told, "address"))
        assert url, told
        visitor = _Visitor(url[1])
        status, login = visitor.ask("GET", "/login")
        assert status == 200
        csrf = re.search(r'name="csrf" value="([^"]+)"', login)
        assert csrf, login
        given = {
            "csrf": csrf[1],
            "user": _value(told, "user"),
            "password": _value(told, "password"),
        }
        assert visitor.ask("POST", "/login", given)[0] == 303
        status, page = visitor.ask("GET", "/recipients?tab=hard")
        assert status == 200
        shown = re.sub(r"<wbr>|<[^>]+>", "", page)
        assert [one.address for one in HARD if one.address not in shown] == []
        status, start = visitor.ask("GET", "/")
        assert (status, f"<b>{len(HARD)}</b>" in start) == (200, True), "the tiles have numbers"
        process.send_signal(signal.SIGINT)
        assert process.stdout
        rest = process.stdout.read()
        assert process.wait(_SECONDS) == 0, rest
    folder = Path(_value(told, "folder"))
    assert folder.name.startswith("bouncegate-")
    assert not folder.exists()
    assert "no process and no folder is left" in rest


def test_demo_of_a_cluster_refuses_at_all_machines_what_bounced_at_one(
    can_run_postfix: None,
) -> None:
    if not postgresql.is_installed():
        pytest.skip("postgresql is not installed; ./run test installs it")
    with _demo("--cluster") as process:
        assert process.stdout
        told = process.stdout.read()
        assert process.wait(_SECONDS) == 0, told
    assert "The database is back" in told
