"""Events from the journal: what was told once is told the same whenever it is read."""

from contextlib import closing
from hashlib import blake2b
from pathlib import Path

import pytest
from tests.events import event_of
from tests.unit.web.events.histories import DAY, START, History, locked_by, read_all

from bouncegate.config.taxonomy import Reason
from bouncegate.policy.addressstate import locks_at
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import Act, Audit, Delivered, Ruling
from bouncegate.store.audit import new_key
from bouncegate.store.store import Bounce
from bouncegate.web.events.event import Event
from bouncegate.web.events.position import Position

BEGIN = Position(0, START - 1, 0, 0)


@pytest.mark.parametrize("seed", range(25))
def test_events_read_late_are_those_that_were_told_at_once(tmp_path: Path, seed: int) -> None:
    history = History(tmp_path, seed)
    with closing(history.store):
        follower, position = history.source(), BEGIN
        at_once: list[Event] = []
        for _ in range(40):
            history.happen()
            events, position = read_all(follower, position, history.now, 100)
            at_once += events
        late, end = read_all(history.source(), BEGIN, history.now, 100)
        one_by_one, _ = read_all(history.source(), BEGIN, history.now, 1)
        assert late == at_once
        assert one_by_one == at_once
        assert end == position
        assert len({event.id for event in late}) == len(late)
        known = {
            (address, scope or None)
            for address, state in history.store.lists.locked()
            for scope, _ in locks_at(state, history.now)
        }
        assert locked_by(late) == known
        assert len(late) > 40


def test_events_of_an_address_never_go_back_in_their_sequence(tmp_path: Path) -> None:
    for seed in range(5):
        (folder := tmp_path / str(seed)).mkdir()
        history = History(folder, seed)
        with closing(history.store):
            for _ in range(60):
                history.happen()
            events, _ = read_all(history.source(), BEGIN, history.now, 100)
            for address in {event.address for event in events} - {""}:
                own = [event.sequence for event in events if event.address == address]
                assert own == sorted(own)


def types_of(history: History, now: int) -> list[tuple[str, str | None]]:
    events, _ = read_all(history.source(), BEGIN, now, 100)
    return [(one.type, one.data.get("cause") or one.data.get("effect")) for one in events]


def bounce(history: History, address: str, time: int, reason: Reason = Reason.USER_UNKNOWN) -> None:
    identity = blake2b(f"{address} {time} {reason}".encode(), digest_size=16).digest()
    event = event_of(address, time, reason, identity=identity)
    history.store.record([Bounce([event], b"")], history.policy)


def test_a_hard_bounce_tells_the_bounce_and_then_the_lock(tmp_path: Path) -> None:
    history = History(tmp_path, 0)
    with closing(history.store):
        bounce(history, "ann@example.com", START)
        events, _ = read_all(history.source(), BEGIN, START, 100)
    assert [one.type for one in events] == ["bounce.received", "address.locked"]
    assert events[0].data["effect"] == "locked"
    assert events[1].data["since"] == events[1].timestamp == "2026-09-21T14:13:20Z"
    assert events[1].data["until"] == "2027-09-21T14:13:20Z"
    assert events[1].id.startswith("mx1-1-")


def test_a_bounce_that_blames_the_sender_is_told_and_locks_nothing(tmp_path: Path) -> None:
    history = History(tmp_path, 0)
    with closing(history.store):
        bounce(history, "ann@example.com", START, Reason.SPAM_BLOCK)
        assert types_of(history, START) == [("bounce.received", "sender-to-blame")]


def test_a_lock_that_ends_by_the_clock_is_told_when_its_time_is_up(tmp_path: Path) -> None:
    history = History(tmp_path, 0)
    with closing(history.store):
        bounce(history, "ann@example.com", START)
        until = (history.store.addresses.get("ann@example.com") or EMPTY).lock
        assert until is not None
        assert ("address.unlocked", "ended") not in types_of(history, until.until - 1)
        assert types_of(history, until.until)[-1] == ("address.unlocked", "ended")


def test_an_end_is_told_before_what_comes_after_it(tmp_path: Path) -> None:
    history = History(tmp_path, 0)
    with closing(history.store):
        bounce(history, "ann@example.com", START)
        bounce(history, "ann@example.com", START + 400 * DAY)
        found = types_of(history, START + 401 * DAY)
    assert [one for one, _ in found] == [
        *("bounce.received", "address.locked", "address.unlocked"),
        *("bounce.received", "address.locked"),
    ]


@pytest.mark.parametrize(
    ("verb", "cause"), [("unlock", "unlock"), ("recover", None), ("alive", None)]
)
def test_an_act_that_frees_says_how(tmp_path: Path, verb: str, cause: str | None) -> None:
    history = History(tmp_path, 0)
    with closing(history.store):
        bounce(history, "ann@example.com", START)
        act = Act(("ann@example.com",), START + 5, verb, "bob", "is back")  # type: ignore[arg-type]
        history.store.act([act], history.policy.fold)
        events, _ = read_all(history.source(), BEGIN, START + 5, 100)
    unlocked = [one.data for one in events if one.type == "address.unlocked"]
    assert [one["cause"] for one in unlocked] == ([cause] if cause else [])
    assert [(one["by"], one["why"]) for one in unlocked] == ([("bob", "is back")] if cause else [])


def test_an_unlock_is_told_though_the_policy_of_today_would_not_have_locked(
    tmp_path: Path,
) -> None:
    """Else whoever heard of the lock would keep it for ever."""
    history = History(tmp_path, 0)
    with closing(history.store):
        for day in range(2):
            bounce(history, "ann@example.com", START + day * DAY, Reason.MAILBOX_FULL)
        act = Act(("ann@example.com",), START + 5 * DAY, "unlock", "bob")
        history.store.act([act], history.policy.fold)
        assert types_of(history, START + 5 * DAY)[-1] == ("address.unlocked", "unlock")


def test_a_delivery_that_ends_a_soft_lock_is_told(tmp_path: Path) -> None:
    history = History(tmp_path, 0)
    with closing(history.store):
        for day in range(3):
            bounce(history, "ann@example.com", START + day * DAY, Reason.MAILBOX_FULL)
        sent = Delivered(("ann@example.com",), START + 4 * DAY, START + DAY + 60, "ledger")
        history.store.act([sent], history.policy.fold)
        found = types_of(history, START + 4 * DAY)
    assert ("address.locked", None) in found
    assert found[-1] == ("address.unlocked", "delivered")


def test_an_undone_bounce_is_told_as_a_lock_and_then_as_its_end(tmp_path: Path) -> None:
    history = History(tmp_path, 0)
    with closing(history.store):
        bounce(history, "ann@example.com", START)
        history.store.void([1], Ruling("void", (), START + 9, "bob"), history.policy.fold)
        assert types_of(history, START + 9) == [
            ("bounce.received", "locked"),
            ("address.locked", None),
            ("address.unlocked", "undone"),
        ]


def test_an_address_that_was_purged_is_told_no_more(tmp_path: Path) -> None:
    history = History(tmp_path, 0)
    with closing(history.store):
        bounce(history, "ann@example.com", START)
        bounce(history, "bob@example.com", START)
        both = Act(("ann@example.com", "bob@example.com"), START + 1, "unlock", "carl")
        history.store.act([both], history.policy.fold)
        audit = Audit(new_key(START + 2), START + 2, "purge", "carl")
        history.store.purge.carry_out({"ann@example.com"}, audit)
        events, _ = read_all(history.source(), BEGIN, START + 3, 100)
    assert {one.address for one in events} == {"bob@example.com"}
