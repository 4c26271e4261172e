"""Removing what is stored about one address, for the page and the interface."""

from msgspec import Struct

from bouncegate.admin.ledgers import ledger_for_reading
from bouncegate.admin.lists.audit import audit_of
from bouncegate.admin.views.values import iso
from bouncegate.policy.addressstate import locks_at
from bouncegate.store.errors import StoreMissing
from bouncegate.store.purge import Found
from bouncegate.web.acts import Asking


class PurgedView(Struct):
    """What was removed, in numbers, and what stays."""

    address: str
    removed: dict[str, int]
    """Kind of record -> how many: empty if nothing was stored."""
    locked: bool
    """Whether it stays locked: a salted hash of it is kept for that."""
    until: str | None
    """When that ends; null: without end, or not locked."""


def purge(asking: Asking, address: str) -> PurgedView:
    """Remove all of it, in the store and in the ledger. Raises StoreError."""
    store, addresses = asking.site.store, frozenset({address})
    found = store.purge.find(addresses)
    removed = _numbers(found) | _forgotten(asking, address)
    if not removed:
        return PurgedView(address, {}, locked=False, until=None)
    audit = audit_of("purge", asking.now, asking.who, why=asking.why, count=1)
    left = store.purge_addresses(addresses, audit)
    ends = [lock.until for state in left.values() for _, lock in locks_at(state, asking.now)]
    return PurgedView(address, removed, bool(ends), iso(max(ends, default=None)))


def _numbers(found: Found) -> dict[str, int]:
    numbers = ((name, getattr(found, name)) for name in found.__struct_fields__ if name != "known")
    return {name: number for name, number in numbers if number}


def _forgotten(asking: Asking, address: str) -> dict[str, int]:
    """What the ledger knew, which it does no longer."""
    try:
        with ledger_for_reading(asking.site.installation) as ledger:
            told = ledger.told_of({address}).get(address)
            if told is None:
                return {}
            ledger.forget_recipients({address})
    except StoreMissing:
        return {}
    return {name: n for name, n in (("sends", told.sends), ("refusals", told.refusals)) if n}
