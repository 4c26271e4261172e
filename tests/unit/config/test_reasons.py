"""The list of reasons: general ones, and finer ones that each belong to one of them."""

import pytest

from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import (
    CATEGORIES,
    FINER,
    GENERAL,
    Blame,
    Category,
    Kind,
    Reason,
    covered,
    log_fields,
)

FINER_REASONS = [reason for reason in Reason if reason.is_finer]


@pytest.mark.parametrize("reason", list(Reason))
def test_a_reason_is_defined_and_has_one_general_reason_that_has_none(reason: Reason) -> None:
    definition = REASONS[reason]
    assert definition.meaning
    assert definition.advice.endswith(".")
    assert reason.general in GENERAL
    assert reason.general.general is reason.general
    if definition.kind in CATEGORIES:
        assert definition.category in CATEGORIES[definition.kind]


@pytest.mark.parametrize("reason", FINER_REASONS)
def test_no_finer_reason_that_blames_the_sender_names_the_address(reason: Reason) -> None:
    definition = REASONS[reason]
    if definition.blame is Blame.SENDER:
        assert (definition.kind, definition.category) != (Kind.HARD, Category.ADDRESS)


def test_a_general_reason_covers_its_finer_ones_and_no_others() -> None:
    assert Reason.SENDER_INVALID.covers(Reason.SPF_FAILED)
    assert Reason.SENDER_INVALID.covers(Reason.SENDER_INVALID)
    assert Reason.SPF_FAILED.covers(Reason.SPF_FAILED)
    assert not Reason.SPF_FAILED.covers(Reason.SENDER_INVALID)
    assert not Reason.SPF_FAILED.covers(Reason.DKIM_FAILED)
    assert not Reason.REPUTATION.covers(Reason.SPF_FAILED)
    assert covered(Reason.SPF_FAILED, {Reason.SENDER_INVALID})
    assert not covered(Reason.SPF_FAILED, {Reason.REPUTATION, Reason.DKIM_FAILED})


def test_no_reason_is_finer_twice() -> None:
    members = [member for several in FINER.values() for member in several]
    assert len(members) == len(set(members)) == len(FINER_REASONS)


def test_a_log_line_names_the_detail_only_where_it_says_more() -> None:
    assert log_fields(Reason.USER_UNKNOWN) == "reason=user-unknown"
    assert log_fields(Reason.SPF_FAILED) == "reason=sender-invalid detail=spf-failed"
