"""A complaint locks whom its message was sent to, if it proves so."""

import logging

import pytest
from msgspec import structs
from tests.unit.classifier.provensite import (
    ALONE,
    BY_SENDMAIL,
    BY_SMTP,
    NOW,
    SECRET,
    SECRET_ID,
    SENT,
    Site,
    came_in,
    dsn,
    site,
    unsigned,
)

from bouncegate.classifier.returnpath.proof import Prover
from bouncegate.config.durations import Duration
from bouncegate.config.taxonomy import Kind
from bouncegate.policy.records import NO_END
from bouncegate.store.entry import entry_of
from bouncegate.store.tokens.keys import Key, KeyRing

__all__ = ["site", "unsigned"]


COMPLAINT = b"""From: abuse@example.com
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: loop/1.0
Version: 1
Original-Rcpt-To: ann@example.com

--b
Content-Type: text/rfc822-headers

From: news@example.org
To: ann@example.com

--b--
"""


def test_a_recipient_cannot_complain_for_another_one(site: Site) -> None:
    raw = came_in(COMPLAINT, BY_SMTP)
    assert site.event(raw, site.token(SENT)).trust == "unverified"
    alone = COMPLAINT.replace(b"ann@example.com", b"alias@example.net")
    event = site.event(came_in(alone, BY_SMTP), site.token(ALONE))
    assert (event.trust, event.address) == ("signed", "alias@example.net")


FBL = "fbl@example.org"


def arf(
    path: str = "", to: str = "redacted", kind: str = "abuse", message_id: str = "", field: str = ""
) -> bytes:
    """What a feedback loop sends to an address of its own, with the recipient redacted or not."""
    mail_from = f"Original-Mail-From: <{path}>\n" if path and not field else ""
    returned = f"{field}: <{path}>\n" if field else ""
    return f"""Received: {BY_SMTP}
From: staff@fbl.example.net
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: loop/1.0
Version: 1
{mail_from}
--b
Content-Type: text/rfc822-headers

{returned}Message-ID: {message_id or "<2@example.org>"}
From: news@example.org
To: {to}

--b--
""".encode()


@pytest.mark.parametrize("field", ["", "Return-Path"])
@pytest.mark.parametrize("to", ["redacted", "alias@example.net", "someone.else@example.net"])
def test_a_complaint_is_proven_by_the_return_path_that_it_quotes(
    site: Site, to: str, field: str
) -> None:
    """Most feedback loops hide who complains, and send to one address for all mail."""
    site.deliver(arf(site.token(ALONE), to, field=field), FBL)
    ((address, lock),) = site.store.addresses.locks()
    assert (address, lock.kind, lock.until) == ("alias@example.net", Kind.COMPLAINT, NO_END)


def test_a_complaint_that_came_to_the_return_path_itself_locks(site: Site) -> None:
    site.deliver(arf(), site.token(ALONE))
    assert site.locked() == ["alias@example.net"]


DAY = 86_400


def test_a_late_complaint_is_proven_and_a_late_bounce_is_not(site: Site) -> None:
    """Feedback loops report when a person reads the mail, long after the last bounce."""
    path = site.token(ALONE)
    late, too_late = NOW + 60 * DAY, NOW + 91 * DAY
    assert site.event(arf(path), FBL, late).trust == "signed"
    assert site.event(arf(path), FBL, too_late).trust == "unverified"
    assert site.event(dsn("alias@example.net"), path, NOW + 8 * DAY).trust == "signed"
    assert site.event(dsn("alias@example.net"), path, late).trust == "unverified"
    named = dsn("alias@example.net", extra=f"Original-Envelope-Id: {path}")
    assert site.event(named, FBL, late).trust == "unverified"
    site.deliver(arf(path), FBL, late)
    assert site.locked() == ["alias@example.net"]


def test_a_late_complaint_after_its_send_was_deleted_must_name_the_recipient(site: Site) -> None:
    lost = structs.replace(ALONE, message=b"message9")
    for named, address in (("redacted", ""), ("alias@example.net", "alias@example.net")):
        raw = arf(site.token(lost)).replace(
            b"Version: 1\n", f"Version: 1\nOriginal-Rcpt-To: {named}\n".encode()
        )
        assert site.event(raw, FBL, NOW + 60 * DAY).address == address


