"""No stranger locks an address: what a bounce proves, and whose bounce it then is."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Literal

import pytest
from msgspec import structs

from bouncegate.classifier.classified import classify_or_raise
from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.returnpath.bouncebuilder import BounceBuilder
from bouncegate.classifier.returnpath.proof import NotYetKnown, Prover
from bouncegate.config.rules import load_rules
from bouncegate.config.settings import (
    LedgerSettings,
    ReturnPathSettings,
    Settings,
    StoreSettings,
    Trust,
)
from bouncegate.config.taxonomy import Kind
from bouncegate.config.values import DomainName, Size
from bouncegate.policy.disposition import Disposition
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import NO_END, Event
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Bounce, Store
from bouncegate.store.tokens.keys import Key, KeyFile, KeyFileError, KeyRing, rotate
from bouncegate.store.tokens.token import sign

NOW = 1_790_000_000
DOMAIN = "return.example.org"
SENT = Sent(
    NOW,
    b"message1",
    "news@example.org",
    ("ann@example.com", "bob@example.com", "list@example.net"),
    queue_id="4XyZ1",
    message_id="<1@example.org>",
    mailing="spring",
)
ALONE = Sent(NOW, b"message2", "news@example.org", ("alias@example.net",))
SECRET_ID = "<7c9e6679-7425-40de-944b-e07fc1f90ae7@example.org>"
SECRET = Sent(
    NOW,
    b"message3",
    "news@example.org",
    ("ann@example.com", "bob@example.com"),
    message_id=SECRET_ID,
    mailing="spring",
)
ONE = structs.replace(ALONE, message=b"message4", queue_id="5XyZ1")
LATER = NOW + 3600


def dsn(final: str, original: str = "", extra: str = "", message_id: str = "") -> bytes:
    """A DSN for one recipient; `extra` are further fields about the message."""
    about = f"Original-Recipient: rfc822;{original}\n" if original else ""
    returned = f"Message-ID: {message_id}\n" if message_id else ""
    return f"""From: MAILER-DAEMON@mx.example.net
Subject: Undelivered Mail
Message-ID: <d-{final}@mx.example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
{extra}
{about}Final-Recipient: rfc822; {final}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user here

--b
Content-Type: text/rfc822-headers

{returned}From: news@example.org

--b--
""".encode()


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


class Site:
    """Keys, a ledger, a store and the settings of one machine."""

    def __init__(self, folder: Path, sign: Literal["all", "none"] = "all") -> None:
        self.store_settings = StoreSettings(path=folder, map_size=Size(64 * 2**20))
        self.settings = Settings(
            store=self.store_settings,
            return_path=ReturnPathSettings(domain=DomainName(DOMAIN), sign=sign),
        )
        self.key_file = folder / "keys"
        self.keys = KeyFile(self.key_file, NOW)
        ledger = LedgerSettings(max_size=Size(16 * 2**20))
        self.ledger = Ledger.open(self.store_settings, ledger, readonly=False)
        self.ledger.write([entry_of(sent) for sent in (SENT, ALONE, SECRET, ONE)])
        self.prover = Prover(self.settings.return_path, self.keys, self.ledger)
        self.policy = Policy(self.settings.policy, self.settings.return_path.count)
        self.builder = BounceBuilder(
            partial(classify_or_raise, classifier=Classifier(load_rules(None))),
            self.policy,
            self.settings,
            self.prover,
        )
        self.store = Store.open(self.store_settings)

    def close(self) -> None:
        self.store.close()
        self.ledger.close()

    def token(self, sent: Sent, ring: KeyRing | None = None, time: int | None = None) -> str:
        only = sent.recipients[0] if len(sent.recipients) == 1 else ""
        local = sign(ring or self.keys.ring, only, sent.message, time or sent.time)
        return f"{local}@{DOMAIN}"

    def bounce(self, raw: bytes, recipient: str, now: int = LATER) -> Bounce:
        message = self.builder.classify(raw)
        assert message is not None
        return self.builder.bounce_of(message, [recipient], now)

    def event(self, raw: bytes, recipient: str, now: int = LATER) -> Event:
        (event,) = self.bounce(raw, recipient, now).events
        return event

    def deliver(self, raw: bytes, recipient: str, now: int = LATER) -> None:
        self.store.record([self.bounce(raw, recipient, now)], self.policy)

    def locked(self) -> list[str]:
        return [address for address, _ in self.store.addresses.locks()]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with closing(Site(tmp_path)) as site:
        yield site


@pytest.fixture
def unsigned(tmp_path: Path) -> Iterator[Site]:
    with closing(Site(tmp_path, sign="none")) as site:
        yield site


def postfix_fields(
    queue_id: str = "4XyZ1", sender: str = "news@example.org", arrival: int = NOW
) -> str:
    """What Postfix's bounce(8) tells of a message."""
    date = format_datetime(datetime.fromtimestamp(arrival, UTC))
    return (
        f"X-Postfix-Queue-ID: {queue_id}\nX-Postfix-Sender: rfc822; {sender}\nArrival-Date: {date}"
    )


