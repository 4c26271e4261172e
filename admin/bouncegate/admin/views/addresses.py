"""What is known of one address."""

from collections.abc import Iterable

from msgspec import Struct, field

from bouncegate.admin.installation import Installation
from bouncegate.admin.ledgers import refusals_of
from bouncegate.admin.lists.bounces import BounceRows
from bouncegate.admin.lists.row import Row
from bouncegate.admin.lists.scope import GLOBAL, scope_text
from bouncegate.admin.views.values import Counts, iso
from bouncegate.classifier.newaddress import new_address
from bouncegate.config.taxonomy import Reason
from bouncegate.config.text import counted
from bouncegate.policy.addressstate import (
    ALL_MAIL,
    ScopedLock,
    StateName,
    hard_of,
    lock_for,
    locks_at,
    name_at,
    state_at,
)
from bouncegate.policy.fold import EMPTY, Policy
from bouncegate.policy.records import Event, State
from bouncegate.policy.timeline import Step, steps, that_lacks_days
from bouncegate.store.address import domain_of
from bouncegate.store.refusals import Refusal
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


class LockView(Struct):
    """One lock in force."""

    scope: str
    """Which mail it stops: `global` or `group:NAME`."""
    lock_on: str
    """What is locked: the address, or `@domain`."""
    until: str | None
    since: str | None
    kind: str
    category: str
    reason: str
    detail: str
    """The finest reason that is known."""
    origin: str

    def __str__(self) -> str:
        """In a line, for people."""
        return f"{self.scope} until {self.until or 'unlocked'} ({self.detail})"


class BounceView(Struct):
    """The last bounce, and what came of it."""

    time: str | None
    kind: str | None
    category: str | None
    reason: str | None
    detail: str | None
    """The finest reason that is known."""
    blame: str | None
    counts: bool | None
    """Whether it counts against the address."""
    why_not: str
    """Why it does not, in the words of `explain`."""
    in_row: int
    """How many bounces that count are in a row."""
    threshold: int
    """How many in a row lock, by the policy in force; 0: none counts."""
    text: str
    """What the server said."""

    def __str__(self) -> str:
        """In a line, for people."""
        effect = f"{self.in_row} of {self.threshold} in a row" if self.counts else self.why_not
        return f"{self.time}, {self.kind}/{self.category} {self.detail}, {effect}: {self.text}"


class AddressView(Struct):
    """One address as scripts read it; times in UTC, ISO 8601."""

    address: str
    state: str
    """locked, detected (bounces count, none has locked it), bounced (no bounce counts), free (known
    without a bounce) or unknown."""
    locked: bool
    scope: str | None
    """Which mail the lock stops, of several the one that stops most: `global` or `group:NAME`."""
    until: str | None
    since: str | None
    kind: str | None
    category: str | None
    reason: str | None
    detail: str | None
    """The finest reason that is known."""
    origin: str | None
    lock_on: str | None
    """What is locked: the address, or `@domain`."""
    locks: list[LockView]
    """All locks in force."""
    soft: int
    hard: int
    """Hard bounces that count, without those that blame the sender."""
    blocked: int
    """Hard bounces that blame the sender, whether or not they count."""
    complaints: int
    soft_in_row: int
    hard_in_row: int
    categories: dict[str, int]
    times_locked: int
    corrected_to: str | None
    """What was meant, where an operator has said that the address was mistyped."""
    first_event: str | None
    last_event: str | None
    bounces: Counts = field(default_factory=Counts)
    """How often it bounced, by kind/category, whether or not that counts."""
    last_bounce: BounceView | None = None
    needs_another_day: bool = False
    """Its last bounce locks with a second one from another day; only for `show`."""
    suggestion: str | None = None
    """A new address that the last bounce names: to be asked about, never used; only for `show`."""
    deferrals: list[DeferralView] = []
    """Messages that wait, from Postfix's log; only for `show`."""
    refused: int = 0
    """How often the send path refused it, as far as the ledger reaches back; only for `show`."""
    last_refused: str | None = None
    refused_in: list[str] = []
    """The mailings in which it was, the latest first; empty names left out."""


def unknown_address(address: str) -> AddressView:
    """An address of which nothing is known, where there is no store."""
    return _view(address, EMPTY, [], "unknown")


