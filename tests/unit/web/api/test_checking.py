"""Judging addresses by the interface: one, some, and a list of any length."""

import re
import threading
from pathlib import Path

import msgspec
import pytest
from tests.unit.web.api.interface import Interface, read

GIVEN = ["gone@kernel.org", "Full@kernel.org", "x@gmial.com", "no address", "new@kernel.org"]
VERDICTS = ["locked", "detected", "typo", "invalid", "good"]


def test_one_address_is_judged_as_by_the_command(api: Interface, tmp_path: Path) -> None:
    file = tmp_path / "list"
    file.write_text("\n".join(GIVEN))
    judged = [api.get(f"/check?address={one.replace(' ', '%20')}") for one in GIVEN]
    assert [one["verdict"] for one in judged] == VERDICTS
    listed = [dict(one, line=number) for number, one in enumerate(judged, 1)]
    assert read(api.ask("POST", "/check", {"addresses": GIVEN}))["items"] == listed
    assert listed == [
        msgspec.json.decode(line)
        for line in api.site.told("check", str(file), "--json").splitlines()
        if '"verdict"' in line
    ]


@pytest.mark.parametrize(
    "form", ["text/plain", "application/x-ndjson", "text/plain; charset=utf-8"]
)
def test_a_list_is_judged_line_by_line(api: Interface, form: str) -> None:
    lines = [*GIVEN[:2], "", *GIVEN[2:]]
    if "ndjson" in form:
        lines = [f'"{one}"' if one else "" for one in lines]
        lines[1] = '{"address": "Full@kernel.org", "name": "Ann"}'
    answer = api.ask("POST", "/check/stream", "\r\n".join(lines).encode(), Content_Type=form)
    found = [msgspec.json.decode(line) for line in answer.body.splitlines()]
    assert [(one["line"], one["verdict"]) for one in found] == list(
        zip((1, 2, 4, 5, 6), VERDICTS, strict=True)
    )
    assert answer.header("content-type").startswith("application/x-ndjson")


def test_a_long_list_takes_no_more_memory(api: Interface) -> None:
    """A hundred thousand lines, and a line of 16 MB: the site's own memory stays as it was."""
    pid = int(re.findall(r"web\[(\d+)\]", api.site.logged())[-1])
    _stream(api, [b"%d@kernel.org\n" % n for n in range(20_000)])
    before = _own_memory(pid)
    parts = [
        b"".join(b"%d@kernel.org\n" % (n + k) for k in range(500)) for n in range(0, 100_000, 500)
    ]
    parts += [b"x" * 65_536] * 256
    assert _stream(api, parts) == 100_001
    assert _own_memory(pid) - before < 12 << 20


def _stream(api: Interface, parts: list[bytes]) -> int:
    """Send parts and read the answer meanwhile; how many lines it has."""
    connection = api.connection()
    try:
        connection.putrequest("POST", "/api/v1/check/stream", skip_accept_encoding=True)
        connection.putheader("Authorization", f"Bearer {api.token('check')}")
        connection.putheader("Content-Type", "text/plain")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()

        def send() -> None:
            for part in parts:
                connection.send(b"%x\r\n%b\r\n" % (len(part), part))
            connection.send(b"0\r\n\r\n")

        sender = threading.Thread(target=send)
        sender.start()
        answer = connection.getresponse()
        lines = sum(part.count(b"\n") for part in iter(lambda: answer.read(65_536), b""))
        sender.join()
        return lines
    finally:
        connection.close()


def _own_memory(pid: int) -> int:
    """Anonymous memory of a process in octets."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"RssAnon:\s+(\d+)", status)[0]) << 10


def test_another_form_than_lines_is_refused(api: Interface) -> None:
    answer = api.ask("POST", "/check/stream", b"x", Content_Type="text/csv")
    assert (answer.status, answer.kind) == (400, "parameter")


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"", 400, "json"),
        (b"{", 400, "json"),
        (b'{"addresses": ["\\ud800@x.org"]}', 400, "json"),
        (b'{"addresses": ["\xff"]}', 400, "json"),
        (b"[" * 100_000, 422, "body"),
        (b'{"addresses": ' + b"[" * 100_000, 422, "body"),
        (b"[]", 422, "body"),
        (b'{"addresses": "a@b.org"}', 422, "body"),
        (b'{"addresses": [], "colour": 1}', 422, "body"),
        (b'{"addresses": [' + b'"a@b.org",' * 1000 + b'"a@b.org"]}', 413, "too-many"),
    ],
)
def test_a_body_that_is_not_as_described_is_refused(
    api: Interface, body: bytes, status: int, kind: str
) -> None:
    answer = api.ask("POST", "/check", body)
    assert (answer.status, answer.kind) == (status, kind), answer.text


def test_a_body_names_the_place_of_its_fault(api: Interface) -> None:
    detail = read(api.ask("POST", "/check", b'{"addresses": ["a", 1]}'), 422)["detail"]
    assert "$.addresses[1]" in detail


def test_a_token_that_may_check_may_do_nothing_else(api: Interface) -> None:
    token = api.token("check")
    assert api.get("/check?address=gone%40kernel.org", token=token)["verdict"] == "locked"
    for path in ("/addresses", "/summary", "/events", "/audit", "/mailings"):
        answer = api.ask("GET", path, token=token)
        assert (answer.status, answer.kind) == (403, "scope")
