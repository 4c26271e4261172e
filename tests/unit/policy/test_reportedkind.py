"""What reports call a bounce: a hard one that is our own fault is blocked, whoever asks."""

import pytest
from msgspec.structs import replace
from tests.events import event_of

from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import Blame, Kind, Reason, ReportedKind
from bouncegate.policy.disposition import reported_kind


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_is_blocked_if_it_is_hard_and_blames_the_sender(reason: Reason) -> None:
    known = REASONS[reason]
    expected = ReportedKind(known.kind)
    if known.kind is Kind.HARD and known.blame is Blame.SENDER:
        expected = ReportedKind.BLOCKED
    assert reported_kind(event_of("ann@b.example", 1, reason)) is expected
    assert expected.kind is known.kind, "the kind under which it is stored"


def test_rule_that_blames_somebody_else_decides() -> None:
    denied = event_of("ann@b.example", 1, Reason.ACCESS_DENIED)
    assert reported_kind(denied) is ReportedKind.HARD
    assert reported_kind(replace(denied, blame=Blame.SENDER)) is ReportedKind.BLOCKED
    spam = event_of("ann@b.example", 1, Reason.SPAM_BLOCK)
    assert reported_kind(replace(spam, kind=Kind.HARD, blame=Blame.RECIPIENT)) is ReportedKind.HARD


@pytest.mark.parametrize("phase", ["mail", "data", "end-of-data"])
def test_what_refuses_every_recipient_alike_is_blocked(phase: str) -> None:
    denied = replace(event_of("ann@b.example", 1, Reason.ACCESS_DENIED), phase=phase)
    assert reported_kind(denied) is ReportedKind.BLOCKED
    assert reported_kind(replace(denied, kind=Kind.SOFT)) is ReportedKind.SOFT


def test_user_unknown_at_the_end_of_data_is_hard() -> None:
    unknown = replace(event_of("ann@b.example", 1, Reason.USER_UNKNOWN), phase="end-of-data")
    assert reported_kind(unknown) is ReportedKind.HARD
