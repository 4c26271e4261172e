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
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.identity import identity, name_of_sent
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store

DAY = 86_400
POLICY = Policy(PolicySettings(), SIGNED)
ANN, BOB = "ann@example.com", "bob@example.com"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    settings = StoreSettings(path=tmp_path, map_size=Size(2**26))
    with closing(Store.open(settings)) as store:
        yield store


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


def settle(store: Store, ledger: Ledger, day: int, **settings: object) -> Walked:
    deliveries = Deliveries(store, ledger, replace(ReturnPathSettings(), **settings))
    return deliveries.settle(NOW + (day - 6) * DAY, NOW + day * DAY, POLICY.fold)


def in_row(store: Store, address: str = ANN) -> int:
    state = store.state(address)
    return 0 if state is None else state.soft_in_row


def test_a_send_that_no_bounce_followed_starts_the_count_anew(store: Store, ledger: Ledger) -> None:
    ledger.write([entry_of(sent(number, number - 1, ANN)) for number in (1, 2, 3)])
    full(store, sent(1, 0, ANN))
    full(store, sent(3, 2, ANN))
    assert settle(store, ledger, 6) == Walked(), "a bounce of the second could still come"
    assert in_row(store) == 2
    assert settle(store, ledger, 8) == Walked(2, 1)
    assert in_row(store) == 1, "the one before the delivery no longer counts"


def test_a_lock_on_failures_that_were_not_in_a_row_is_lifted(store: Store, ledger: Ledger) -> None:
    sends = [sent(day, day, ANN) for day in range(4)]
    ledger.write([entry_of(each) for each in sends])
    for message in (sends[0], sends[2], sends[3]):
        full(store, message)
    assert [address for address, _ in store.locks()] == [ANN]
    settle(store, ledger, 20)
    assert list(store.locks()) == []


def test_bounced_sends_prove_nothing_and_others_leave_no_trace(
    store: Store, ledger: Ledger
) -> None:
    message = sent(1, 0, ANN, BOB)
    ledger.write([entry_of(message)])
    full(store, message)
    assert settle(store, ledger, 20) == Walked(1, 0)
    assert in_row(store) == 1
    assert store.state(BOB) is None
    assert not any(isinstance(entry, Delivered) for _, entry in store.journal())


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
    assert settle(store, ledger, 20, sign="own", own_domains=own) == Walked(2, 0)
    assert in_row(store) == 1