def came_in(raw: bytes, received: str) -> bytes:
    """A message with the field that Postfix puts on top."""
    return f"Received: {received}\n".encode() + raw


BY_SMTP = "from mx.example.net (mx.example.net [192.0.2.1])\n\tby mail (Postfix) with ESMTP id 1F"
BY_SENDMAIL = "by mail.example.org (Postfix, from userid 1000)\n\tid 1F; Mon, 30 Nov 2026"
BY_BOUNCE = "by mail.example.org (Postfix)\n\tid 1F; Mon, 30 Nov 2026 10:00:00 +0000 (UTC)"


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


def test_alias_members_fail_for_themselves_where_our_own_postfix_has_expanded_it(
    site: Site,
) -> None:
    raw = dsn("behind@example.org", original="ann@example.com", extra=postfix_fields())
    member, alias = site.bounce(came_in(raw, BY_BOUNCE), site.token(SENT), LATER).events
    assert (member.address, member.trust, member.kind) == ("behind@example.org", "signed", "hard")
    assert (alias.address, alias.action, alias.kind) == ("ann@example.com", "expanded", "none")
    assert alias.final_recipient == "behind@example.org"
    assert member.identity != alias.identity


def test_forwarded_mail_that_fails_elsewhere_fails_for_whom_we_mailed(site: Site) -> None:
    raw = dsn("behind@example.org", original="ann@example.com", extra=postfix_fields())
    assert site.event(came_in(raw, BY_SMTP), site.token(SENT)).address == "ann@example.com"


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


def test_the_alias_that_we_mailed_counts_and_never_the_address_behind_it(site: Site) -> None:
    for raw in (
        dsn("expanded@example.org"),
        dsn("expanded@example.org", original="alias@example.net"),
        dsn("expanded@example.org", original="expanded@example.org"),
    ):
        assert site.event(raw, site.token(ALONE)).address == "alias@example.net"


def test_a_token_for_one_recipient_lets_only_that_one_be_named(site: Site) -> None:
    raw = dsn("stranger@example.com", original="ann@example.com")
    assert site.event(raw, site.token(ALONE)).address == "alias@example.net"


def test_a_token_for_one_recipient_proves_a_bounce_that_the_ledger_has_lost(site: Site) -> None:
    lost = Sent(NOW, b"lostlost", "news@example.org", ("ann@example.com",))
    event = site.event(dsn("ann@example.com"), site.token(lost))
    assert (event.trust, event.address, event.sent) == ("signed", "ann@example.com", NOW)
    other = site.event(dsn("bob@example.com"), site.token(lost))
    assert (other.trust, other.address) == ("signed", ""), "nobody's: it names another one"
    for victim in ("bob@example.com", "carl@example.com"):
        site.deliver(dsn(victim), site.token(lost))
    site.deliver(dsn("ann@example.com"), site.token(lost))
    site.deliver(dsn("ann@example.com"), site.token(lost))
    assert site.locked() == ["ann@example.com"]
    state = site.store.addresses.get("ann@example.com")
    assert state is not None
    assert state.hard == 1


def test_a_token_for_several_recipients_is_not_for_one_where_the_others_were_purged(
    site: Site,
) -> None:
    token = site.token(SENT)
    for address in SENT.recipients[1:]:
        site.ledger.forget_recipient(address)
    event = site.event(dsn("bob@example.com"), token)
    assert (event.trust, event.address) == ("signed", "")
    assert site.event(dsn("ann@example.com"), token).address == "ann@example.com"


def test_a_bounce_waits_while_the_key_file_cannot_be_read(site: Site) -> None:
    site.key_file.write_text("no key\n")
    site.keys.look()
    with pytest.raises(KeyFileError):
        site.event(dsn("ann@example.com"), site.token(SENT))


def test_among_several_the_original_recipient_goes_before_the_final_one(site: Site) -> None:
    raw = dsn("expanded@example.org", original="list@example.net")
    assert site.event(raw, site.token(SENT)).address == "list@example.net"
    both = dsn("bob@example.com", original="ann@example.com")
    assert site.event(both, site.token(SENT)).address == "ann@example.com"


def test_whom_we_never_mailed_is_nobody_and_the_event_is_kept(site: Site) -> None:
    raw = dsn("stranger@example.com", original="other@example.com")
    event = site.event(raw, site.token(SENT))
    assert (event.address, event.final_recipient) == ("", "stranger@example.com")
    site.deliver(raw, site.token(SENT))
    assert site.locked() == []
    assert len(list(site.store.journal.entries())) == 1


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


def test_a_recipient_cannot_complain_for_another_one(site: Site) -> None:
    raw = came_in(COMPLAINT, BY_SMTP)
    assert site.event(raw, site.token(SENT)).trust == "unverified"
    alone = COMPLAINT.replace(b"ann@example.com", b"alias@example.net")
    event = site.event(came_in(alone, BY_SMTP), site.token(ALONE))
    assert (event.trust, event.address) == ("signed", "alias@example.net")


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
    new = rotate(site.key_file, LATER)
    event = site.event(dsn("ann@example.com"), site.token(SENT, ring=new))
    assert event.trust == "signed"


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
