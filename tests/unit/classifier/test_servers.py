"""Bounces as real mail servers wrote them, each in every form of newline.

`expected.toml` beside the samples holds what a careful reader takes from each bounce; where the
classifier reads otherwise, `MISREAD` says so, and its test fails as soon as that is mended.
"""

import tomllib
from pathlib import Path

import pytest

from bouncegate.classifier.judgement import Judge
from bouncegate.classifier.reading import read
from bouncegate.classifier.report import Nature

SERVERS = Path(__file__).parents[2] / "samples" / "servers"
EXPECTED: dict[str, list[str]] = tomllib.loads((SERVERS / "expected.toml").read_text("utf-8"))
NEWLINES = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}

# sample and recipient: what the bounce tells and the classifier misses
MISREAD = {
    ("exim-4.96-null-mx", "max@shut.example"): "the domain takes no mail any more",
    ("postfix-3.7-mixed", "b@strict.example"): "the phase, behind a line that begins with <",
    ("postfix-3.7-null-mx", "otto@empty.example"): "the host was found, but no record of it",
    ("postfix-3.7-utf8", "jürgen@ascii.example"): "SMTPUTF8 is what the next server lacks",
    ("sendmail-8.17-local", "gone@sender.example"): "554 5.3.0 in the transcript of the session",
}


def told(name: str, newline: bytes, judge: Judge) -> list[str]:
    """One line for each report, in the form of `expected.toml`."""
    raw = (SERVERS / f"{name}.eml").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", newline)
    reading = read(raw)
    assert reading.nature is Nature.BOUNCE
    assert reading.original.message_id.startswith("<")
    lines = []
    for report in reading.reports:
        verdict = judge.judge(report)
        judged = f"{verdict.kind}/{verdict.category} {verdict.reason}"
        lines.append(f"{report.recipient} {report.action} {judged} {report.phase}".strip())
    return sorted(lines)


def recipient_of(line: str) -> str:
    return line.partition(" ")[0]


def misread(name: str, line: str) -> bool:
    return (name, recipient_of(line)) in MISREAD


@pytest.mark.parametrize("newline", NEWLINES.values(), ids=NEWLINES.keys())
@pytest.mark.parametrize("name", EXPECTED)
def test_the_bounce_of_a_real_server_is_understood(judge: Judge, name: str, newline: bytes) -> None:
    found, expected = told(name, newline, judge), sorted(EXPECTED[name])
    assert [recipient_of(line) for line in found] == [recipient_of(line) for line in expected]
    found, expected = (
        [line for line in lines if not misread(name, line)] for lines in (found, expected)
    )
    assert found == expected


@pytest.mark.parametrize(
    ("name", "recipient"),
    [
        pytest.param(*key, marks=pytest.mark.xfail(strict=True, reason=f"not understood: {what}"))
        for key, what in MISREAD.items()
    ],
)
def test_what_is_still_misread(judge: Judge, name: str, recipient: str) -> None:
    found = [line for line in told(name, b"\n", judge) if recipient_of(line) == recipient]
    assert found == [line for line in EXPECTED[name] if recipient_of(line) == recipient]


def test_every_sample_is_expected() -> None:
    assert {path.stem for path in SERVERS.glob("*.eml")} == EXPECTED.keys()
    assert all(any(misread(name, line) for line in EXPECTED[name]) for name, _ in MISREAD)
