"""Lists of addresses that one import has locked: what they have in common is read once."""

from collections import Counter

import pytest

from bouncegate.admin.lists.listing import Listing
from bouncegate.admin.lists.row import RowFilters
from bouncegate.config.durations import Duration
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import Act, Entry
from bouncegate.store import journal
from bouncegate.store.codec import decode_entry
from bouncegate.store.store import Store

from .histories import NOW, POLICY, bounce, record


def test_an_act_on_many_addresses_is_not_read_again_for_each_of_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import in no order: neighbours in the list are locked by different acts."""
    names = [f"user{n:03}@a.example" for n in range(300)]
    acts = [
        Act(tuple(names[first::100]), NOW - 9, "lock", by="root", why=f"part {first}")
        for first in range(100)
    ]
    store.act(acts, POLICY.fold)
    record(store, [bounce(names[0])])
    read = Counter[str]()

    def decoded(octets: bytes) -> Entry:
        entry = decode_entry(octets)
        read[entry.why if isinstance(entry, Act) else ""] += 1
        return entry

    monkeypatch.setattr(journal, "decode_entry", decoded)
    listing = Listing(store, Providers.of(), POLICY, NOW, Duration(months=3))
    found = [listing.with_blocked(row) for row in listing.rows("locked", RowFilters())]
    assert [row.address for row in found] == names
    assert [row.why for row in found] == [f"part {n % 100}" for n in range(300)]
    assert max(read.values()) <= 2, "once for the lock, once for the bounces"