def full_address_view(
    installation: Installation, store: Store | None, address: str, now: int
) -> AddressView:
    """All that `show` shows, with what waits, was refused and is suggested; raises StoreError."""
    if store is None:
        view = unknown_address(address)
    else:
        view = address_view(store, installation.policy, address, now)
        view.deferrals = deferrals_of(store, address)
        timeline = list(steps(store.history.of_address(address), installation.policy))
        view.suggestion = suggestion_of(timeline, address)
        view.needs_another_day = that_lacks_days(timeline, now) is not None
    _add_refusals(view, refusals_of(installation, address))
    return view


def _add_refusals(view: AddressView, refusals: list[Refusal]) -> None:
    view.refused = sum(refusal.count for refusal in refusals)
    view.last_refused = iso(max((refusal.last for refusal in refusals), default=None))
    latest = sorted(refusals, key=lambda refusal: -refusal.last)
    view.refused_in = list(dict.fromkeys(r.mailing for r in latest if r.mailing))


def address_view(store: Store, policy: Policy, address: str, now: int) -> AddressView:
    """What the store knows of an address; a lock of its domain stops its mail as well."""
    state = store.addresses.get(address) or EMPTY
    locks = [_lock(found, address) for found in locks_at(state, now)]
    domain = f"@{domain_of(address)}"
    of_domain = lock_for(store.addresses.get(domain) or EMPTY, now, ALL_MAIL)
    if of_domain is not None and domain != address:
        locks.append(_lock(of_domain, domain))
    locks.sort(key=lambda lock: lock.scope != GLOBAL)
    told = store.history.of_address(address)
    last = next(BounceRows(policy, now).rows(address, state, told, of_domain), None)
    name = name_at(state, now, has_bounced=last is not None)
    view = _view(address, state_at(state, now), locks, "locked" if locks else name)
    if last is not None:
        view.bounces, view.last_bounce = Counts(last.bounces), _bounce(last)
        view.blocked = last.blocked
        view.last_event = iso(last.last_event)
    return view


def suggestion_of(timeline: Iterable[Step], address: str) -> str | None:
    """The new address that the last bounce names for a recipient who has moved."""
    events = [step.entry for step in timeline if isinstance(step.entry, Event)]
    if not events or not Reason.MAILBOX_MOVED.covers(events[-1].reason):
        return None
    return new_address(events[-1].diagnostic, address) or None


def deferrals_of(store: Store, address: str) -> list[DeferralView]:
    """The messages that are being put off for an address, the oldest first."""
    return [
        DeferralView(
            d.queue_id, iso(d.sent), d.attempts, iso(d.first), iso(d.last), d.status, d.text
        )
        for d in store.deliverylog.deferrals(address)
    ]


def _lock(found: ScopedLock, lock_on: str) -> LockView:
    lock = found.lock
    return LockView(
        scope=scope_text(found.scope),
        lock_on=lock_on,
        until=iso(lock.until),
        since=iso(lock.since),
        kind=lock.kind,
        category=lock.category,
        reason=lock.reason.general,
        detail=lock.reason,
        origin=lock.origin,
    )


def _bounce(row: Row) -> BounceView:
    return BounceView(
        time=iso(row.since),
        kind=row.shown_kind,
        category=row.category,
        reason=row.reason and row.reason.general,
        detail=row.reason,
        blame=row.blame,
        counts=row.counts,
        why_not=row.why_not,
        in_row=row.in_row,
        threshold=row.threshold,
        text=row.text,
    )


def _view(address: str, state: State, locks: list[LockView], name: StateName) -> AddressView:
    """An address by its state now, without locks of the past; the first lock stops most mail."""
    lock = locks[0] if locks else None
    return AddressView(
        address=address,
        state=name,
        locked=lock is not None,
        scope=lock.scope if lock else None,
        until=lock.until if lock else None,
        since=lock.since if lock else None,
        kind=lock.kind if lock else None,
        category=lock.category if lock else None,
        reason=lock.reason if lock else None,
        detail=lock.detail if lock else None,
        origin=lock.origin if lock else None,
        lock_on=lock.lock_on if lock else None,
        locks=locks,
        soft=state.soft,
        hard=hard_of(state),
        blocked=0,
        complaints=state.complaints,
        soft_in_row=state.soft_in_row,
        hard_in_row=state.hard_in_row,
        categories=state.categories,
        times_locked=state.times_locked,
        corrected_to=state.corrected or None,
        first_event=iso(state.first_event or None),
        last_event=iso(state.last_event or None),
    )
