"""What is true of an address at a time is the same in every view, whatever happened to it.

The send path is the measure: it reads the lock records and nothing else. Random histories are held
against it, and each view against every other, at random times.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.events import event_of
from tests.stores import open_store

from bouncegate.admin.lists.census import SOON, Census
from bouncegate.admin.lists.check import CheckContext, CheckedAddress, ListCheck
from bouncegate.admin.lists.lines import Line
from bouncegate.admin.lists.listing import Listing
from bouncegate.admin.lists.row import Row, RowFilters
from bouncegate.admin.lists.typos import Typos
from bouncegate.admin.views.addresses import AddressView, address_view
from bouncegate.admin.views.rows import State, row_view, rows_of
from bouncegate.config.durations import Duration
from bouncegate.config.loading import loads
from bouncegate.config.taxonomy import Reason
from bouncegate.milter.refusal.decision import lock_in_force
from bouncegate.policy.fold import Policy
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import NO_END, Act, Delivered, Ruling
from bouncegate.store.locktable import LockTable
from bouncegate.store.store import Bounce, Store

DAY: Final = 86_400
BEGIN: Final = 1_790_000_000
ADDRESSES: Final = ("ann@kernel.org", "bob@kernel.org", "eve@debian.org")
DOMAIN: Final = "@debian.org"
GROUPS: Final = ("", "news.example.com", "shop.example.com")
REASONS: Final = (
    *(Reason.USER_UNKNOWN, Reason.MAILBOX_FULL, Reason.MAILBOX_FULL, Reason.SPAM_BLOCK),
    *(Reason.RATE_LIMIT, Reason.HOST_UNKNOWN, Reason.COMPLAINT),
)
POLICIES: Final = ("", '[policy.soft]\nscope = "group"\n[policy.hard]\nscope = "group"\nfailures=2')


class History:
    """A store to which things happen by chance."""

    def __init__(self, store: Store, policy: Policy, chance: Random) -> None:
        self.store = store
        self.policy = policy
        self.chance = chance
        self.now = BEGIN
        self.bounced: set[str] = set()
        self.numbers: list[int] = []

    def happen(self) -> None:
        """Something happens, some time after the last."""
        self.now += self.chance.choice((1, DAY, 20 * DAY, 200 * DAY))
        bounces = [self.bounce] * 3
        self.chance.choice([*bounces, self.lock, self.unlock, self.life, self.void])()

    def bounce(self) -> None:
        address, reason = self.chance.choice(ADDRESSES), self.chance.choice(REASONS)
        event = event_of(
            address,
            self.now,
            reason,
            identity=self.chance.randbytes(16),
            group=self.chance.choice(GROUPS),
            trust=self.chance.choice(("signed", "signed", "unverified")),
            feedback="abuse" if reason is Reason.COMPLAINT else "",
        )
        ((recorded,),) = self.store.record([Bounce([event], b"")], self.policy)
        self.numbers.append(recorded.number)
        if reason is not Reason.COMPLAINT:
            self.bounced.add(address)

    def lock(self) -> None:
        until = self.now + DAY * self.chance.choice((1, 30, 400))
        address = self.chance.choice((*ADDRESSES, DOMAIN))
        group = "" if address == DOMAIN else self.chance.choice(GROUPS)
        end = self.chance.choice((until, NO_END))
        self.act(Act((address,), self.now, "lock", "eve", until=end, group=group))

    def unlock(self) -> None:
        whom = self.chance.choice((*ADDRESSES, DOMAIN))
        self.act(Act((whom,), self.now, "unlock", "eve", group=self.chance.choice(GROUPS)))

    def life(self) -> None:
        address = self.chance.choice(ADDRESSES)
        arrived = Delivered((address,), self.now, self.now - 1, "log")
        self.act(self.chance.choice((arrived, Act((address,), self.now, "alive", "web"))))

    def void(self) -> None:
        if self.numbers:
            ruling = Ruling("void", (), self.now, by="eve")
            self.store.void([self.chance.choice(self.numbers)], ruling, self.policy.fold)

    def act(self, one: Act | Delivered) -> None:
        self.store.act([one], self.policy.fold)


class Views:
    """All views of a store at one time."""

    def __init__(self, store: Store, policy: Policy, now: int) -> None:
        self.store = store
        self.policy = policy
        self.now = now
        self.find = LockTable(store._environment).find
        self.listing = Listing(store, Providers.of(), policy, now, Duration(months=3))
        self.shown = {address: address_view(store, policy, address, now) for address in ADDRESSES}

    def of(
        self, state: State, filters: RowFilters | None = None, *, ended: bool = False
    ) -> list[Row]:
        return [*rows_of(self.listing, state, filters or RowFilters(), ended=ended)]

    def refuses(self, address: str, group: str) -> bool:
        """Whether the send path refuses mail of that group."""
        key = address.encode()
        return lock_in_force(self.find, key, self.find(key), self.now, group) is not None

    def judged(self, address: str, group: str) -> CheckedAddress:
        context = CheckContext(self.now, group=group)
        (found,) = ListCheck(self.store, Typos(()), lambda _: {}, context).check([Line(1, address)])
        return found


@contextmanager
def a_history(seed: int, length: int, toml: str) -> Iterator[History]:
    with TemporaryDirectory() as folder:
        store = open_store(Path(folder), 2**22)
        try:
            loaded = loads(toml)
            history = History(store, Policy(loaded.policy, ["signed"]), Random(seed))
            for _ in range(length):
                history.happen()
            yield history
        finally:
            store.close()


def scopes(shown: AddressView) -> set[tuple[str, str]]:
    return {(lock.lock_on, lock.scope) for lock in shown.locks}


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(1, 14),
    st.sampled_from(POLICIES),
    st.lists(st.integers(0, 500), min_size=2, max_size=3),
)
def test_every_view_says_the_same_of_an_address_at_any_time(
    seed: int, length: int, toml: str, days: list[int]
) -> None:
    with a_history(seed, length, toml) as history:
        for day in days:
            views = Views(history.store, history.policy, history.now + day * DAY)
            hold_against_the_send_path(views)
            hold_against_one_another(views, history.bounced)
            hold_the_predicted_against_check(views)
            hold_against_the_summary(views)


def hold_against_the_send_path(views: Views) -> None:
    for group in GROUPS[1:]:
        obstacles = {row.address for row in views.of(State.LOCKED, RowFilters(for_group=group))}
        for address in ADDRESSES:
            refused = views.refuses(address, group)
            of_domain = DOMAIN in obstacles and address.endswith(DOMAIN)
            assert refused == (address in obstacles or of_domain)
            assert refused == (views.judged(address, group).verdict == "locked")
            locks = views.shown[address].locks
            assert refused == any(lock.scope in ("global", f"group:{group}") for lock in locks)


def hold_the_predicted_against_check(views: Views) -> None:
    for group in GROUPS:
        rows = views.of(State.PREDICTED, RowFilters(group=group))
        judged = {a: views.judged(a, group).verdict for a in ADDRESSES}
        assert {row.address for row in rows} == {a for a in judged if judged[a] == "predicted"}


def hold_against_one_another(views: Views, bounced: set[str]) -> None:
    locked = {(row.address, row_view(row).scope) for row in views.of(State.LOCKED)}
    every_lock = views.of(State.LOCKED, ended=True)
    in_force = [view for view in map(row_view, every_lock) if view.locked]
    assert {(view.address, view.scope) for view in in_force} == locked
    detected = {row.address for row in views.of(State.DETECTED)}
    rows = {row.address: row for row in views.of(State.BOUNCED)}
    assert set(rows) == bounced
    assert bounced <= {row.address for row in views.of(State.ALL)}
    for address in ADDRESSES:
        shown, own = views.shown[address], {lock for lock in locked if lock[0] == address}
        assert {lock for lock in scopes(shown) if lock[0] == address} == own
        assert shown.locked == (shown.state == "locked") == bool(shown.locks)
        assert (address in detected) == (shown.state == "detected")
        if shown.state != "locked":
            judged = views.judged(address, "")
            assert (shown.state == "detected") == (judged.verdict == "detected")
            assert (shown.state == "bounced") == ("no bounce counts" in judged.why)
            assert address not in bounced or shown.state in ("detected", "bounced")
        if address in rows:
            row = rows[address]
            assert (row.state, row_view(row).scope) == (shown.state, shown.scope)
            assert shown.last_bounce is not None
            assert (row.in_row, row.bounces) == (shown.last_bounce.in_row, shown.bounces)
            assert max(shown.hard_in_row, shown.soft_in_row) <= shown.hard + shown.soft


def hold_against_the_summary(views: Views) -> None:
    census = Census(views.store, views.listing, views.now, lambda _: None, lambda: False)
    counts = census.take()
    locks = {row.address for row in views.of(State.LOCKED)}
    addresses = {address for address in locks if not address.startswith("@")}
    assert (counts.locked.total, counts.domains) == (len(addresses), len(locks - addresses))
    assert counts.predicted == len({row.address for row in views.of(State.PREDICTED)})
    assert counts.detected == len(views.of(State.DETECTED))
    assert counts.bounced == len(views.of(State.BOUNCED))
    later = Views(views.store, views.policy, views.now + SOON)
    free = addresses - {row.address for row in later.of(State.LOCKED)}
    assert counts.ending.total == len(free)


def test_locks_that_ended_leave_nothing_in_a_row() -> None:
    with a_history(1, 0, "") as history:
        for _ in range(3):
            history.now += DAY
            name = history.chance.randbytes(16)
            event = event_of(ADDRESSES[0], history.now, Reason.MAILBOX_FULL, identity=name)
            history.store.record([Bounce([event], b"")], history.policy)
        during = Views(history.store, history.policy, history.now)
        assert during.shown[ADDRESSES[0]].soft_in_row == 3
        after = Views(history.store, history.policy, history.now + 40 * DAY)
        shown = after.shown[ADDRESSES[0]]
        assert (shown.state, shown.soft_in_row, shown.until) == ("detected", 0, None)
        (row,) = after.of(State.LOCKED, ended=True)
        assert (row.state, row_view(row).locked) == ("ended", False)
