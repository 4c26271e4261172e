"""Maintenance: the lists of recipients, with tabs, filters, and what can be done with them."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from bouncegate.admin.lists.row import Row
from bouncegate.admin.views.rows import State, listing_of
from bouncegate.config.taxonomy import Reason, ReportedKind
from bouncegate.policy.addressstate import ALL_MAIL
from bouncegate.policy.records import NO_END
from bouncegate.store.summary import Month, NameCounts, Summary
from bouncegate.web.api import sight
from bouncegate.web.call import Call
from bouncegate.web.page.language import Language
from bouncegate.web.page.recipientlist import ListQuery, is_for, page_of, query_for
from bouncegate.web.page.showing import show, wants_part, words_for
from bouncegate.web.page.tabs import TABS, Tab
from bouncegate.web.rights import Right, may
from bouncegate.web.routes import Route

_ENDS: Final = (1, 7, 30)
"""Days to choose from."""


@dataclass(frozen=True)
class ShownRow:
    """One line of a list as the template shows it."""

    address: str
    provider: str
    corrected: str
    locked: bool
    kind: str
    reason: str
    text: str
    in_row: int
    threshold: int
    failures: tuple[tuple[int, str], ...]
    mailing: str
    group: str
    when: int | None
    until: int | None
    """None: the lock has no end."""
    only_for: str


@dataclass(frozen=True)
class ShownTab:
    """A tab and its number; None until it has been counted."""

    tab: Tab
    count: int | None


@dataclass(frozen=True)
class Chip:
    """A filter in force, and the list without it."""

    text: str
    without: str


@dataclass(frozen=True)
class Choice:
    """A filter to choose from a list."""

    name: str
    label: str
    chosen: str
    options: list[tuple[str, str]]


def recipients(call: Call) -> Response:
    """One list; with `part=1` only its rows."""
    query = query_for(call)
    words = words_for(call)
    listing = listing_of(call.site.installation, call.site.store, call.now)
    page = page_of(call.site.store, listing, call.now, query)
    values: dict[str, Any] = {
        "tab": query.tab,
        "rows": [shown_row(sight.shown_row(call, row), words) for row in page.rows],
        "chips": _chips(query, words),
        "back": query.path(),
        "first_page": query.path() if query.after or query.before else "",
        "previous_page": query.path(before=page.before) if page.before else "",
        "next_page": query.path(after=page.after) if page.after else "",
        "is_cut": page.is_cut,
        "may_lock": may(call.person, Right.LOCK),
        "may_export": may(call.person, Right.EXPORT),
    }
    if wants_part(call):
        return show(call, "list.html", **values)
    summary = call.site.store.summary.get() or Summary(0)
    return show(
        call,
        "recipients.html",
        "recipients",
        query=query,
        tabs=_tabs(call, summary),
        choices=_choices(_month(call, summary), query, words),
        export_path=query.path("/recipients.csv"),
        unlock_path="/unlock?" + urlencode([("query", query.path()), ("back", query.path())]),
        **values,
    )


def shown_row(row: Row, words: Language) -> ShownRow:
    """A row as the template shows it."""
    locked = row.scope is not None and row.state != "ended"
    kind = row.reported or (row.kind and ReportedKind(row.kind))
    counts = ((row.hard, "hard"), (row.soft, "soft"), (row.blocked, "blocked"))
    return ShownRow(
        address=row.address,
        provider="" if row.address.endswith(f"@{row.provider}") else row.provider,
        corrected=row.corrected,
        locked=locked,
        kind=str(kind or ""),
        reason=words.reason(row.reason).title if row.reason else "",
        text=row.text or row.why,
        in_row=row.in_row,
        threshold=row.threshold,
        failures=tuple((count, name) for count, name in counts if count),
        mailing=row.mailing,
        group=row.group,
        when=row.last_event or row.since or None,
        until=None if row.until in (None, NO_END) else row.until,
        only_for=row.scope if locked and row.scope and row.scope != ALL_MAIL else "",
    )


def _tabs(call: Call, summary: Summary) -> list[ShownTab]:
    """The lists that whoever asks may see; the numbers are those of all mail."""
    is_told = bool(summary.time) and not call.person.groups
    shown = (tab for tab in TABS if is_for(call, tab))
    return [ShownTab(tab, tab.count(summary) if is_told else None) for tab in shown]


def _month(call: Call, summary: Summary) -> Month:
    """The names to choose from: who is bound to groups is offered these alone."""
    groups = call.person.groups
    return Month(groups=[NameCounts(one) for one in groups]) if groups else summary.month


def _chips(query: ListQuery, words: Language) -> list[Chip]:
    return [
        Chip(_named(name, value, words), query.path(**{name: ""})) for name, value in query.given()
    ]


def _named(name: str, value: str, words: Language) -> str:
    """The value of a filter in words."""
    if name == "ends":
        return words.plural("Free within 1 day", "Free within {n} days", int(value))
    if name == "reason":
        return words.reason(value).title
    return words.say(f"{name}.{value}") if name in ("kind", "origin") else value


def _names(known: list[str], chosen: str) -> list[tuple[str, str]]:
    """The names of the month, and the one that is chosen."""
    return [(name, name) for name in sorted({*known, chosen} - {""})]


def _choices(month: Month, query: ListQuery, words: Language) -> list[Choice]:
    reasons = sorted(
        ((str(one), words.reason(one).title) for one in Reason), key=lambda one: one[1]
    )
    found = [
        Choice("reason", "Reason", str(query.reason or ""), reasons),
        Choice("provider", "Provider", query.provider, _names(month.providers, query.provider)),
        Choice(
            "group", "Group", query.group, _names([one.name for one in month.groups], query.group)
        ),
    ]
    if query.tab.state is State.LOCKED:
        days = sorted({*_ENDS, query.ends} - {0})
        options = [(str(n), words.plural("1 day", "{n} days", n)) for n in days]
        found.append(Choice("ends", "Free within", str(query.ends or ""), options))
    if not query.tab.kind:
        kinds = [(str(kind), words.say(f"kind.{kind}")) for kind in ReportedKind]
        found.insert(0, Choice("kind", "Kind", str(query.kind or ""), kinds))
    return found


ROUTES: Final = (Route("/recipients", recipients, right=Right.READ),)
