"""Following the log: deliveries that end a streak, bounces without a DSN, deferred messages."""

import threading
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.classifier.maillog.site import (
    ANN,
    BOB,
    DAY,
    FULL,
    HOUR,
    NOW,
    POLICY,
    UNKNOWN,
    Site,
    expired,
    head,
    line,
    twice_full,
)
from tests.unit.store.bounces import bounce_of

from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.policy.records import Delivered, Event
from bouncegate.store.intake import Bounce

ROOT = Path(__file__).resolve().parents[4]


def test_a_message_that_arrived_ends_the_row_of_failures(site: Site) -> None:
    twice_full(site)
    site.write(line(site.sent(3, ANN), "sent"))
    assert site.run(NOW + DAY + 5).delivered == 1
    assert site.state().soft_in_row == 0
    assert site.entries()[-1] == Delivered((ANN,), NOW + DAY + 5, NOW, "log")


def test_of_an_address_without_failures_nothing_is_written(site: Site) -> None:
    """The journal is append-only, so it must not grow with every mail."""
    site.write(line(site.sent(1, ANN), "sent"))
    site.run()
    assert site.entries() == []
    assert site.store.addresses.get(ANN) is None


def test_what_was_accepted_and_bounced_later_was_no_delivery(site: Site) -> None:
    """Otherwise no address is ever locked whose server accepts all mail and bounces it later."""
    twice_full(site)
    sent = site.sent(3, ANN)
    site.write(line(sent, "sent"))
    assert site.run(NOW + HOUR).delivered == 0
    site.full(sent)
    assert site.run(NOW + 2 * DAY).delivered == 0
    assert site.state().soft_in_row == 3


@pytest.mark.parametrize(
    ("program", "relay"),
    [
        ("smtp", "127.0.0.1[127.0.0.1]:10024"),
        ("lmtp", "mail.s.test[private/dovecot-lmtp]"),
        ("local", "local"),
        ("pipe", "filter"),
        ("discard", "none"),
    ],
)
def test_what_stays_on_this_machine_proves_no_delivery(
    site: Site, program: str, relay: str
) -> None:
    """A content filter accepts every message."""
    twice_full(site)
    site.write(line(site.sent(3, ANN), "sent", program=program, relay=relay))
    assert site.run(NOW + 2 * DAY).delivered == 0
    assert site.state().soft_in_row == 2


def test_a_message_that_the_ledger_does_not_know_proves_nothing(site: Site) -> None:
    twice_full(site)
    site.write(line("STRANGE0001", "sent"), line("STRANGE0001", "bounced", UNKNOWN))
    assert site.run(NOW + 2 * DAY).lines == 2
    assert site.state().soft_in_row == 2
    assert site.state().lock is None


def test_a_recipient_to_whom_the_message_was_not_sent_is_left_alone(site: Site) -> None:
    """Knowledge of a queue id must not allow to lock any address; blind copies do not count."""
    site.write(line(site.sent(1, ANN), "bounced", UNKNOWN, BOB))
    site.run()
    assert site.entries(BOB) == []
    assert site.entries(ANN) == []


def test_a_queue_id_that_comes_again_is_the_message_that_has_it_now(site: Site) -> None:
    """The short form is made of the file's number and the microsecond."""
    follower = site.follower()
    site.write(line(site.sent(1, ANN), "deferred", FULL))
    follower.run(NOW + HOUR, threading.Event())
    site.sent(1, BOB, time=NOW + DAY)
    site.write(line("QUEUE0000001", "bounced", UNKNOWN, BOB, at=NOW + DAY + 5))
    follower.run(NOW + DAY + HOUR, threading.Event())
    assert site.state(BOB).hard == 1


def test_a_bounce_counts_without_a_dsn(site: Site) -> None:
    site.write(line(site.sent(1, ANN, BOB), "bounced", UNKNOWN))
    site.run()
    (event,) = site.entries()
    assert isinstance(event, Event)
    assert (event.kind, event.reason, event.trust) == (Kind.HARD, Reason.USER_UNKNOWN, "matched")
    assert (event.time, event.sent, event.status) == (NOW + 5, NOW, "5.1.1")
    assert event.remote_mta == "mx.r.example"
    assert site.state().lock is not None
    assert site.entries(BOB) == []


