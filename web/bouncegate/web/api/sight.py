"""What a token that is bound to groups may see: their rows, and locks that stop all mail.

Of a lock for all mail that others made it sees that it is there, why and until when, and nothing of
their mailings, texts and history.
"""

from typing import Final, NoReturn

from msgspec.structs import replace

from bouncegate.admin.lists.row import Row, RowFilters
from bouncegate.admin.lists.scope import GLOBAL, scope_text
from bouncegate.admin.views.addresses import AddressView, full_address_view
from bouncegate.admin.views.explanation import ExplanationView, explanation_of
from bouncegate.admin.views.judged import JudgedView
from bouncegate.admin.views.values import Counts
from bouncegate.policy.addressstate import ALL_MAIL, is_bounce
from bouncegate.policy.records import Event
from bouncegate.web.api.problems import refused
from bouncegate.web.call import Call
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right

BY_OTHERS: Final = frozenset({"detected", "predicted"})
"""Verdicts whose words tell of bounces, maybe those of others."""


def group_of(call: Call, right: Right, given: str) -> str:
    """The group that is asked about, "" for all mail; the only one of a token need not be named.

    Raises Problem.
    """
    groups = call.person.groups
    if not given and len(groups) == 1:
        return next(iter(groups))
    if not given and groups:
        raise refused("parameter", "name one of your groups: group=NAME", parameter="group")
    call.require(right, given or None)
    return given


def require_all_mail(call: Call) -> None:
    """Raise Problem for a token that is bound to groups."""
    if call.person.groups:
        _refuse()


def _refuse() -> NoReturn:
    raise Problem("group", "This is about all mail, and the token is bound to groups.")


def seen(call: Call, filters: RowFilters) -> RowFilters:
    """The same filters, for what the token may see."""
    return replace(filters, seen_by=call.person.groups)


def shown_row(call: Call, row: Row) -> Row:
    """A row without what is not the token's."""
    groups = call.person.groups
    if not groups:
        return row
    if row.scope not in (None, ALL_MAIL) and row.scope not in groups:
        state = "detected" if row.counts else "bounced"
        row = replace(row, scope=None, until=None, origin=None, state=state)
    if row.group in groups or row.scope in groups:
        return row
    blank = {"group": "", "mailing": "", "text": "", "why": "", "corrected": "", "why_not": ""}
    zero = dict.fromkeys(("hard", "soft", "blocked", "last_event", "in_row", "threshold"), 0)
    return replace(row, **blank, **zero, bounces={})


def shown_judgement(call: Call, view: JudgedView) -> JudgedView:
    """A judgement without the names of other groups and what bounced there."""
    groups = call.person.groups
    if not groups:
        return view
    scopes = {GLOBAL, *map(scope_text, groups)}
    scope = view.scope if view.scope in scopes else None
    return replace(view, scope=scope, why="" if view.verdict in BY_OTHERS else view.why)


def address_of(call: Call, address: str) -> AddressView:
    """What is known of an address, as far as the token may see it. Raises StoreError."""
    site, groups = call.site, call.person.groups
    view = full_address_view(site.installation, site.store, address, call.now)
    if not groups:
        return view
    entries = [entry for _, entry, _ in site.store.history.of_address(address)]
    bounces = [one for one in entries if isinstance(one, Event) and is_bounce(one)]
    of_last = bool(bounces) and bounces[-1].group in groups
    is_own = any(one.group in groups for one in bounces)
    scopes = {GLOBAL, *map(scope_text, groups)}
    view.locks = [lock for lock in view.locks if lock.scope in scopes]
    first = view.locks[0] if view.locks else None
    for name in ("scope", "until", "since", "kind", "category", "reason", "detail", "origin"):
        setattr(view, name, getattr(first, name) if first else None)
    view.lock_on, view.locked = first.lock_on if first else None, first is not None
    view.state = "locked" if first else _state(view.state, is_own=is_own)
    view.deferrals, view.refused, view.last_refused, view.refused_in = [], 0, None, []
    if not of_last:
        view.last_bounce, view.suggestion, view.needs_another_day = None, None, False
    return view if is_own else _without_history(view)


def _state(state: str, *, is_own: bool) -> str:
    if not is_own:
        return "unknown"
    return "detected" if state == "locked" else state


def _without_history(view: AddressView) -> AddressView:
    counts = ("soft", "hard", "blocked", "complaints", "soft_in_row", "hard_in_row", "times_locked")
    return replace(
        view,
        categories={},
        bounces=Counts(),
        corrected_to=None,
        first_event=None,
        last_event=None,
        **dict.fromkeys(counts, 0),
    )


def history_of(call: Call, address: str) -> ExplanationView:
    """The history of an address, as far as the token may see it. Raises StoreError."""
    site, groups = call.site, call.person.groups
    view = explanation_of(site.installation, site.store, address, call.now).view
    if not groups:
        return view
    known = address_of(call, address)
    return replace(
        view,
        state=known.state,
        scope=known.scope,
        until=known.until,
        lock_on=known.lock_on,
        suggestion=known.suggestion,
        steps=[step for step in view.steps if step.group in groups],
        deferrals=[],
        audit=[],
    )
