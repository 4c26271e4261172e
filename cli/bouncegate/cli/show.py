"""`show`: what is known of one address."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated

import typer
from msgspec import Struct

from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.options import Json
from bouncegate.cli.output import counted, iso, write_json, write_table
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import Lock, State
from bouncegate.policy.timeline import steps, that_lacks_days
from bouncegate.store.address import canonical, domain_of
from bouncegate.store.errors import StoreMissing
from bouncegate.store.store import Store


class DeferralView(Struct):
    """One message that could not be delivered yet, as Postfix's log says."""

    queue_id: str
    sent: str | None
    attempts: int
    first: str | None
    last: str | None
    status: str
    text: str
    """What was said at the last attempt."""

    def __str__(self) -> str:
        """In a line, for people."""
        attempts = counted(self.attempts, "attempt")
        return f"since {self.first}, {attempts}, last {self.last}: {self.text}"


class AddressView(Struct):
    """One address as scripts read it; times in UTC, ISO 8601."""

    address: str
    state: str
    """locked, detected (has bounced, is not locked) or unknown."""
    locked: bool
    until: str | None
    since: str | None
    kind: str | None
    category: str | None
    reason: str | None
    origin: str | None
    lock_on: str | None
    """What is locked: the address, or `@domain`."""
    soft: int
    hard: int
    soft_in_row: int
    categories: dict[str, int]
    times_locked: int
    corrected_to: str | None
    """What was meant, where an operator has said that the address was mistyped."""
    first_event: str | None
    last_event: str | None
    needs_another_day: bool = False
    """Its last bounce locks with a second one from another day; only for `show`."""
    deferrals: list[DeferralView] = []
    """Messages that wait, from Postfix's log; only for `show`."""


def show(
    context: typer.Context,
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="An address, or @domain for a whole domain.")
    ],
    *,
    json: Json = False,
) -> None:
    """Show whether, why and until when an address is locked.

    Examples:

    bouncegate show ann@example.com

    bouncegate show --json @example.com
    """
    invocation = invocation_of(context)
    key = canonical(address, fold=invocation.settings.store.fold_local_part)
    now = int(time.time())
    try:
        with closing(invocation.open_store(readonly=True)) as store:
            view = view_of(store, key, now)
            view.deferrals = deferrals_of(store, key)
            timeline = steps(store.history.of_address(key), invocation.policy)
            view.needs_another_day = that_lacks_days(timeline, now) is not None
    except StoreMissing:
        view = _view(key, EMPTY, key, None, now)
    if json:
        write_json(view)
    else:
        write_table(("", ""), _rows(view))


def view_of(store: Store, address: str, now: int) -> AddressView:
    """What the store knows of an address; where it is free, the lock of its domain counts."""
    state = store.addresses.get(address) or EMPTY
    if state.lock is None or not state.lock.in_force(now):
        domain = f"@{domain_of(address)}"
        lock = (store.addresses.get(domain) or EMPTY).lock
        if lock is not None and lock.in_force(now):
            return _view(address, state, domain, lock, now)
    return _view(address, state, address, state.lock, now)


def deferrals_of(store: Store, address: str) -> list[DeferralView]:
    """The messages that are being put off for an address, the oldest first."""
    return [
        DeferralView(
            d.queue_id, iso(d.sent), d.attempts, iso(d.first), iso(d.last), d.status, d.text
        )
        for d in store.deliverylog.deferrals(address)
    ]


def _view(address: str, state: State, lock_on: str, lock: Lock | None, now: int) -> AddressView:
    locked = lock is not None and lock.in_force(now)
    return AddressView(
        address=address,
        state="locked" if locked else "unknown" if state == EMPTY else "detected",
        locked=locked,
        until=iso(lock.until) if lock else None,
        since=iso(lock.since) if lock else None,
        kind=lock.kind if lock else None,
        category=lock.category if lock else None,
        reason=lock.reason if lock else None,
        origin=lock.origin if lock else None,
        lock_on=lock_on if lock else None,
        soft=state.soft,
        hard=state.hard,
        soft_in_row=state.soft_in_row,
        categories=state.categories,
        times_locked=state.times_locked,
        corrected_to=state.corrected or None,
        first_event=iso(state.first_event or None),
        last_event=iso(state.last_event or None),
    )


def _rows(view: AddressView) -> Iterator[tuple[str, object]]:
    for field in view.__struct_fields__:
        value = getattr(view, field)
        if field == "until" and view.locked and value is None:
            value = "without end"
        elif isinstance(value, dict):
            value = ", ".join(f"{name} {count}" for name, count in value.items()) or None
        elif isinstance(value, list):
            value = "; ".join(map(str, value)) or None
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        yield field.replace("_", " "), value
