"""A delivery in between starts the count anew: told by the bounce that never came."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.store.bounces import NOW, SIGNED, bounce_of, record

from bouncegate.config.settings import (
    LedgerSettings,
    PolicySettings,
    ReturnPathSettings,
    StoreSettings,
)
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import DomainName, Size
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Delivered
from bouncegate.store.deliveries import Deliveries, Walked
from bouncegate.store.deliverylog import Batch, Deferral, Deferred, Delivery
from bouncegate.store.entry import QueueState, Seen, Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.membership import Membership
from bouncegate.store.recording import identity, name_of_sent
from bouncegate.store.store import Store

DAY = 86_400
POLICY = Policy(PolicySettings(), SIGNED)
ANN, BOB = "ann@example.com", "bob@example.com"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    settings = LedgerSettings(max_size=Size(2**24))
    with closing(Ledger.open(StoreSettings(path=tmp_path), settings, readonly=False)) as ledger:
        yield ledger


def sent(number: int, day: int, *recipients: str, sender: str = "news@example.org") -> Sent:
    return Sent(NOW + day * DAY, number.to_bytes(8, "big"), sender, recipients)


def full(store: Store, message: Sent, address: str = ANN) -> None:
    """The mailbox was full for that message."""
    event = bounce_of(address, 0, message.time + 60, Reason.MAILBOX_FULL)
    name = name_of_sent(message.time, message.message)
    record(store, [replace(event, sent=message.time, identity=identity(name, address))], POLICY)


def settle(
    store: Store, ledger: Ledger, day: int, *, log: bool = False, **settings: object
) -> Walked:
    own = replace(ReturnPathSettings(), **settings)
    deliveries = Deliveries(store, ledger, own, log_is_read=log)
    return deliveries.settle(NOW + (day - 6) * DAY, NOW + day * DAY, POLICY.fold)


def lock_over_a_delivery(store: Store, ledger: Ledger) -> None:
    """Three failures lock Ann, and a message between them did not bounce."""
    sends = [sent(day, day, ANN) for day in range(4)]
    ledger.write([entry_of(each) for each in sends])
    for message in (sends[0], sends[2], sends[3]):
        full(store, message)
    assert [address for address, _ in store.addresses.locks()] == [ANN]


def in_row(store: Store, address: str = ANN) -> int:
    state = store.addresses.get(address)
    return 0 if state is None else state.soft_in_row


def test_a_send_that_no_bounce_followed_starts_the_count_anew(store: Store, ledger: Ledger) -> None:
    ledger.write([entry_of(sent(number, number - 1, ANN)) for number in (1, 2, 3)])
    full(store, sent(1, 0, ANN))
    full(store, sent(3, 2, ANN))
    assert settle(store, ledger, 6) == Walked(), "a bounce of the second could still come"
    assert in_row(store) == 2
    assert settle(store, ledger, 8) == Walked(2, 1)
    assert in_row(store) == 1, "the one before the delivery no longer counts"


def test_silence_proves_nothing_of_what_other_machines_may_have_heard(
    store: Store, ledger: Ledger
) -> None:
    ledger.write([entry_of(sent(number, number - 1, ANN)) for number in (1, 2, 3)])
    full(store, sent(1, 0, ANN))
    full(store, sent(3, 2, ANN))

    def heard(day: int) -> None:
        with store.environment.begin(write=True) as transaction:
            store.memberships.put(transaction, Membership("one", heard=NOW + day * DAY))

    heard(6)
    assert settle(store, ledger, 20) == Walked(), "a bounce that came elsewhere may wait"
    heard(8)
    assert settle(store, ledger, 20) == Walked(2, 1)


def test_a_lock_on_failures_that_were_not_in_a_row_is_lifted(store: Store, ledger: Ledger) -> None:
    lock_over_a_delivery(store, ledger)
    ledger.note_queue({(NOW + DAY, (1).to_bytes(8, "big")): Seen(QueueState.TAKEN)})
    settle(store, ledger, 20, log=True)
    assert list(store.addresses.locks()) == []


def test_silence_lifts_no_lock_where_no_log_tells_that_the_message_was_taken(
    store: Store, ledger: Ledger
) -> None:
    lock_over_a_delivery(store, ledger)
    assert settle(store, ledger, 20).delivered == 0
    assert [address for address, _ in store.addresses.locks()] == [ANN]


@pytest.mark.parametrize("state", [s for s in QueueState if s is not QueueState.TAKEN])
def test_silence_of_what_the_log_does_not_show_in_the_queue_proves_nothing(
    store: Store, ledger: Ledger, state: QueueState
) -> None:
    lock_over_a_delivery(store, ledger)
    ledger.note_queue({(NOW + DAY, (1).to_bytes(8, "big")): Seen(state)})
    assert settle(store, ledger, 20, log=True).delivered == 0
    assert in_row(store) == 3


@pytest.mark.parametrize("state", [QueueState.REFUSED, QueueState.DELETED])
def test_silence_of_what_never_left_proves_nothing_even_where_the_log_is_not_read_any_more(
    store: Store, ledger: Ledger, state: QueueState
) -> None:
    first, second = sent(1, 0, ANN), sent(2, 1, ANN)
    ledger.write([entry_of(first), entry_of(replace(second, queue=state))])
    full(store, first)
    settle(store, ledger, 20)
    assert in_row(store) == 1


def test_silence_of_a_message_that_waits_in_the_queue_proves_nothing(
    store: Store, ledger: Ledger
) -> None:
    first, second = sent(1, 0, ANN), replace(sent(2, 1, ANN), queue=QueueState.TAKEN)
    ledger.write([entry_of(first), entry_of(second)])
    full(store, first)
    attempt = Deferral("Q2", 1, second.time, second.time, "4.4.1", "timed out")
    waits = Deferred(Delivery(ANN, second.time, second.message), attempt, None)
    store.deliverylog.record(Batch(b"", b"1", [waits]), POLICY)
    settle(store, ledger, 20, log=True)
    assert in_row(store) == 1


def test_silence_proves_nothing_of_recipients_whose_failure_is_not_reported(
    store: Store, ledger: Ledger
) -> None:
    first = sent(1, 0, ANN, BOB)
    ledger.write([entry_of(first), entry_of(replace(sent(2, 1, BOB, ANN), unreported=1))])
    full(store, first, ANN)
    full(store, first, BOB)
    assert settle(store, ledger, 20).delivered == 1
    assert (in_row(store, ANN), in_row(store, BOB)) == (1, 0)


UNNAMED = {
    "proven": {"trust": "signed", "sent": NOW + DAY},
    "by its queue id": {"trust": "unverified", "queue_id": "Q2"},
    "by its Message-ID": {"trust": "unverified", "message_id": "<2@example.org>"},
    "under a foreign address": {
        "trust": "unverified",
        "address": "ann.private@example.net",
        "queue_id": "Q2",
    },
}


@pytest.mark.parametrize("fields", UNNAMED.values(), ids=UNNAMED)
def test_silence_proves_nothing_while_a_report_of_the_message_may_be_about_anybody(
    store: Store, ledger: Ledger, fields: dict[str, object]
) -> None:
    names = {"queue_id": "Q2", "message_id": "<2@example.org>"}
    first, second = sent(1, 0, ANN, BOB), replace(sent(2, 1, ANN, BOB), **names)
    ledger.write([entry_of(first), entry_of(second)])
    full(store, first, ANN)
    full(store, first, BOB)
    event = bounce_of("", 77, second.time + 60, Reason.MAILBOX_FULL)
    record(store, [replace(event, **fields)], POLICY)
    settle(store, ledger, 20)
    assert (in_row(store, ANN), in_row(store, BOB)) == (1, 1)


def test_silence_of_other_messages_counts_beside_a_report_that_names_nobody(
    store: Store, ledger: Ledger
) -> None:
    first, second = sent(1, 0, ANN), replace(sent(2, 1, ANN), queue_id="Q2")
    ledger.write([entry_of(first), entry_of(second)])
    full(store, first)
    event = bounce_of("", 77, second.time + 60, Reason.MAILBOX_FULL)
    record(store, [replace(event, sent=second.time, queue_id="Q3")], POLICY)
    settle(store, ledger, 20)
    assert in_row(store) == 0


def test_silence_of_a_message_that_a_filter_handed_back_is_that_of_its_last_pass(
    store: Store, ledger: Ledger
) -> None:
    name = {"message_id": "<2@example.org>"}
    sends = [sent(1, 0, ANN), replace(sent(2, 1, ANN), **name), replace(sent(3, 1, ANN), **name)]
    ledger.write([entry_of(each) for each in sends])
    full(store, sends[0])
    full(store, sends[2])
    settle(store, ledger, 20)
    assert in_row(store) == 2


def test_bounced_sends_prove_nothing_and_others_leave_no_trace(
    store: Store, ledger: Ledger
) -> None:
    message = sent(1, 0, ANN, BOB)
    ledger.write([entry_of(message)])
    full(store, message)
    assert settle(store, ledger, 20) == Walked(1, 0)
    assert in_row(store) == 1
    assert store.addresses.get(BOB) is None
    assert not any(isinstance(entry, Delivered) for _, entry in store.journal.entries())


def test_each_send_is_looked_at_once_and_never_again(store: Store, ledger: Ledger) -> None:
    ledger.write([entry_of(sent(number, 0, f"u{number}@example.com")) for number in range(4500)])
    assert settle(store, ledger, 20).sends == 4500
    assert settle(store, ledger, 21).sends == 0
    ledger.write([entry_of(sent(9999, 2, ANN))])
    assert settle(store, ledger, 21).sends == 1


def test_sends_whose_bounces_go_elsewhere_prove_nothing(store: Store, ledger: Ledger) -> None:
    message, other = sent(1, 0, ANN), sent(2, 1, ANN, sender="people@example.net")
    ledger.write([entry_of(message), entry_of(other)])
    full(store, message)
    own = (DomainName("example.org"),)
    assert settle(
        store, ledger, 20, domain=DomainName("return.example.org"), sign="own", own_domains=own
    ) == Walked(2, 0)
    assert in_row(store) == 1
