"""The line to the ledger: a disk that stalls or is full costs proof, and never a message."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bouncegate.config.settings import LedgerSettings, Settings, StoreSettings
from bouncegate.milter.scribe import Line, Overflow, SentRaw, _Scribe
from bouncegate.store.ledger import Ledger

NOW = 1_790_000_000


def raw(number: int, recipients: int = 1) -> SentRaw:
    addresses = [f"<Reader{n}@Example.com>".encode() for n in range(recipients)]
    return SentRaw(NOW, number.to_bytes(8, "big"), "news@example.org", addresses, queue_id="Q1")


@pytest.fixture
def line() -> Iterator[Line]:
    with closing(Line()) as line:
        yield line


def fill(line: Line) -> None:
    """Hand over more than any buffer holds."""
    for number in range(100_000):
        line.send(raw(number))


def test_a_scribe_that_does_not_read_is_an_error_at_once_and_nobody_waits(line: Line) -> None:
    with pytest.raises(Overflow, match="sends are not recorded"):
        fill(line)
    assert line.drain()
    line.send(raw(1))


def test_what_was_handed_over_is_found_under_canonical_addresses(
    tmp_path: Path, line: Line
) -> None:
    settings = Settings(store=StoreSettings(path=tmp_path))
    line.send(raw(1, recipients=2500))
    ledger = Ledger.open(settings.store, LedgerSettings(), readonly=False)
    _Scribe(settings, ledger).write(line.drain())
    sent = ledger.by_message(NOW, (1).to_bytes(8, "big"))
    ledger.close()
    assert sent is not None
    assert sent.recipients[0] == "reader0@example.com"
    assert len(sent.recipients) == 2500, "of all the parts of a large message"
