"""Bounces as real mail servers wrote them, each in every form of newline.

`expected.toml` beside the samples holds what a careful reader takes from each bounce.
"""

import tomllib
from pathlib import Path

import pytest

from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.parse import read
from bouncegate.classifier.report import MessageType

SERVERS = Path(__file__).parents[2] / "samples" / "servers"
EXPECTED: dict[str, list[str]] = tomllib.loads((SERVERS / "expected.toml").read_text("utf-8"))
NEWLINES = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}


def told(name: str, newline: bytes, classifier: Classifier) -> list[str]:
    """One line for each report, in the form of `expected.toml`."""
    raw = (SERVERS / f"{name}.eml").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", newline)
    reading = read(raw)
    assert reading.type is MessageType.BOUNCE
    assert reading.original.message_id.startswith("<")
    lines = []
    for report in reading.reports:
        verdict = classifier.classify(report)
        verdict_text = f"{verdict.kind}/{verdict.category} {verdict.reason}"
        lines.append(f"{report.recipient} {report.action} {verdict_text} {report.phase}".strip())
    return sorted(lines)


@pytest.mark.parametrize("newline", NEWLINES.values(), ids=NEWLINES.keys())
@pytest.mark.parametrize("name", EXPECTED)
def test_the_bounce_of_a_real_server_is_understood(
    classifier: Classifier, name: str, newline: bytes
) -> None:
    assert told(name, newline, classifier) == sorted(EXPECTED[name])


def test_every_sample_is_expected() -> None:
    assert {path.stem for path in SERVERS.glob("*.eml")} == EXPECTED.keys()