@pytest.mark.parametrize("dsn_first", [True, False])
def test_dsn_and_line_about_one_failure_count_once(site: Site, dsn_first: bool) -> None:
    sent = site.sent(1, ANN)
    site.write(line(sent, "bounced", FULL))
    if dsn_first:
        site.full(sent)
    site.run()
    site.full(sent)
    assert site.state().soft == 1
    assert len(site.entries()) == 1


def test_our_own_refusal_is_no_evidence(site: Site) -> None:
    text = "Recipient address rejected: locked after a hard bounce [bouncegate 01234567]"
    site.write(line(site.sent(1, ANN), "bounced", text, relay="none", program="error"))
    site.run()
    (event,) = site.entries()
    assert isinstance(event, Event)
    assert event.reason is Reason.OWN_REFUSAL
    assert site.state().hard == 0


def test_what_is_not_to_count_does_not(site: Site) -> None:
    site.write(line(site.sent(1, ANN), "bounced", UNKNOWN))
    site.run(count=("sent", "expired"))
    assert site.entries() == []


def test_how_often_and_why_a_message_is_deferred_is_known_and_no_entry(site: Site) -> None:
    sent = site.sent(1, ANN, BOB)
    site.write(*(line(sent, "deferred", FULL, at=NOW + n * 600) for n in range(1, 4)))
    site.run()
    (deferral,) = site.store.deliverylog.deferrals(ANN)
    assert (deferral.attempts, deferral.first, deferral.last) == (3, NOW + 600, NOW + 1800)
    assert (deferral.sent, deferral.status, deferral.text) == (NOW, "4.2.2", FULL)
    assert site.entries() == []
    assert site.store.deliverylog.deferrals(BOB) == []


def test_a_delay_of_hours_is_one_entry_that_counts_for_nothing(site: Site) -> None:
    sent = site.sent(1, ANN)
    site.write(*(line(sent, "deferred", FULL, at=NOW + n * HOUR) for n in range(1, 9)))
    site.run()
    (event,) = site.entries()
    assert isinstance(event, Event)
    assert (event.action, event.kind, event.time) == ("delayed", Kind.NONE, NOW + 4 * HOUR)
    assert site.state().soft == 0


@pytest.mark.parametrize("outcome", ["sent", "bounced"])
def test_a_message_that_is_done_with_waits_no_longer(site: Site, outcome: str) -> None:
    sent = site.sent(1, ANN)
    site.write(line(sent, "deferred", FULL), line(sent, outcome, UNKNOWN))
    site.run()
    assert site.store.deliverylog.deferrals(ANN) == []


def test_a_message_that_an_operator_deletes_waits_no_longer(site: Site) -> None:
    sent = site.sent(1, ANN)
    site.write(
        line(sent, "deferred", FULL), f"{head(NOW + 9, 'postsuper')}{sent.queue_id}: removed"
    )
    site.run()
    assert site.store.deliverylog.deferrals(ANN) == []
    assert site.entries() == []


def test_a_message_that_was_deferred_until_it_expired_is_a_failure(site: Site) -> None:
    """There is no DSN about it if the sender requests none."""
    sent = site.sent(1, ANN, BOB)
    site.write(
        line(sent, "sent", to=BOB),
        line(sent, "deferred", "connect to mx.r.example[192.0.2.1]:25: Connection timed out"),
        expired(sent, NOW + 5 * DAY),
    )
    site.run(NOW + 6 * DAY)
    (event,) = site.entries()
    assert isinstance(event, Event)
    assert (event.kind, event.action, event.time) == (Kind.SOFT, "failed", NOW + 5 * DAY)
    assert site.state().soft_in_row == 1
    assert site.entries(BOB) == []
    assert site.store.deliverylog.deferrals(ANN) == []


def test_what_left_the_queue_unseen_is_forgotten(site: Site) -> None:
    site.write(line(site.sent(1, ANN), "deferred", FULL))
    site.run()
    site.run(NOW + 11 * DAY)
    assert site.store.deliverylog.deferrals(ANN) == []


def test_log_settles_nothing_of_a_message_of_which_a_report_names_nobody(site: Site) -> None:
    twice_full(site)
    sent = site.sent(3, ANN, BOB)
    site.write(line(sent, "sent"))
    site.run(NOW + HOUR)
    event = bounce_of("", 77, NOW + 60, Reason.MAILBOX_FULL)
    site.store.record([Bounce([replace(event, queue_id=sent.queue_id, sent=NOW)], b"")], POLICY)
    assert site.run(NOW + DAY + 5).delivered == 0
    assert site.state().soft_in_row == 2
