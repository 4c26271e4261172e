"""Notices that are no RFC 3464, one for each family, written by the book of its format.

Each sample returns a message that mentions another address and another error: neither may
ever be taken for the bounce's own.
"""

from pathlib import Path

import pytest

from bouncegate.classifier.judgement import Judge
from bouncegate.classifier.reading import read
from bouncegate.classifier.report import Nature

# sample: reader, then recipient, action, kind/category and reason of each report
EXPECTED: dict[str, tuple[str, list[tuple[str, str, str, str]]]] = {
    "amazon-ses-sns": ("amazon-ses", [("bela@recipient.example", "failed", "hard/address", "user-unknown")]),
    "carrier": ("carriers", [("rosa@carrier.example", "failed", "hard/address", "mailbox-disabled")]),
    "courier": ("courier", [("karl@recipient.example", "failed", "hard/address", "user-unknown")]),
    "domino": ("domino", [("max@notes.example", "failed", "hard/address", "user-unknown")]),
    "dragonfly": ("dragonfly", [("lena@recipient.example", "failed", "hard/address", "user-unknown")]),
    "exchange2007-french": ("exchange", [("otto@exchange.example", "failed", "hard/address", "user-unknown")]),
    "exchange55": ("exchange", [("nora@exchange.example", "failed", "hard/address", "user-unknown")]),
    "exim": ("exim", [("dora@recipient.example", "failed", "hard/address", "user-unknown")]),
    "exim-delay": ("exim", [("emil@slow.example", "delayed", "none/undefined", "not-a-failure")]),
    "french": ("prose", [("willy@recipient.example", "failed", "hard/address", "user-unknown")]),
    "german": ("prose", [("vera@recipient.example", "failed", "soft/mailbox", "mailbox-full")]),
    "gmx": ("exim", [("frida@recipient.example", "failed", "hard/address", "user-unknown")]),
    "imail": ("prose", [("udo@imail.example", "failed", "hard/address", "user-unknown")]),
    "james": ("prose", [("sepp@recipient.example", "failed", "hard/address", "user-unknown")]),
    "japanese": ("prose", [("aki@recipient.example", "failed", "hard/address", "user-unknown")]),
    "mailmarshal": ("prose", [("tina@recipient.example", "failed", "hard/address", "user-unknown")]),
    "mailru": ("exim", [("gleb@recipient.example", "failed", "hard/address", "user-unknown")]),
    "messaging-server": ("messaging-server", [("paula@ims.example", "failed", "soft/mailbox", "mailbox-full")]),
    "polish": ("prose", [("zofia@recipient.example", "failed", "hard/address", "user-unknown")]),
    "qmail": ("qmail", [
        ("anna@recipient.example", "failed", "hard/address", "user-unknown"),
        ("bruno@full.example", "failed", "soft/mailbox", "mailbox-full"),
    ]),
    "russian": ("prose", [("yuri@recipient.example", "failed", "hard/address", "user-unknown")]),
    "sendmail-delay": ("sendmail", [("jana@slow.example", "delayed", "none/undefined", "not-a-failure")]),
    "sendmail5": ("sendmail", [("hugo@recipient.example", "failed", "hard/address", "user-unknown")]),
    "sendmail8-text": ("sendmail", [("ida@recipient.example", "failed", "soft/mailbox", "mailbox-full")]),
    "smail": ("smail", [("quirin@telekom.example", "failed", "hard/address", "user-unknown")]),
    "spanish": ("prose", [("xavier@recipient.example", "failed", "soft/mailbox", "mailbox-full")]),
    "x400": ("prose", [("cora@recipient.example", "failed", "hard/address", "user-unknown")]),
    "yahoo": ("qmail", [("carla@yahoo.example", "failed", "hard/address", "user-unknown")]),
}  # fmt: skip

Newline = tuple[bytes, ...]
NEWLINES = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}


@pytest.mark.parametrize("newline", NEWLINES.values(), ids=NEWLINES.keys())
@pytest.mark.parametrize("name", EXPECTED)
def test_a_notice_names_its_recipients_and_no_other(
    samples: Path, judge: Judge, name: str, newline: bytes
) -> None:
    raw = (samples / "notices" / f"{name}.eml").read_bytes().replace(b"\n", newline)
    reading = read(raw)
    found = []
    for report in reading.reports:
        verdict = judge.judge(report)
        judged = f"{verdict.kind}/{verdict.category}"
        found.append((report.recipient, report.action, judged, str(verdict.reason)))
    assert reading.nature is Nature.BOUNCE
    assert (reading.reader, found) == EXPECTED[name]


def test_every_sample_is_expected(samples: Path) -> None:
    assert {path.stem for path in (samples / "notices").glob("*.eml")} == EXPECTED.keys()


def test_the_returned_message_is_told_apart(samples: Path) -> None:
    """By it the handler finds the message that bounced."""
    reading = read((samples / "notices" / "qmail.eml").read_bytes())
    assert reading.original.message_id == "<newsletter-1@sender.example>"
    assert reading.original.recipients == ("innocent@bystander.example",)
    assert reading.message_id == "<qmail@daemon.example>"
