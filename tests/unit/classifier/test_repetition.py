"""Whatever a reader knows may come a thousand times in one message: the time grows with its length.

Twice the octets may take twice the time. A step that takes the square of it would take minutes for
messages as large as these; the bound is that of fuzzing, in seconds of the processor.
"""

from itertools import islice

import pytest
from tests.fuzz.invariants import check_repetition
from tests.fuzz.shapes import repetitions, tokens

from bouncegate.classifier import limits
from bouncegate.classifier.message import Message
from bouncegate.classifier.notification import Notification

GROUPS = 4


@pytest.mark.parametrize("group", range(GROUPS))
def test_nothing_that_is_repeated_takes_long_to_read(group: int) -> None:
    for parts in islice(repetitions(), group, None, GROUPS):
        check_repetition("\0".join(parts).encode("utf-8", "replace"))


def test_repetitions_know_the_words_of_the_readers() -> None:
    known = "\n".join(tokens()).lower()
    for word in ("undeliverable mail", "recipient address", "boundary", "did not reach the"):
        assert word in known


def test_a_notice_in_many_parts_is_no_longer_than_one_in_one() -> None:
    part = b"--b\nContent-Type: text/plain\n\n" + b"word " * 20_000 + b"\n"
    raw = b"Content-Type: multipart/mixed; boundary=b\n\n" + part * 30 + b"--b--\n"
    assert len(Notification(Message(raw)).notice) <= limits.PROSE + len("\n\n") * limits.PARTS