def test_a_complaint_is_proven_no_shorter_than_a_bounce(site: Site) -> None:
    settings = structs.replace(
        site.settings.return_path,
        lifetime=Duration(seconds=30 * DAY),
        complaint_lifetime=Duration(seconds=DAY),
    )
    prover = Prover(settings, site.keys, site.ledger)
    reading = site.builder.classify(arf(site.token(ALONE)))
    assert reading is not None
    for days, trust in ((29, "signed"), (31, "unverified")):
        assert prover.prove(reading.reading, [FBL], NOW + days * DAY).trust == trust


def test_a_complaint_about_a_message_to_several_is_nobodys(site: Site) -> None:
    for recipient in (FBL, site.token(SENT)):
        event = site.event(arf(site.token(SENT), "ann@example.com"), recipient)
        assert event.trust == "unverified"
        site.deliver(arf(site.token(SENT), "ann@example.com"), recipient)
    assert site.locked() == []


def test_a_complaint_of_a_stranger_locks_nobody(site: Site) -> None:
    others = KeyRing((Key(site.keys.ring.current.number, NOW, b"x" * 32),))
    path = site.token(ALONE, ring=others)
    for raw in (arf("news@example.org", "alias@example.net"), arf(path, "alias@example.net")):
        assert site.event(raw, FBL).trust == "unverified"
        site.deliver(raw, FBL)
    by_user = came_in(arf(site.token(ALONE)).partition(b"\n")[2].partition(b"\n")[2], BY_SENDMAIL)
    assert site.event(by_user, FBL).trust == "unverified"
    assert site.locked() == []


def test_a_bounce_is_not_proven_by_the_return_path_that_it_quotes(site: Site) -> None:
    """A bounce comes to the return path itself."""
    raw = dsn("alias@example.net").replace(
        b"From: news", f"Return-Path: <{site.token(ALONE)}>\nFrom: news".encode()
    )
    assert site.event(raw, FBL).trust == "unverified"


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "virus", "other"])
def test_feedback_of_other_types_is_recorded_and_locks_nobody(site: Site, kind: str) -> None:
    raw = arf(site.token(ALONE), kind=kind)
    event = site.event(raw, FBL)
    assert (event.trust, event.address, event.feedback) == ("signed", "alias@example.net", kind)
    assert (event.kind is Kind.COMPLAINT) is (kind in {"virus", "other"})
    site.deliver(raw, FBL)
    assert site.locked() == []


def test_unsigned_senders_a_complaint_must_know_a_secret_of_a_message_to_one(
    unsigned: Site,
) -> None:
    message_id = SECRET_ID.replace("7c9e", "8d1f")
    only = structs.replace(SECRET, message=b"message5", message_id=message_id)
    only = structs.replace(only, recipients=("ann@example.com",), group="example.org")
    unsigned.ledger.write([entry_of(only)])
    for known in (SECRET_ID, "<1@example.org>"):
        raw = arf(to="ann@example.com", message_id=known)
        assert unsigned.event(raw, FBL).trust == "unverified"
    unsigned.deliver(arf(to="ann@example.com", message_id=message_id), FBL)
    state = unsigned.store.addresses.get("ann@example.com")
    assert state is not None
    assert state.lock is None
    assert [*state.groups] == ["example.org"], "the group of the message alone"


def test_the_log_names_the_group_that_a_complaint_locked(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    only = structs.replace(ALONE, message=b"message6", group="shop.example")
    site.ledger.write([entry_of(only)])
    with caplog.at_level(logging.INFO):
        for message_id in ("<6@example.org>", "<7@example.org>"):
            bounce = site.bounce(arf(site.token(only), message_id=message_id), FBL)
            site.builder.log(site.store.record([bounce], site.policy)[0])
    assert "kind=complaint" in caplog.text
    assert caplog.text.count("counted; locked without end for shop.example") == 1
    assert "already counted" in caplog.text
