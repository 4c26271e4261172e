"""No stranger locks an address: what a bounce proves."""

import pytest
from tests.unit.classifier.provensite import (
    ALONE,
    BY_BOUNCE,
    BY_SENDMAIL,
    BY_SMTP,
    DOMAIN,
    LATER,
    NOW,
    SECRET,
    SECRET_ID,
    SENT,
    Site,
    came_in,
    dsn,
    postfix_fields,
    site,
    unsigned,
)

from bouncegate.classifier.returnpath.proof import NotYetKnown
from bouncegate.config.settings import (
    Trust,
)
from bouncegate.policy.disposition import Disposition
from bouncegate.policy.fold import Policy
from bouncegate.store.entry import Sent
from bouncegate.store.tokens.keys import Key, KeyFileError, KeyRing, rotate

__all__ = ["site", "unsigned"]


def test_a_signed_return_path_proves_a_bounce_and_tells_its_mailing(site: Site) -> None:
    event = site.event(dsn("ann@example.com"), site.token(SENT))
    assert (event.trust, event.address) == ("signed", "ann@example.com")
    assert (event.mailing, event.sender, event.queue_id) == ("spring", "news@example.org", "4XyZ1")


@pytest.mark.parametrize("count", [("signed",), ("matched",), ("signed", "matched")])
@pytest.mark.parametrize("to", ["postmaster", "abuse", "bounces", "b-" + "a" * 56, "alive"])
def test_signed_senders_nothing_but_a_token_proves_a_report(
    site: Site, to: str, count: tuple[Trust, ...]
) -> None:
    """A stranger may know everything else, and exempt recipients pass the milter."""
    site.policy = Policy(site.settings.policy, count)
    token = site.token(SENT).partition("@")[0]
    for fields in (postfix_fields(), f"Original-Envelope-Id: {token}"):
        for message_id in ("<1@example.org>", SECRET_ID):
            raw = dsn("ann@example.com", extra=fields, message_id=message_id)
            assert site.event(raw, f"{to}@{DOMAIN}").trust == "unverified"
            site.deliver(raw, f"{to}@{DOMAIN}")
    assert site.event(dsn("ann@example.com", extra=postfix_fields()), "").trust == "unverified"
    assert site.locked() == []


def test_signed_senders_a_report_to_the_paths_of_two_messages_is_about_neither(site: Site) -> None:
    message = site.builder.classify(dsn("ann@example.com"))
    assert message is not None
    both = [site.token(SENT), site.token(ALONE)]
    (event,) = site.builder.bounce_of(message, both, LATER).events
    assert event.trust == "unverified"
    with_others = [f"postmaster@{DOMAIN}", site.token(SENT), site.token(SENT).upper()]
    (event,) = site.builder.bounce_of(message, with_others, LATER).events
    assert event.trust == "signed"


def test_signed_senders_a_report_that_names_another_message_by_its_token_proves_nothing(
    site: Site,
) -> None:
    other = site.token(ALONE).partition("@")[0]
    raw = dsn("ann@example.com", extra=f"Original-Envelope-Id: {other}")
    assert site.event(raw, site.token(SENT)).trust == "unverified"
    same = site.token(SENT).partition("@")[0]
    raw = dsn("ann@example.com", extra=f"Original-Envelope-Id: {same}")
    assert site.event(raw, site.token(SENT)).trust == "signed"


def test_sendmail_submission_proves_nothing_whatever_it_knows(site: Site) -> None:
    """mailq(1) shows local users the tokens of messages that wait."""
    raw = came_in(dsn("ann@example.com", extra=postfix_fields()), BY_SENDMAIL)
    assert site.event(raw, site.token(SENT)).trust == "unverified"
    for field in (BY_SMTP, BY_BOUNCE):
        raw = came_in(dsn("ann@example.com", extra=postfix_fields()), field)
        assert site.event(raw, site.token(SENT)).trust == "signed"


def test_sendmail_submission_proves_nothing_where_nothing_is_signed(unsigned: Site) -> None:
    raw = dsn("ann@example.com", extra=postfix_fields(), message_id=SECRET_ID)
    assert unsigned.event(came_in(raw, BY_SENDMAIL), "bounces@example.org").trust == "unverified"


def test_a_bounce_waits_while_the_key_file_cannot_be_read(site: Site) -> None:
    site.key_file.write_text("no key\n")
    site.keys.reload()
    with pytest.raises(KeyFileError):
        site.event(dsn("ann@example.com"), site.token(SENT))


