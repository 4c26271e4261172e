"""Complaints (ARF, RFC 5965): a word of its own about a message, whatever else is told of it."""

from bouncegate.classifier.report import COMPLAINED, Report
from bouncegate.classifier.returnpath.namedrecipients import outcome_of
from bouncegate.store.recording import identity

MESSAGE, ANN = "message-id <1@sender.test>", "ann@example.com"


def told(action: str) -> bytes:
    return identity(MESSAGE, ANN, outcome_of(Report(action=action)))


def test_a_complaint_and_a_bounce_of_one_message_are_two_events() -> None:
    """As one, the second to come would be passed over, and the complainer be mailed again."""
    assert told(COMPLAINED) != told("failed")
    assert told(COMPLAINED) == told(COMPLAINED)


def test_a_failure_is_one_event_whatever_its_action_is_called() -> None:
    assert told("failed") == told("") == told("bounced")
    assert len({told(action) for action in ("failed", "delayed", "delivered", COMPLAINED)}) == 4
