"""The ledger of sends: what it remembers, for how long, and that it never outgrows its bounds."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from bouncegate.config.settings import LedgerSettings, StoreSettings
from bouncegate.config.values import Size
from bouncegate.store.entry import QueueState, Seen, Sent, entry_of, entry_with, parts_of
from bouncegate.store.errors import StoreMissing
from bouncegate.store.ledger import EXPIRE_AT_ONCE, Ledger
from bouncegate.store.sendrates import ALL_DOMAINS, RATES, rate_key
from bouncegate.store.tools.verify.ledger import LedgerCheck

NOW = 1_790_000_000


def sent(number: int, time: int = NOW, part: int = 0, domain: str = "example.com") -> Sent:
    return Sent(
        time,
        number.to_bytes(8, "big"),
        "news@example.org",
        (f"u{number}-{part}@{domain}",),
        queue_id=f"Q{number}",
        message_id=f"<{number}@example.org>",
        part=part,
    )


def write(ledger: Ledger, *sends: Sent) -> None:
    """Write them at once, as the ledger writer does."""
    ledger.write([entry_of(sent) for sent in sends])


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    settings = LedgerSettings(max_size=Size(2**23))
    with closing(Ledger.open(StoreSettings(path=tmp_path), settings, readonly=False)) as ledger:
        yield ledger


def test_a_send_is_found_by_its_token_its_queue_id_and_its_message_id(ledger: Ledger) -> None:
    write(ledger, sent(1), sent(2))
    assert ledger.by_message(NOW, (1).to_bytes(8, "big")) == sent(1)
    assert ledger.by_name(["", "unknown", "Q2"]) == sent(2)
    assert ledger.by_name(["<1@example.org>"]) == sent(1)
    assert ledger.by_message(NOW, bytes(8)) is None
    assert ledger.by_name(["Q3"]) is None


def test_recipients_of_whom_no_failure_is_reported_stay_known_in_parts_and_after_a_purge(
    ledger: Ledger,
) -> None:
    recipients = tuple(f"u{number}@example.com" for number in range(2500))
    large = msgspec.structs.replace(sent(1), recipients=recipients, unreported=1200)
    parts = list(parts_of(large))
    assert [part.unreported for part in parts] == [0, 700, 500]
    assert large.reported == recipients[:1300]
    assert tuple(to for part in parts for to in part.reported) == large.reported
    write(ledger, *parts)
    assert ledger.by_name(["Q1"]) == large
    for gone, left in (("u1@example.com", 1200), ("u1300@example.com", 1199)):
        ledger.forget_recipients({gone})
        found = ledger.by_name(["Q1"])
        assert found is not None
        assert found.unreported == left
        assert "u1299@example.com" in found.reported
        assert "u1301@example.com" not in found.reported


def test_what_the_log_tells_of_a_message_is_kept_with_all_its_parts(ledger: Ledger) -> None:
    recipients = tuple(f"u{number}@example.com" for number in range(1500))
    large = msgspec.structs.replace(sent(1), recipients=recipients)
    write(ledger, *parts_of(large), sent(2), sent(3))
    names = {number: (NOW, number.to_bytes(8, "big")) for number in (1, 2, 9)}
    refused, taken = QueueState.REFUSED, QueueState.TAKEN
    ledger.note_queue({names[1]: Seen(refused), names[2]: Seen(taken, 3), names[9]: Seen(taken)})
    states = [entry.queue for _, entry in ledger.walk(b"", NOW + 1, 10)]
    assert states == [refused, refused, taken, QueueState.UNKNOWN]
    assert ledger.rates.sends(["example.com"], NOW, NOW) == 2, "what was refused is no send"
    ledger.note_queue({names[1]: Seen(taken)})
    ledger.note_queue({})
    assert ledger.rates.sends(["example.com"], NOW, NOW) == 1502


def test_entries_of_an_earlier_version_are_read(ledger: Ledger) -> None:
    value = msgspec.msgpack.encode([NOW, b"message1", "news@example.org", ["ann@example.com"]])
    entry = entry_with(value)
    ledger.write([entry])
    found = ledger.by_message(NOW, b"message1")
    assert found is not None
    assert found.reported == found.recipients == ("ann@example.com",)
    assert found.queue is QueueState.UNKNOWN


def test_a_message_in_parts_comes_back_with_all_its_recipients(ledger: Ledger) -> None:
    recipients = tuple(f"u{number}@example.com" for number in range(2500))
    large = msgspec.structs.replace(sent(1), recipients=recipients)
    write(ledger, *parts_of(large), sent(2))
    assert ledger.by_name(["Q1"]) == large
    assert ledger.rates.sends(["example.com"], NOW, NOW) == 2501


def test_sends_are_counted_by_domain_and_hour(ledger: Ledger) -> None:
    write(ledger, sent(1), sent(2, domain="example.net"), sent(3, time=NOW - 7200))
    assert ledger.rates.sends(["example.com"], NOW - 7200, NOW) == 2
    assert ledger.rates.sends(["example.com"], NOW, NOW) == 1
    assert ledger.rates.sends(["example.com", "example.net"], NOW - 7200, NOW) == 3
    assert ledger.rates.sends(["example.org"], NOW - 7200, NOW) == 0


def test_all_sends_of_an_hour_are_counted_whatever_their_domain(ledger: Ledger) -> None:
    assert ledger.rates.total(NOW, NOW) is None, "nothing is known before the first send"
    write(ledger, sent(1), sent(2, domain="example.net"), sent(3, time=NOW - 7200))
    assert ledger.rates.total(NOW - 7200, NOW) == 3
    assert ledger.rates.total(NOW, NOW) == 2
    assert ledger.rates.total(0, 3600) == 0
    ledger.note_queue({(NOW, (2).to_bytes(8, "big")): Seen(QueueState.REFUSED)})
    assert ledger.rates.total(NOW - 7200, NOW) == 2, "what was refused is no send"
    ledger.expire(NOW)
    assert ledger.rates.total(NOW - 7200, NOW) == 1


@pytest.mark.parametrize("domain", ["*", "@", ""])
def test_no_domain_of_a_recipient_is_taken_for_all_of_them(ledger: Ledger, domain: str) -> None:
    write(ledger, sent(1), sent(2, domain=domain))
    assert ledger.rates.total(NOW, NOW) == 2


def test_ledger_of_an_earlier_version_counts_all_sends_from_its_next_hour_on(
    ledger: Ledger,
) -> None:
    write(ledger, sent(1))
    with ledger.environment.begin(write=True) as transaction:
        rates = ledger.environment.open_db(RATES, txn=transaction)
        for key in [
            key for key, _ in transaction.cursor(rates) if key.startswith(ALL_DOMAINS.encode())
        ]:
            transaction.delete(key, db=rates)
    assert ledger.rates.total(NOW, NOW) is None
    write(ledger, sent(2))
    assert ledger.rates.total(NOW, NOW) is None
    write(ledger, sent(3, time=NOW + 3600))
    assert ledger.rates.total(NOW + 3600, NOW + 3600) == 1


def test_verification_holds_the_totals_against_the_sends(ledger: Ledger) -> None:
    write(ledger, *(sent(n, time=NOW + 3600 * n) for n in range(4)))
    assert list(LedgerCheck(ledger.environment).differences()) == []
    with ledger.environment.begin(write=True) as transaction:
        rates = ledger.environment.open_db(RATES, txn=transaction)
        hour = (NOW + 3600) // 3600
        transaction.put(rate_key(ALL_DOMAINS, hour), b"\0\0\0\5", db=rates)
    (found,) = LedgerCheck(ledger.environment).differences()
    assert (found.table, found.key) == ("ledger rates", ALL_DOMAINS)
    assert "says 5, there are 1" in found.problem


def test_what_is_too_old_is_forgotten_with_its_names(ledger: Ledger) -> None:
    write(ledger, *(sent(n, time=NOW - 7200 + n % 2 * 7200) for n in range(1000)))
    assert ledger.expire(NOW) == 500
    assert ledger.rates.sends(["example.com"], NOW - 7200, NOW) == 500
    assert ledger.by_name(["Q0", "<0@example.org>"]) is None
    assert ledger.by_name(["Q1"]) == sent(1)


def test_a_name_that_came_again_stays_known_when_the_older_send_goes(ledger: Ledger) -> None:
    # Postfix uses short queue ids again.
    old, new = sent(1, time=NOW - 100), sent(1)
    write(ledger, old)
    write(ledger, new)
    ledger.expire(NOW)
    assert ledger.by_name(["Q1"]) == new


def test_of_two_sends_with_one_name_in_one_commit_the_later_keeps_it(ledger: Ledger) -> None:
    old, new = sent(1, time=NOW - 1), sent(1)
    write(ledger, new, old)
    assert ledger.by_name(["Q1"]) == new


def test_expiry_pauses_after_some_so_that_nobody_waits_for_its_end(ledger: Ledger) -> None:
    write(ledger, *(sent(n, time=NOW - 100) for n in range(EXPIRE_AT_ONCE + 1)))
    assert [ledger.expire(NOW) for _ in range(3)] == [EXPIRE_AT_ONCE, 1, 0]


def test_the_oldest_sends_go_when_there_is_no_room_left(ledger: Ledger, tmp_path: Path) -> None:
    for first in range(0, 60_000, 100):
        write(ledger, *(sent(n, time=NOW + n) for n in range(first, first + 100)))
    assert ledger.by_name(["Q0", "Q20000"]) is None
    assert ledger.by_name(["Q59999"]) is not None, "the newest stay"
    assert ledger.by_name(["Q58000"]) is not None
    assert (tmp_path / "ledger" / "data.mdb").stat().st_size <= 2**23


def test_a_ledger_that_nobody_has_made_yet_is_missing_and_no_damage(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing):
        Ledger.open(StoreSettings(path=tmp_path), LedgerSettings())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for somebody else")
def test_what_root_makes_belongs_to_the_user_of_the_daemons(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    settings = StoreSettings(path=tmp_path)
    Ledger.open(settings, LedgerSettings(), readonly=False).close()
    made = [tmp_path / "ledger", *(tmp_path / "ledger").iterdir()]
    assert {path.stat().st_uid for path in made} == {65534}