def test_five_hundred_forged_dsns_lock_nobody_and_count_nothing(site: Site) -> None:
    other_keys = KeyRing((Key(site.keys.ring.current.number, NOW, b"x" * 32),))
    real = site.token(SENT)
    broken = real.replace("b-", "b-a", 1)
    for number in range(100):
        victim = f"victim{number}@example.com"
        forged = {
            "no token": f"bounces{number}@{DOMAIN}",
            "wrong token": site.token(SENT, ring=other_keys),
            "stale token": site.token(SENT, time=NOW - 30 * 86_400),
            "broken token": broken,
            "true token, another recipient": real,
        }
        for to in forged.values():
            site.deliver(dsn(victim, message_id=f"<{number}@elsewhere.example>"), to)
            assert site.store.addresses.get(victim) is None
    # The recipients of the true message, named to any address but the true one.
    for to in (f"x@{DOMAIN}", site.token(SENT, ring=other_keys)):
        site.deliver(dsn("ann@example.com"), to)
    assert site.store.addresses.get("ann@example.com") is None
    assert site.locked() == []


def test_a_replayed_bounce_counts_once(site: Site) -> None:
    for number in range(20):
        raw = dsn("ann@example.com").replace(b"<d-", f"<d{number}-".encode())
        site.deliver(raw, site.token(SENT))
    state = site.store.addresses.get("ann@example.com")
    assert state is not None
    assert state.hard == 1
    assert site.locked() == ["ann@example.com"], "and its co-recipients are never touched"


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded", "delayed"])
def test_a_recipient_cannot_tell_that_another_one_got_the_message(site: Site, action: str) -> None:
    soft = dsn("ann@example.com").replace(b"5.1.1", b"4.2.2").replace(b"550", b"452")
    site.deliver(soft, site.token(SENT))
    before = site.store.addresses.get("ann@example.com")
    assert before is not None
    assert before.soft_in_row
    raw = dsn("ann@example.com").replace(b"Action: failed", f"Action: {action}".encode())
    forged = came_in(raw.replace(b"5.1.1", b"2.0.0"), BY_SMTP)
    event = site.event(forged, site.token(SECRET))
    assert (event.action, event.trust, event.sent) == (action, "unverified", 0)
    site.deliver(forged, site.token(SECRET))
    assert site.store.addresses.get("ann@example.com") == before


def test_own_postfix_and_an_only_recipient_are_believed_that_a_message_arrived(
    site: Site,
) -> None:
    raw = dsn("ann@example.com").replace(b"Action: failed", b"Action: delivered")
    assert site.event(came_in(raw, BY_BOUNCE), site.token(SENT)).trust == "signed"
    alone = came_in(raw.replace(b"ann@example.com", b"alias@example.net"), BY_SMTP)
    event = site.event(alone, site.token(ALONE))
    assert (event.trust, event.address) == ("signed", "alias@example.net")


def test_one_bounce_told_with_and_without_its_token_counts_once(site: Site) -> None:
    site.deliver(dsn("ann@example.com"), site.token(SENT))
    site.deliver(dsn("ann@example.com", message_id="<1@example.org>"), "bounces@example.org")
    state = site.store.addresses.get("ann@example.com")
    assert state is not None
    assert state.hard == 1


def test_an_unverified_bounce_is_kept_and_shown_and_not_counted(site: Site) -> None:
    event = site.event(dsn("ann@example.com"), "bounces@example.org")
    assert (event.trust, event.address) == ("unverified", "ann@example.com")
    assert site.policy.disposition(event) is Disposition.UNVERIFIED
    site.deliver(dsn("ann@example.com"), "bounces@example.org")
    assert site.locked() == []
    assert len(site.store.journal.of_address("ann@example.com")) == 1


def test_a_bounce_that_is_faster_than_the_ledger_waits_and_an_old_one_does_not(site: Site) -> None:
    unknown = Sent(LATER, b"message9", "news@example.org", ())
    with pytest.raises(NotYetKnown):
        site.event(dsn("ann@example.com"), site.token(unknown), LATER + 5)
    lost = site.event(dsn("ann@example.com"), site.token(unknown), LATER + 3600)
    assert (lost.trust, lost.address) == ("signed", ""), "what the ledger has lost locks nobody"


def test_a_key_that_was_added_while_the_handler_ran_is_known_at_once(site: Site) -> None:
    new = rotate(site.key_file, LATER, 0)
    event = site.event(dsn("ann@example.com"), site.token(SENT, ring=new))
    assert event.trust == "signed"
