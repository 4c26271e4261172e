"""Everyone who bounced, whatever came of it: what counts for nobody is a bounce all the same."""

from pathlib import Path

import lmdb
import pytest
from msgspec.structs import replace
from tests.stores import open_store, store_settings

from bouncegate.admin.lists.row import Row, RowFilters
from bouncegate.config.settings import PolicySettings, RetentionSettings
from bouncegate.config.taxonomy import Blame, Reason, ReportedKind
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Act, Audit, Ruling
from bouncegate.store.errors import StoreLayout
from bouncegate.store.store import Bounce, Store
from bouncegate.store.tools.upgrade import upgrade
from bouncegate.store.tools.verify.verification import verify

from .histories import DAY, NOW, POLICY, SIGNED, addresses, bounce, record, rows

FULL = Reason.MAILBOX_FULL


def the_row(store: Store, filters: RowFilters | None = None, now: int = NOW) -> Row:
    (row,) = rows(store, "bounced", filters, now=now)
    return row


def test_bounced_has_everybody_who_bounced_and_why_it_does_not_count(store: Store) -> None:
    spam = bounce("spam@a.example", Reason.SPAM_BLOCK)
    rate = bounce("rate@a.example", Reason.RATE_LIMIT)
    unproven = replace(bounce("unproven@a.example"), trust="unverified")
    record(store, [bounce("hard@a.example"), bounce("soft@a.example", FULL), spam, rate, unproven])
    record(store, [bounce("void@a.example"), bounce("dead@b.example", Reason.HOST_UNKNOWN)])
    voided = store.history.find(lambda event: event.address == "void@a.example")
    store.void(voided, Ruling("void", (), NOW, by="eve"), POLICY.fold)
    store.act([Act(("hand@a.example",), NOW, "lock", by="root")], POLICY.fold)
    found = {
        row.address: (row.state, row.counts, row.why_not, row.blame)
        for row in rows(store, "bounced")
    }
    assert found == {
        "dead@b.example": ("bounced", False, "unconfirmed", Blame.RECIPIENT),
        "hard@a.example": ("locked", True, "", Blame.RECIPIENT),
        "rate@a.example": ("bounced", False, "sender-to-blame", Blame.SENDER),
        "soft@a.example": ("detected", True, "", Blame.RECIPIENT),
        "spam@a.example": ("bounced", False, "sender-to-blame", Blame.SENDER),
        "unproven@a.example": ("bounced", False, "unverified", Blame.RECIPIENT),
        "void@a.example": ("bounced", False, "void", Blame.RECIPIENT),
    }


def test_bounced_tells_how_often_and_how_many_in_a_row(store: Store) -> None:
    some = [bounce("ann@a.example", FULL, number=n) for n in range(2)]
    record(store, [*some, bounce("ann@a.example", Reason.SPAM_BLOCK, number=7)])
    row = the_row(store)
    assert (row.reason, row.counts) == (Reason.SPAM_BLOCK, False)
    assert (row.in_row, row.threshold) == (2, 3)
    assert row.bounces == {"soft/mailbox": 2, "blocked/security": 1}


def test_bounced_row_is_the_last_bounce_that_the_filters_select(store: Store) -> None:
    spring = bounce("ann@a.example", Reason.SPAM_BLOCK, mailing="spring")
    record(store, [spring, bounce("ann@a.example", FULL, number=1), bounce("bob@a.example")])
    assert the_row(store, RowFilters(kind=ReportedKind.SOFT)).reason is FULL
    assert the_row(store, RowFilters(kind=ReportedKind.BLOCKED)).reason is Reason.SPAM_BLOCK
    assert addresses(store, "bounced", RowFilters(kind=ReportedKind.HARD)) == ["bob@a.example"]
    assert the_row(store, RowFilters(reason=Reason.SPAM_BLOCK)).mailing == "spring"
    assert the_row(store, RowFilters(mailing="spring")).reason is Reason.SPAM_BLOCK
    assert rows(store, "bounced", RowFilters(since=NOW - DAY + 2)) == []
    assert rows(store, "bounced", RowFilters(domain="b.example")) == []


