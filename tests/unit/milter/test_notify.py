"""NOTIFY at RCPT TO: whether a DSN would come if the recipient failed."""

import pytest

from bouncegate.milter.send import is_failure_reported


@pytest.mark.parametrize(
    ("parameters", "is_reported"),
    [
        ((), True),
        ((b"NOTIFY=FAILURE",), True),
        ((b"NOTIFY=SUCCESS,FAILURE,DELAY",), True),
        ((b"notify=success,failure",), True),
        ((b"ORCPT=rfc822;NOTIFY=NEVER@example.com",), True),
        ((b"NOTIFY=NEVER",), False),
        ((b"Notify=Never", b"ORCPT=rfc822;ann@example.com"), False),
        ((b"ORCPT=rfc822;failure@example.com", b"NOTIFY=DELAY"), False),
        ((b"NOTIFY=SUCCESS,DELAY",), False),
    ],
)
def test_notify_says_whether_a_failure_is_reported(
    parameters: tuple[bytes, ...], is_reported: bool
) -> None:
    assert is_failure_reported(parameters) is is_reported
