"""Why an address is locked, or is not: its journal step by step, and what is known beside it."""

from typing import NamedTuple

from msgspec import Struct

from bouncegate.admin.installation import Installation
from bouncegate.admin.views.addresses import (
    DeferralView,
    address_view,
    deferrals_of,
    suggestion_of,
)
from bouncegate.admin.views.audit import AuditView, audit_view
from bouncegate.admin.views.steps import Rules, StepView, rules_in_force, step_view
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import State
from bouncegate.policy.timeline import Step, steps
from bouncegate.store.store import Store


class ExplanationView(Struct):
    """What `explain` shows, as scripts read it; times in UTC, ISO 8601."""

    address: str
    state: str
    scope: str | None
    """Which mail the lock stops: `global` or `group:NAME`; null without a lock."""
    until: str | None
    lock_on: str | None
    """What is locked: the address, or `@domain`; null without a lock."""
    suggestion: str | None
    """A new address that the last bounce names: to be asked about, never used."""
    steps: list[StepView]
    deferrals: list[DeferralView]
    audit: list[AuditView]


class Explained(NamedTuple):
    """The same, with what it was made of."""

    view: ExplanationView
    state: State
    timeline: list[Step]
    rules: Rules


def explanation_of(installation: Installation, store: Store, address: str, now: int) -> Explained:
    """Why a canonical address is locked, or is not; raises StoreError."""
    timeline = list(steps(store.history.of_address(address), installation.policy))
    known = address_view(store, installation.policy, address, now)
    rules = rules_in_force(installation.settings)
    view = ExplanationView(
        address=address,
        state=known.state,
        scope=known.scope,
        until=known.until,
        lock_on=known.lock_on,
        suggestion=suggestion_of(timeline, address),
        steps=[step_view(step, rules) for step in timeline],
        deferrals=deferrals_of(store, address),
        audit=[audit_view(one) for one in store.audits.of_address(address)],
    )
    # Of an address that was purged there are no entries, but its locks.
    state = timeline[-1].after if timeline else store.addresses.get(address) or EMPTY
    return Explained(view, state, timeline, rules)