def test_bounced_in_pages_is_the_whole_list(store: Store) -> None:
    names = sorted(f"user{n}@mail{n % 7}.example" for n in range(1100))
    record(store, [bounce(name, Reason.SPAM_BLOCK) for name in names])
    found: list[str] = []
    while page := addresses(store, "bounced", after=found[-1] if found else "")[:300]:
        found += page
    assert found == names


def test_after_a_lock_of_bounces_has_ended_none_is_in_a_row(store: Store) -> None:
    record(store, [bounce("ann@a.example")])
    assert (the_row(store).state, the_row(store).in_row) == ("locked", 1)
    later = the_row(store, now=NOW + 400 * DAY)
    assert (later.state, later.until, later.scope, later.in_row) == ("detected", None, None, 0)


def test_after_a_sign_of_life_an_address_has_still_bounced(store: Store) -> None:
    record(store, [bounce("ann@a.example", FULL)])
    store.act([Act(("ann@a.example",), NOW, "alive", by="web")], POLICY.fold)
    assert addresses(store, "detected") == []
    assert (the_row(store).state, the_row(store).in_row) == ("bounced", 0)


def test_bounced_are_no_more_when_nothing_of_their_bounces_is_kept(store: Store) -> None:
    record(store, [bounce("spam@a.example", Reason.SPAM_BLOCK), bounce("ann@a.example", FULL)])
    record(store, [bounce("last@a.example", Reason.SPAM_BLOCK)])
    later = NOW + 400 * DAY
    store.retention.expire_entries(NOW, later, POLICY.fold)
    assert addresses(store, "bounced") == ["ann@a.example", "last@a.example"]
    (summed, _) = rows(store, "bounced")
    assert (summed.reason, summed.bounces) == (None, {"soft/mailbox": 1})
    store.retention.expire_addresses(later, later)
    assert addresses(store, "bounced") == ["last@a.example"]
    audit = Audit(b"k" * 16, NOW, "purge", "root")
    store.purge.carry_out({"last@a.example"}, audit)
    assert addresses(store, "bounced") == []


def test_unproven_reports_that_are_dropped_leave_no_name_behind(store: Store) -> None:
    policy = Policy(PolicySettings(), SIGNED, retention=RetentionSettings(unproven_reports=1))
    for name in ("ann@a.example", "bob@a.example", "eve@a.example"):
        event = replace(bounce(name), trust="unverified")
        store.record([Bounce([event], b"")], policy)
    assert addresses(store, "bounced") == ["eve@a.example"]


def test_store_without_the_list_of_bounced_gets_it_by_upgrade(tmp_path: Path) -> None:
    """As the version before has left it."""
    folder = tmp_path / "store"
    folder.mkdir()
    store = open_store(folder)
    record(store, [bounce("spam@a.example", Reason.SPAM_BLOCK), bounce("ann@a.example", FULL)])
    store.close()
    with lmdb.open(str(folder), max_dbs=64) as environment:
        shelves, meta = (environment.open_db(name) for name in (b"shelves", b"meta"))
        with environment.begin(write=True) as transaction:
            for name in (b"spam@a.example", b"ann@a.example"):
                assert transaction.delete(b"b" + name, db=shelves)
            transaction.put(b"layout", (2).to_bytes(4, "big"), db=meta)
    with pytest.raises(StoreLayout, match="`bouncegate store upgrade`"):
        open_store(folder)
    settings = store_settings(folder)
    assert upgrade(settings, POLICY.fold, NOW).before == 2
    assert list(verify(settings, POLICY.fold)) == []
    store = open_store(folder)
    assert addresses(store, "bounced") == ["ann@a.example", "spam@a.example"]
    store.close()
