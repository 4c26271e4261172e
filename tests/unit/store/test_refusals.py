"""Refused recipients in the ledger: what is counted together, for how long, and within bounds."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bouncegate.config.settings import LedgerSettings, StoreSettings
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import Size
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.refusals import REFUSED, Dropped, Refusal, Refusals, Refused, RefusedRecipient
from bouncegate.store.tools.verify.ledger import LedgerCheck

DAY = 86_400
NOW = 20_000 * DAY + 3600
ANN, BOB = "ann@b.example", "bob@b.example"
LEDGER = LedgerSettings(max_size=Size(2**26))


def refused(*addresses: str, time: int = NOW, mailing: str = "spring", group: str = "") -> Refused:
    recipients = tuple(RefusedRecipient(one, "user-unknown", 7) for one in addresses)
    return Refused(time, "news@example.org", recipients, mailing, group, header_seen=True)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger.open(StoreSettings(path=tmp_path), LEDGER, readonly=False)) as ledger:
        yield ledger


def known(ledger: Ledger, since: int = 0, until: int = 0) -> list[tuple[str, str, int]]:
    found = ledger.refusals.between(since, until)
    return sorted((one.address, one.mailing, one.count) for one in found)


def test_refusals_of_one_address_mailing_and_day_are_one_record(ledger: Ledger) -> None:
    ledger.write([], [refused(ANN, BOB, time=NOW + n) for n in range(5)])
    ledger.write([], [refused(ANN, mailing="autumn"), refused(ANN, time=NOW + DAY)])
    assert ledger.space().entries["refused"] == 4
    spring, autumn, later = sorted(
        ledger.refusals.of_address(ANN), key=lambda one: (one.first, -one.count)
    )
    assert (spring.count, spring.first, spring.last) == (5, NOW, NOW + 4)
    assert (autumn.mailing, autumn.count) == ("autumn", 1)
    assert (later.first, later.ref, later.known_reason) == (NOW + DAY, 7, Reason.USER_UNKNOWN)
    assert [one.count for one in ledger.refusals.of_address(BOB)] == [5]
    assert ledger.refusals.of_address("eve@b.example") == []


def test_refusals_of_an_address_are_found_on_each_of_many_days(ledger: Ledger) -> None:
    others = [f"reader{n}@b.example" for n in range(50)]
    for day in range(30):
        ledger.write([], [refused(*others, time=NOW + day * DAY)])
        if day % 3 == 0:
            ledger.write([], [refused(ANN, time=NOW + day * DAY)])
    assert [one.first for one in ledger.refusals.of_address(ANN)] == [
        NOW + day * DAY for day in range(0, 30, 3)
    ]


def test_refusals_between_two_times(ledger: Ledger) -> None:
    ledger.write([], [refused(ANN, time=NOW), refused(BOB, time=NOW + 2 * DAY)])
    assert known(ledger) == [(ANN, "spring", 1), (BOB, "spring", 1)]
    assert known(ledger, since=NOW + 1) == [(BOB, "spring", 1)]
    assert known(ledger, until=NOW + DAY) == [(ANN, "spring", 1)]
    assert known(ledger, until=NOW) == []


def test_old_refusals_expire_by_day_with_the_sends(ledger: Ledger) -> None:
    ledger.write([], [refused(ANN, time=NOW), refused(BOB, time=NOW + DAY)])
    assert ledger.expire(NOW + 3600) == 0, "the day is not over"
    assert ledger.expire(NOW + DAY) == 1
    assert known(ledger) == [(BOB, "spring", 1)]
    assert ledger.refusals.dropped() == Dropped(), "their time was up"


def test_purge_takes_an_address_out_of_sends_and_refusals(ledger: Ledger) -> None:
    sent = Sent(NOW, b"message1", "news@example.org", (ANN, BOB))
    ledger.write([entry_of(sent)], [refused(ANN, BOB), refused(ANN, time=NOW + DAY)])
    assert ledger.forget_recipients({ANN}) == 1
    assert known(ledger) == [(BOB, "spring", 1)]


def test_beyond_the_bound_the_oldest_go_first_and_are_counted(ledger: Ledger) -> None:
    bounded = Refusals(ledger.environment, most=10)
    with ledger.environment.begin(write=True) as transaction:
        for day in range(4):
            names = [f"reader{n}@b.example" for n in range(5)]
            some = refused(*names, time=NOW + day * DAY)
            bounded.add(transaction, [some, some])
    assert ledger.space().entries["refused"] == 10
    assert {one.first for one in bounded.between(0, 0)} == {NOW + 2 * DAY, NOW + 3 * DAY}
    assert bounded.dropped() == Dropped(20, NOW - 3600 + 2 * DAY)


def test_refusals_take_no_more_than_their_part_of_a_small_map(tmp_path: Path) -> None:
    small = LedgerSettings(max_size=Size(2**22))
    with closing(Ledger.open(StoreSettings(path=tmp_path), small, readonly=False)) as ledger:
        for turn in range(60):
            names = [f"reader{turn}-{n}@b.example" for n in range(400)]
            ledger.write([], [refused(*names, time=NOW + turn)])
        assert ledger.space().sizes["refused"] <= 2**22 / 4
        assert ledger.refusals.dropped().refusals > 10_000


def test_ledger_of_an_earlier_version_is_read_without_refusals_and_then_written(
    tmp_path: Path,
) -> None:
    store = StoreSettings(path=tmp_path)
    with closing(Ledger.open(store, LEDGER, readonly=False)) as ledger:
        ledger.write([entry_of(Sent(NOW, b"message1", "news@example.org", (ANN,)))])
        with ledger.environment.begin(write=True) as transaction:
            transaction.drop(ledger.environment.open_db(REFUSED, txn=transaction), delete=True)
    with closing(Ledger.open(store, LEDGER)) as ledger:
        assert (known(ledger), ledger.refusals.of_address(ANN)) == ([], [])
        assert ledger.refusals.dropped() == Dropped()
        assert ledger.space().entries["sent"] == 1
        assert list(LedgerCheck(ledger.environment).differences()) == []
    with closing(Ledger.open(store, LEDGER, readonly=False)) as ledger:
        ledger.write([], [refused(ANN)])
        assert known(ledger) == [(ANN, "spring", 1)]


def test_verification_finds_a_damaged_refusal(ledger: Ledger) -> None:
    ledger.write([], [refused(ANN)])
    assert list(LedgerCheck(ledger.environment).differences()) == []
    with ledger.environment.begin(write=True) as transaction:
        table = ledger.environment.open_db(REFUSED, txn=transaction)
        transaction.put(bytes(20), b"\x00", db=table)
    (found,) = LedgerCheck(ledger.environment).differences()
    assert found.table == "ledger refused"


def test_reason_of_a_later_version_is_undefined() -> None:
    later = Refusal(ANN, "", "", "", "made-up", 1, 1, NOW, NOW)
    assert later.known_reason is Reason.UNDEFINED
