"""Bounces as real mail servers wrote them."""

from pathlib import Path

import pytest

from bouncegate.classifier.judgement import Judge
from bouncegate.classifier.reading import read

# sample: recipient, phase, reason of each report
EXPECTED = {
    "exim-4.96-rcpt": [
        ("unknown@recipient.example", "rcpt", "user-unknown"),
        ("full@recipient.example", "rcpt", "mailbox-full"),
        ("nocode@recipient.example", "rcpt", "user-unknown"),
    ],
    "exim-4.96-data": [
        ("spam@recipient.example", "end-of-data", "spam-block"),
        ("nobody@nowhere.invalid", "", "host-unknown"),
    ],
    "postfix-3.7-rcpt": [
        ("farid@harbour.example", "rcpt", "user-unknown"),
        ("hugo@harbour.example", "rcpt", "mailbox-full"),
        ("olga@lantern.example", "rcpt", "routing-error"),
        ("quinn@lantern.example", "rcpt", "user-unknown"),
        ("kira@meadow.example", "rcpt", "access-denied"),
        ("clara@orchard.example", "rcpt", "user-unknown"),
        ("tara@quarry.example", "rcpt", "user-unknown"),
        ("vera@quarry.example", "rcpt", "mailbox-full"),
    ],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_bounce_of_a_real_server_is_understood(samples: Path, judge: Judge, name: str) -> None:
    reading = read((samples / "servers" / f"{name}.eml").read_bytes())
    found = [(r.recipient, r.phase, str(judge.judge(r).reason)) for r in reading.reports]
    assert sorted(found) == sorted(EXPECTED[name])
    assert reading.original.message_id.startswith("<")


def test_every_sample_is_expected(samples: Path) -> None:
    assert {path.stem for path in (samples / "servers").glob("*.eml")} == EXPECTED.keys()
