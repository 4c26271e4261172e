"""When addresses were last mailed: who is called stale may be refused, so it must be true."""

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from bouncegate.config.settings import PolicySettings, StoreSettings
from bouncegate.config.values import Size
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Act
from bouncegate.store.entry import KEY
from bouncegate.store.lastmailed import DAY, key_of
from bouncegate.store.layout import USED, USED_BY_DAY
from bouncegate.store.store import Store

FOLD = Policy(PolicySettings(), ()).fold


def no_fault(address: str) -> str:
    return ""


def learn(store: Store, days: dict[str, int]) -> None:
    store.lastmailed.record(days, no_fault)


def stale(store: Store, day: int, after: str = "") -> list[tuple[str, int]]:
    return [(used.address, used.day) for used in store.lastmailed.stale(day, after)]


def test_stale_ones_come_the_longest_ago_first(store: Store) -> None:
    learn(store, {"b@b.de": 3, "a@b.de": 3, "c@a.de": 1, "new@a.de": 9})
    assert stale(store, 8) == [("c@a.de", 1), ("a@b.de", 3), ("b@b.de", 3)]
    assert stale(store, 2) == [("c@a.de", 1)]


def test_a_later_message_counts_and_an_earlier_one_that_is_told_late_does_not(
    store: Store,
) -> None:
    learn(store, {"a@b.de": 3})
    learn(store, {"a@b.de": 7})
    learn(store, {"a@b.de": 5})
    assert stale(store, 9) == [("a@b.de", 7)]
    assert store.lastmailed.day("a@b.de") == 7
    assert store.lastmailed.day("nobody@b.de") is None


def test_pages_behind_one_another_are_the_whole_list(store: Store) -> None:
    days = {f"user{n:04}@mail{n % 5}.de": n % 3 for n in range(1500)}
    learn(store, days)
    whole = stale(store, 5)
    assert dict(whole) == days
    assert stale(store, 5, whole[700][0]) == whole[701:]
    assert [a for n in range(5) for a in store.lastmailed.in_domain(f"mail{n}.de")] == sorted(
        days, key=key_of
    )
    assert next(store.lastmailed.in_domain("mail1.de", "user0501@mail1.de")) == "user0506@mail1.de"
    assert list(store.lastmailed.in_domain("mail")) == []


def test_a_page_behind_an_address_that_was_mailed_meanwhile_leaves_nobody_out(store: Store) -> None:
    learn(store, {f"user{n}@b.de": n for n in range(6)})
    learn(store, {"user1@b.de": 400})
    left = [("user0@b.de", 0), *((f"user{n}@b.de", n) for n in range(2, 6))]
    assert stale(store, 300, "user1@b.de") == left
    assert stale(store, 300, "unknown@b.de") == left


def test_a_sign_of_life_and_an_unlock_are_as_good_as_a_message(store: Store) -> None:
    learn(store, {"a@b.de": 3, "b@b.de": 3, "c@b.de": 3})
    store.act([Act(("a@b.de", "x@b.de"), 8 * DAY, "alive", by="tracker")], FOLD)
    store.act([Act(("b@b.de",), 7 * DAY, "unlock", by="root")], FOLD)
    store.act([Act(("c@b.de",), 7 * DAY, "lock", by="root")], FOLD)
    assert stale(store, 9) == [("c@b.de", 3), ("b@b.de", 7), ("a@b.de", 8)]
    store.lastmailed.note_alive(["c@b.de", "x@b.de"], 9 * DAY)
    assert store.lastmailed.day("c@b.de") == 9
    assert store.lastmailed.day("x@b.de") is None


def test_what_is_wrong_with_a_new_address_is_remembered(store: Store) -> None:
    store.lastmailed.record({"a@b.de": 3, "x@y": 3}, lambda a: "no dot" if "." not in a else "")
    assert list(store.lastmailed.invalid()) == [("x@y", "no dot")]
    assert store.lastmailed.fault("x@y") == "no dot"
    assert store.lastmailed.fault("a@b.de") == ""
    store.lastmailed.note_invalid([("v@w", "no dot")])
    assert list(store.lastmailed.invalid("v@w")) == [("x@y", "no dot")]


def test_what_was_mailed_too_long_ago_is_forgotten(store: Store) -> None:
    store.lastmailed.record(
        {"a@b.de": 3, "x@y": 1, "b@b.de": 5}, lambda a: "" if "." in a else "no dot"
    )
    assert store.lastmailed.expire(5) == 2
    assert store.lastmailed.expire(5) == 0
    assert stale(store, 9) == [("b@b.de", 5)]
    assert list(store.lastmailed.invalid()) == []


LOCALS = st.text(st.characters(codec="utf-8", exclude_characters="\0@"), min_size=1, max_size=9)


@settings(deadline=None)
@given(st.lists(st.tuples(LOCALS, st.integers(0, 5)), max_size=20))
def test_the_two_tables_always_agree(steps: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as folder:
        place = StoreSettings(path=Path(folder), map_size=Size(2**24))
        with closing(Store.open(place)) as store:
            latest: dict[str, int] = {}
            for local, day in steps:
                learn(store, {f"{local}@b.de": day})
                latest[f"{local}@b.de"] = max(day, latest.get(f"{local}@b.de", 0))
            assert dict(stale(store, 9)) == latest


def test_the_first_day_stays_and_a_record_without_one_means_its_only_day(
    store: Store,
) -> None:
    environment = store._environment
    usage = store.lastmailed
    old = environment.open_db(USED, create=False)
    by_day = environment.open_db(USED_BY_DAY, dupsort=True, create=False)
    day = (19_000).to_bytes(2, "big")
    with environment.begin(write=True) as transaction:
        transaction.put(key_of("old@example.com"), day, db=old)
        transaction.put(day, key_of("old@example.com"), db=by_day)
    with environment.begin() as transaction:
        assert usage.mailed(transaction, "old@example.com") == (19_000, None, 0)
    place = KEY.pack(19_100 * DAY + 5, bytes(8), 0)
    usage.record({"old@example.com": 19_100, "new@example.com": 19_100}, lambda _: "", place)
    with environment.begin() as transaction:
        assert usage.mailed(transaction, "old@example.com") == (19_000, 19_000, 19_100)
        assert usage.mailed(transaction, "new@example.com") == (19_100, 19_000, 19_100)
        assert usage.mailed(transaction, "nobody@example.com") == (None, 19_000, 19_100)
    assert usage.day("old@example.com") == 19_100
    assert [used.address for used in usage.stale(19_000)] == []
