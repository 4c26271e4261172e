"""The plan of an unlock by rights: what is freed, what is kept and why, of whom nothing is."""

from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.events import event_of
from tests.stores import open_store

from bouncegate.admin.lists.audit import Who, audit_of
from bouncegate.admin.lists.listing import Listing
from bouncegate.admin.lists.unlocking import ALL_RIGHTS, ForceRule, plan_unlock, rights_of_command
from bouncegate.config.durations import Duration
from bouncegate.config.settings import PolicySettings, Trust
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.fold import Policy
from bouncegate.policy.protection import Right
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import NO_END, Act, Origin
from bouncegate.store.store import Bounce, Store

NOW = 1_790_000_000
SIGNED: tuple[Trust, ...] = ("signed",)
POLICY = Policy(PolicySettings(), SIGNED)
BY = {
    "soft@a.test": "soft",
    "hard@a.test": "hard",
    "hand@a.test": "manual",
    "imported@a.test": "manual",
    "gone@a.test": "complaint",
}


def lock(store: Store, address: str, origin: Origin, reason: Reason) -> None:
    act = Act((address,), NOW, "lock", "desk", "", NO_END, reason=reason, origin=origin)
    store.act([act], POLICY.fold)


def fill(store: Store) -> None:
    bounces = [
        *(("soft@a.test", NOW - (9 - day) * 86_400, Reason.MAILBOX_FULL) for day in range(5)),
        ("hard@a.test", NOW - 60, Reason.USER_UNKNOWN),
    ]
    for number, bounce in enumerate(bounces):
        event = replace(event_of(*bounce), identity=bytes([number]) * 16)
        store.record([Bounce([event], b"")], POLICY)
    lock(store, "hand@a.test", Origin.MANUAL, Reason.OPERATOR)
    lock(store, "imported@a.test", Origin.IMPORTED, Reason.MAILBOX_FULL)
    lock(store, "gone@a.test", Origin.IMPORTED, Reason.UNSUBSCRIBED)
    lock(store, "@dead.test", Origin.MANUAL, Reason.OPERATOR)


@pytest.mark.parametrize(
    "rights",
    [
        {"soft"},
        {"soft", "hard"},
        {"soft", "manual"},
        rights_of_command(force=False, unlock_hard=False),
        rights_of_command(force=False, unlock_hard=True),
        ALL_RIGHTS,
    ],
    ids=lambda rights: "+".join(sorted(rights)),
)
def test_plan_unlock_frees_what_the_rights_allow(tmp_path: Path, rights: set[Right]) -> None:
    with closing(open_store(tmp_path)) as store:
        fill(store)
        listing = Listing(store, Providers.of(()), POLICY, NOW, Duration(months=3))
        rule = ForceRule(store, POLICY.fold, NOW, rights)
        keys = [*BY, "ann@dead.test", "nobody@a.test"]
        plan = plan_unlock(store, listing, keys, rule)
        freed = {target.address for target in plan.free}
        assert freed == {address for address, right in BY.items() if right in rights}
        assert plan.kept.left == len(BY) - len(freed)
        assert set(plan.kept.left_by) == set(BY.values()) - set(rights)
        assert (plan.domain_only, plan.not_locked) == (["ann@dead.test"], ["nobody@a.test"])
        store.act(list(plan.acts(Act((), NOW, "unlock", "desk", condition="as-seen"))), POLICY.fold)
        left = {row.address for key in BY for row in listing.locks_of(key)}
        assert left == set(BY) - freed


def test_audit_says_by_which_face_and_token_and_keeps_one_line() -> None:
    who = Who("ann\n", user="ann", client="192.0.2.7", via="api", token="shop\x1b")
    record = audit_of("unlock", NOW, who, why="asked", targets=["b@a.test", "a@a.test"])
    assert (record.via, record.token, record.by) == ("api", "shop\\x1b", "ann\\x0a")
    assert (record.targets, record.count) == (("a@a.test", "b@a.test"), 2)


@pytest.mark.parametrize(("rights", "freed"), [({"soft"}, 0), ({"soft", "manual"}, 1)])
def test_a_lock_by_hand_over_a_soft_one_needs_the_right_for_both(
    tmp_path: Path, rights: set[Right], freed: int
) -> None:
    with closing(open_store(tmp_path)) as store:
        fill(store)
        lock(store, "soft@a.test", Origin.MANUAL, Reason.OPERATOR)
        listing = Listing(store, Providers.of(()), POLICY, NOW, Duration(months=3))
        plan = plan_unlock(
            store, listing, ["soft@a.test"], ForceRule(store, POLICY.fold, NOW, rights)
        )
        assert len(plan.free) == freed
        assert plan.kept.left_by == ({} if freed else {"manual": 1})
