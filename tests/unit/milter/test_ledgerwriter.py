"""The line to the ledger: a disk that stalls or is full costs proof, and never a message."""

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from bouncegate.config.durations import Duration
from bouncegate.config.settings import LedgerSettings, Settings, StoreSettings
from bouncegate.milter.ledgerqueue import MOST_AT_ONCE, LedgerQueue, QueueFull
from bouncegate.milter.ledgerwriter import Expiry, write_ledger
from bouncegate.policy.clock import Moment
from bouncegate.store.clock import TrustedClock
from bouncegate.store.entry import Entry, Sent, entry_of
from bouncegate.store.ledger import EXPIRE_AT_ONCE, Ledger

NOW = 1_790_000_000


def sent(number: int, recipients: int = 1, at: int = NOW) -> Sent:
    addresses = tuple(f"reader{n}@example.com" for n in range(recipients))
    return Sent(at, number.to_bytes(8, "big"), "news@example.org", addresses, queue_id="Q1")


@pytest.fixture
def ledger_queue() -> Iterator[LedgerQueue]:
    with closing(LedgerQueue()) as line:
        yield line


def fill(ledger_queue: LedgerQueue) -> None:
    """Hand over more than any buffer holds."""
    for number in range(100_000):
        ledger_queue.send(sent(number))


def test_a_ledger_writer_that_does_not_read_is_an_error_at_once_and_nobody_waits(
    ledger_queue: LedgerQueue,
) -> None:
    with pytest.raises(QueueFull, match="sends are not recorded"):
        fill(ledger_queue)
    assert ledger_queue.drain()
    ledger_queue.send(sent(1))


def test_a_large_message_goes_over_in_parts(ledger_queue: LedgerQueue) -> None:
    ledger_queue.send(sent(1, recipients=2500))
    entries = [one for one in ledger_queue.gather(0) if isinstance(one, Entry)]
    assert [entry.domains for entry in entries] == [
        {"example.com": 1000},
        {"example.com": 1000},
        {"example.com": 500},
    ]
    assert [len(entry.names) for entry in entries] == [1, 0, 0]


def test_no_commit_is_made_larger_than_it_may_be(ledger_queue: LedgerQueue) -> None:
    entries: list[Entry] = []
    with pytest.raises(QueueFull):
        fill(ledger_queue)
    while some := ledger_queue.gather(0):
        assert len(some) <= MOST_AT_ONCE
        entries += (one for one in some if isinstance(one, Entry))
    assert [entry.key for entry in entries] == [entry_of(sent(n)).key for n in range(len(entries))]


def test_old_sends_are_forgotten_a_few_at_a_time_until_all_are_gone(
    tmp_path: Path, ledger_queue: LedgerQueue, caplog: pytest.LogCaptureFixture
) -> None:
    """An hour's worth at once would take so long that the line fills up."""
    caplog.set_level("INFO")
    settings = Settings(
        store=StoreSettings(path=tmp_path), ledger=LedgerSettings(keep=Duration(seconds=3600))
    )
    with closing(Ledger.open(settings.store, settings.ledger, readonly=False)) as ledger:
        ledger.write([entry_of(sent(n, at=NOW - 3601)) for n in range(EXPIRE_AT_ONCE + 1)])
        ledger.write([entry_of(sent(0))])
        clock = TrustedClock(logging.getLogger("test"), lambda: Moment(NOW, 0))
        ledger.clock.accept(Moment(NOW, 0))
        expiry = Expiry(settings, clock)
        expiry.go_on(ledger, 0)
        assert expiry.goes_on
        assert not caplog.records
        expiry.go_on(ledger, 0)
        assert not expiry.goes_on
        assert [record.getMessage() for record in caplog.records] == [
            f"expired {EXPIRE_AT_ONCE + 1} ledger entries"
        ]
        assert ledger.by_message(NOW, bytes(8)) == sent(0)


class Lines:
    """A line that hands over some sends, something happens, then others, and SIGTERM comes."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self.meanwhile = meanwhile
        self.turns = iter(range(3))

    def gather(self, _: float) -> list[Entry]:
        turn = next(self.turns)
        if turn == 2:
            signal.raise_signal(signal.SIGTERM)
            return []
        if turn == 1:
            self.meanwhile()
        return [entry_of(sent(turn))]

    def drain(self) -> list[Entry]:
        return []


def test_ledger_that_is_deleted_is_opened_again_and_no_send_is_lost(tmp_path: Path) -> None:
    settings = Settings(store=StoreSettings(path=tmp_path), ledger=LedgerSettings(enabled=True))
    before = signal.getsignal(signal.SIGTERM)
    lines = Lines((tmp_path / "ledger" / "data.mdb").unlink)
    try:
        write_ledger(settings, cast(LedgerQueue, lines))
    finally:
        signal.signal(signal.SIGTERM, before)
    with closing(Ledger.open(settings.store, settings.ledger)) as ledger:
        assert ledger.by_message(NOW, (1).to_bytes(8, "big")) == sent(1)
