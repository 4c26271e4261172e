"""Notices that are no RFC 3464, one for each family, written by the book of its format.

Each sample returns a message that mentions another address and another error: neither may
ever be taken for the bounce's own.
"""

from pathlib import Path

import pytest

from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.parse import read
from bouncegate.classifier.report import MessageType

# sample: reader, then recipient, action, kind/category and reason of each report
UNKNOWN = ("failed", "hard/address", "user-unknown")
FULL = ("failed", "soft/mailbox", "mailbox-full")
DELAYED = ("delayed", "none/undefined", "not-a-failure")
EXPECTED: dict[str, tuple[str, list[tuple[str, ...]]]] = {
    "amazon-ses-sns": ("amazon-ses", [("bela@recipient.example", *UNKNOWN)]),
    "carrier": ("carriers", [("rosa@carrier.example", *UNKNOWN)]),
    "courier": ("courier", [("karl@recipient.example", *UNKNOWN)]),
    "domino": ("domino", [("max@notes.example", *UNKNOWN)]),
    "dragonfly": ("dragonfly", [("lena@recipient.example", *UNKNOWN)]),
    "exchange2007-french": ("exchange", [("otto@exchange.example", *UNKNOWN)]),
    "exchange55": ("exchange", [("nora@exchange.example", *UNKNOWN)]),
    "exim": ("exim", [("friends@sender.example", *UNKNOWN)]),
    "exim-delay": ("exim", [("emil@slow.example", *DELAYED)]),
    "french": ("prose", [("willy@recipient.example", *UNKNOWN)]),
    "german": ("prose", [("vera@recipient.example", *FULL)]),
    "gmx": ("exim", [("frida@recipient.example", *UNKNOWN)]),
    "imail": ("prose", [("udo@imail.example", *UNKNOWN)]),
    "james": ("prose", [("sepp@recipient.example", *UNKNOWN)]),
    "japanese": ("prose", [("aki@recipient.example", *UNKNOWN)]),
    "mailmarshal": ("prose", [("tina@recipient.example", *UNKNOWN)]),
    "mailru": ("exim", [("gleb@recipient.example", *UNKNOWN)]),
    "messaging-server": ("messaging-server", [("paula@ims.example", *FULL)]),
    "polish": ("prose", [("zofia@recipient.example", *UNKNOWN)]),
    "qmail": ("qmail", [
        ("anna@recipient.example", *UNKNOWN),
        ("bruno@full.example", *FULL),
    ]),
    "russian": ("prose", [("yuri@recipient.example", *UNKNOWN)]),
    "sendmail-delay": ("sendmail", [("jana@slow.example", *DELAYED)]),
    "sendmail5": ("sendmail", [("hugo@recipient.example", *UNKNOWN)]),
    "sendmail8-text": ("sendmail", [("ida@recipient.example", *FULL)]),
    "smail": ("smail", [("quirin@telekom.example", *UNKNOWN)]),
    "spanish": ("prose", [("xavier@recipient.example", *FULL)]),
    "x400": ("prose", [("cora@recipient.example", *UNKNOWN)]),
    "yahoo": ("qmail", [("carla@yahoo.example", *UNKNOWN)]),
}  # fmt: skip

NEWLINES = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}


@pytest.mark.parametrize("newline", NEWLINES.values(), ids=NEWLINES.keys())
@pytest.mark.parametrize("name", EXPECTED)
def test_a_notice_names_its_recipients_and_no_other(
    samples: Path, classifier: Classifier, name: str, newline: bytes
) -> None:
    raw = (samples / "notices" / f"{name}.eml").read_bytes().replace(b"\n", newline)
    reading = read(raw)
    found: list[tuple[str, ...]] = []
    for report in reading.reports:
        verdict = classifier.classify(report)
        kind = f"{verdict.kind}/{verdict.category}"
        found.append((report.recipient, report.action, kind, str(verdict.reason)))
    assert reading.type is MessageType.BOUNCE
    assert (reading.reader, found) == EXPECTED[name]


def test_every_sample_is_expected(samples: Path) -> None:
    assert {path.stem for path in (samples / "notices").glob("*.eml")} == EXPECTED.keys()


def test_the_returned_message_is_told_apart(samples: Path) -> None:
    """By it the handler finds the message that bounced."""
    reading = read((samples / "notices" / "qmail.eml").read_bytes())
    assert reading.original.message_id == "<newsletter-1@sender.example>"
    assert reading.original.recipients == ("innocent@bystander.example",)
    assert reading.message_id == "<qmail@daemon.example>"
