"""Refused recipients are on record, over the real milter protocol: by mailing, group and day."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from tests.unit.milter.daemon import Daemon
from tests.unit.milter.locks import put_locks
from tests.unit.milter.mta import Mta
from tests.unit.milter.test_undeliverable import DEAD, teach

from bouncegate.config.settings import LedgerSettings, StoreSettings
from bouncegate.milter.currentmailing import CurrentMailings
from bouncegate.policy.undeliverable import AddressRule, ref_to
from bouncegate.store.entry import Sent
from bouncegate.store.errors import StoreMissing
from bouncegate.store.ledger import Ledger
from bouncegate.store.refusals import Refusal, Refused

GONE, LEFT, READER = "gone@example.com", "left@example.com", "reader@example.com"
READER_OF_COMPANY = "reader@company.de"
SENDER = "news@sender.test"
OUTBOUND = {
    "{auth_authen}": "newsletter",
    "{client_addr}": "192.0.2.1",
    "{mail_addr}": SENDER,
    "{rcpt_mailer}": "smtp",
}
LEDGER = {"enabled": True, "mailing_headers": ["X-Campaign-ID"]}


@contextmanager
def connected(daemon: Daemon, **sections: dict[str, object]) -> Iterator[Mta]:
    put_locks(daemon.store, GONE, LEFT)
    daemon.start(**{"ledger": LEDGER, **sections})
    with Mta(daemon.socket) as mta:
        mta.connect(OUTBOUND)
        yield mta


def offer(mta: Mta, *recipients: str) -> str:
    """The verdicts on recipients of a new message."""
    mta.mail(OUTBOUND, SENDER)
    return "".join(mta.rcpt(OUTBOUND, f"<{to}>".encode()).verdict for to in recipients)


def finish(mta: Mta, mailing: str = "spring", **headers: str) -> None:
    mta.header("X-Campaign-ID", mailing)
    for name, value in headers.items():
        mta.header(name.replace("_", "-"), value)
    mta.changes({"i": "4abc"})


def sends(daemon: Daemon) -> list[Sent]:
    with closing(Ledger.open(StoreSettings(path=daemon.store), LedgerSettings())) as ledger:
        return [sent for _, sent in ledger.walk(b"", 2**32 - 1, 10)]


def recorded(daemon: Daemon, number: int) -> list[Refusal]:
    """The records, once there are so many."""

    def found() -> list[Refusal] | None:
        try:
            ledger = Ledger.open(StoreSettings(path=daemon.store), LedgerSettings())
        except StoreMissing:
            return None
        with closing(ledger):
            some = list(ledger.refusals.between(0, 0))
        return some if len(some) >= number else None

    return daemon.wait_until(f"{number} refusals", found)


@pytest.mark.parametrize(
    ("recipient", "reason", "ref"),
    [
        (GONE, "user-unknown", "1"),
        ("anybody@locked.de", "user-unknown", "1"),
        ("ann@mail.invalid", "invalid", AddressRule.RESERVED),
        ("ann..bee@company.de", "invalid", AddressRule.DOTS),
        (f"ann@{DEAD}", "host-unknown", AddressRule.NXDOMAIN),
    ],
    ids=["lock", "lock of the domain", "reserved domain", "syntax", "dead domain"],
)
def test_refused_recipient_is_recorded_whatever_refused_it(
    daemon: Daemon, recipient: str, reason: str, ref: str
) -> None:
    teach(daemon.store)
    put_locks(daemon.store, "@locked.de")
    with connected(daemon, lists={"invalid": "refuse"}) as mta:
        for times in (1, 2):
            assert offer(mta, recipient, READER_OF_COMPANY) == "yc"
            finish(mta)
            daemon.wait_until("both", lambda: recorded(daemon, 1)[0].count == times)  # noqa: B023
    (record,) = recorded(daemon, 1)
    assert (record.address, record.mailing, record.reason) == (recipient, "spring", reason)
    assert ref_to(record.ref) == ref


def test_refused_recipient_is_recorded_with_the_mailing_of_its_message(daemon: Daemon) -> None:
    with connected(daemon) as mta:
        assert offer(mta, GONE, READER, LEFT) == "ycy"
        finish(mta)
        records = sorted(recorded(daemon, 2), key=lambda one: one.address)
    assert [(one.address, one.mailing, one.group) for one in records] == [
        (GONE, "spring", "sender.test"),
        (LEFT, "spring", "sender.test"),
    ]
    assert {(one.sender, one.reason, one.count) for one in records} == {(SENDER, "user-unknown", 1)}


def test_message_whose_every_recipient_is_refused_counts_for_the_last_mailing_of_the_sender(
    daemon: Daemon,
) -> None:
    with connected(daemon) as mta:
        assert offer(mta, READER) == "c"
        finish(mta)
        assert offer(mta, GONE) == "y"
        mta.abort()
        (record,) = recorded(daemon, 1)
    assert (record.address, record.mailing) == (GONE, "spring")


def test_refusal_is_recorded_if_the_client_leaves_without_a_word(daemon: Daemon) -> None:
    with connected(daemon) as mta:
        assert offer(mta, GONE) == "y"
    (record,) = recorded(daemon, 1)
    assert (record.address, record.mailing, record.group) == (GONE, "", "sender.test")


def test_client_that_tries_again_is_one_record(daemon: Daemon) -> None:
    with connected(daemon, reply={"action": "defer"}) as mta:
        for _ in range(3):
            assert offer(mta, GONE) == "y"
            mta.abort()
        offer(mta, LEFT)
        mta.abort()
        records = {one.address: one.count for one in recorded(daemon, 2)}
    assert records == {GONE: 3, LEFT: 1}


def test_discarded_recipient_is_recorded(daemon: Daemon) -> None:
    with connected(daemon, reply={"action": "discard"}) as mta:
        assert offer(mta, GONE, READER) == "cc"
        mta.header("X-Campaign-ID", "spring")
        assert mta.changes({"i": "4abc"}), "it is taken out"
        (record,) = recorded(daemon, 1)
    assert (record.address, record.mailing) == (GONE, "spring")


@pytest.mark.parametrize(
    "sections", [{"reply": {"action": "tag"}}, {"milter": {"mode": "observe"}}], ids=str
)
def test_what_is_tagged_or_only_observed_is_no_refusal(
    daemon: Daemon, sections: dict[str, dict[str, object]]
) -> None:
    with connected(daemon, **sections) as mta:
        assert offer(mta, GONE, READER) == "cc"
        finish(mta)
        daemon.wait_until("the send", lambda: sends(daemon))
    with closing(Ledger.open(StoreSettings(path=daemon.store), LedgerSettings())) as ledger:
        assert list(ledger.refusals.between(0, 0)) == []


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("sender-domain", "sender.test"),
        ("login", "newsletter"),
        ("list-id", "<readers.sender.test>"),
        ("header:X-Audience", "members"),
    ],
)
def test_group_is_what_the_setting_says(daemon: Daemon, group: str, name: str) -> None:
    with connected(daemon, ledger={**LEDGER, "group": group}) as mta:
        offer(mta, GONE, READER)
        finish(mta, List_Id="<readers.sender.test>", X_Audience="members")
        (record,) = recorded(daemon, 1)
        assert record.group == name
        (sent,) = daemon.wait_until("the send", lambda: sends(daemon))
    assert sent.group == name


def test_lock_of_one_login_holds_for_that_login_alone(daemon: Daemon) -> None:
    put_locks(daemon.store, "once@example.com", group="newsletter")
    with connected(daemon, ledger={**LEDGER, "group": "login"}) as mta:
        assert offer(mta, "once@example.com") == "y"
        mta.abort()
        mta.mail(OUTBOUND, SENDER)
        other = {**OUTBOUND, "{auth_authen}": "shop"}
        assert mta.rcpt(other, b"<once@example.com>").verdict == "c"


def test_mailing_is_that_of_the_sender_or_else_of_its_domain_within_an_hour() -> None:
    mailings = CurrentMailings()
    mailings.note(Sent(1000, b"1", "news@a.example", (), mailing="spring", group="readers"))
    mailings.note(Sent(1001, b"2", "shop@a.example", (), mailing="sale"))
    for sender, time, mailing in (
        ("news@a.example", 1002, "spring"),
        ("b-17@a.example", 1002, "sale"),
        ("news@b.example", 1002, ""),
        ("news@a.example", 5000, ""),
    ):
        assert mailings.completed(Refused(time, sender, ())).mailing == mailing
    seen = Refused(1002, "news@a.example", (), mailing="", header_seen=True)
    assert mailings.completed(seen) == seen, "its own header names none"


def test_many_senders_are_remembered_within_bounds() -> None:
    mailings = CurrentMailings()
    for number in range(30_000):
        mailings.note(Sent(1000, b"1", f"b-{number}@a.example", (), mailing="spring"))
    assert len(mailings._last) <= 10_001
    assert mailings.completed(Refused(1000, "x@a.example", ())).mailing == "spring"
