"""Where no sender is signed, a bounce is matched by facts of a send."""

import pytest
from msgspec import structs
from tests.unit.classifier.provensite import (
    BY_BOUNCE,
    BY_SMTP,
    LATER,
    NOW,
    SECRET_ID,
    SENT,
    Site,
    came_in,
    dsn,
    postfix_fields,
    unsigned,
)

from bouncegate.classifier.returnpath.proof import NotYetKnown
from bouncegate.store.entry import entry_of

__all__ = ["unsigned"]


@pytest.mark.parametrize(
    "raw",
    [
        dsn("ann@example.com", extra=postfix_fields()),
        came_in(dsn("ann@example.com", extra=postfix_fields()), BY_BOUNCE),
        dsn("ann@example.com", extra=postfix_fields(arrival=NOW - 30, sender="NEWS@Example.org")),
        came_in(
            dsn("behind@example.org", original="ann@example.com", message_id=SECRET_ID), BY_SMTP
        ),
        came_in(dsn("ann@example.com", message_id=SECRET_ID), BY_SMTP),
    ],
    ids=["queue id", "own Postfix", "within tolerance", "original recipient", "secret Message-ID"],
)
def test_unsigned_senders_a_report_that_knows_two_facts_of_a_send_is_matched(
    unsigned: Site, raw: bytes
) -> None:
    event = unsigned.event(raw, "bounces@example.org")
    assert (event.trust, event.address, event.mailing) == ("matched", "ann@example.com", "spring")


@pytest.mark.parametrize(
    "raw",
    [
        dsn("ann@example.com", extra="X-Postfix-Queue-ID: 4XyZ1"),
        dsn("ann@example.com", extra="Original-Envelope-Id: 4XyZ1"),
        dsn("ann@example.com", extra=postfix_fields(arrival=NOW + 61)),
        dsn("ann@example.com", extra=postfix_fields(arrival=NOW - 61)),
        dsn("ann@example.com", extra=postfix_fields(sender="other@example.org")),
        dsn("ann@example.com", extra=postfix_fields(queue_id="4XyZ2")),
        dsn("ann@example.com", extra=postfix_fields(queue_id="<1@example.org>")),
        dsn("ann@example.com", message_id="<1@example.org>"),
        came_in(dsn("ann@example.com", extra=postfix_fields()), BY_SMTP),
        dsn("stranger@example.com", extra=postfix_fields(), message_id=SECRET_ID),
        dsn("stranger@example.com", extra=postfix_fields(queue_id="5XyZ1")),
    ],
    ids=[
        "queue id alone",
        "queue id as envelope id",
        "too early",
        "too late",
        "another sender",
        "another queue id",
        "Message-ID as queue id",
        "guessable Message-ID",
        "queue id by SMTP",
        "another recipient",
        "another recipient than the only one",
    ],
)
def test_unsigned_senders_a_report_that_knows_less_proves_nothing(
    unsigned: Site, raw: bytes
) -> None:
    event = unsigned.event(raw, "bounces@example.org")
    assert (event.trust, event.sent) == ("unverified", 0)
    unsigned.deliver(raw, "bounces@example.org")
    assert unsigned.locked() == []


def test_unsigned_senders_the_author_tells_the_sender_where_no_field_does(unsigned: Site) -> None:
    fields = postfix_fields().replace("X-Postfix-Sender: rfc822; news@example.org\n", "")
    assert unsigned.event(dsn("ann@example.com", extra=fields), "").trust == "matched"


def test_unsigned_senders_a_false_report_that_comes_first_hides_no_true_one(unsigned: Site) -> None:
    guessed = dsn("ann@example.com", extra=postfix_fields(arrival=NOW + 999))
    unsigned.deliver(guessed, "bounces@example.org")
    unsigned.deliver(dsn("ann@example.com", extra=postfix_fields()), "bounces@example.org")
    assert unsigned.locked() == ["ann@example.com"]


def test_a_bounce_that_is_faster_than_the_ledger_waits_for_the_rest_of_its_second(
    unsigned: Site,
) -> None:
    """Anyone can write a queue id and a date, so that it is not worth more."""
    raw = dsn("ann@example.com", extra=postfix_fields("5New", arrival=LATER))
    with pytest.raises(NotYetKnown):
        unsigned.event(raw, "bounces@example.org")
    assert unsigned.event(raw, "bounces@example.org", now=LATER + 1).trust == "unverified"
    unsigned.ledger.write([entry_of(structs.replace(SENT, time=LATER, queue_id="5New"))])
    assert unsigned.event(raw, "bounces@example.org").trust == "matched"


@pytest.mark.parametrize("arrival", ["soon", "Thu, 99 Xxx 9999999 00:00:00 +9999", ""])
def test_a_date_that_is_none_is_no_reason_to_wait(unsigned: Site, arrival: str) -> None:
    raw = dsn("ann@example.com", extra=f"X-Postfix-Queue-ID: 5New\nArrival-Date: {arrival}")
    assert unsigned.event(raw, "bounces@example.org").trust == "unverified"


def test_an_envelope_id_with_our_token_is_matched_where_nothing_is_signed_any_more(
    unsigned: Site,
) -> None:
    envelope_id = unsigned.token(SENT).partition("@")[0]
    raw = dsn("ann@example.com", extra=f"Original-Envelope-Id: {envelope_id}")
    assert unsigned.event(raw, "bounces@example.org").trust == "matched"
