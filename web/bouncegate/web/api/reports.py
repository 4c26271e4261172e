"""Counts and reports: the summary, mailings, groups, incidents, reasons, and the audit."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, Final

from msgspec import Meta, Struct
from starlette.responses import Response

from bouncegate.admin.lists.asking import domain_named, provider_named
from bouncegate.admin.lists.groupcensus import count_group
from bouncegate.admin.lists.scope import CurrentScopes
from bouncegate.admin.report.addresses import bounces
from bouncegate.admin.report.counting import Scope
from bouncegate.admin.report.filters import Filters
from bouncegate.admin.report.reading import as_kept
from bouncegate.admin.times import period_of
from bouncegate.admin.views.audit import AuditView, audit_view, audits_of, names_of
from bouncegate.admin.views.bounced import BouncedView, bounced_view
from bouncegate.admin.views.counts import ReportCounts
from bouncegate.admin.views.incidents import IncidentView, incident_view
from bouncegate.admin.views.reasons import ReasonView, reason_views
from bouncegate.admin.views.rows import listing_of
from bouncegate.admin.views.summary import (
    LocksView,
    RateView,
    locks_view,
    summary_of,
    summary_view,
)
from bouncegate.admin.views.unknown import ALL_TRUST
from bouncegate.admin.views.values import iso
from bouncegate.config.structs import struct_from
from bouncegate.config.taxonomy import Category, Reason, ReportedKind
from bouncegate.store.arrivals import Arrival
from bouncegate.web.api.given import Items, Page, key_of
from bouncegate.web.api.operation import Operation, as_json
from bouncegate.web.api.problems import refused
from bouncegate.web.api.sight import group_of, require_all_mail
from bouncegate.web.call import Call
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right

_GROUP_SECONDS: Final = 10.0
"""For counting a group."""

Limit = Annotated[int, Meta(ge=1, le=1000)]


class SummaryQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Of all mail, or of one group."""

    group: str = ""


class SummaryAnswer(Struct, omit_defaults=True):
    """The numbers of the lists. A group has only some of them."""

    counted: str | None
    """When the addresses and rates were counted."""
    age: int
    """How many seconds ago."""
    bounced: int
    detected: int
    locked: LocksView
    one_group: int
    """How many of the locked are locked for single groups alone."""
    ending: LocksView
    """How many of the locked are free within 7 days by the clock alone."""
    group: str | None = None
    """Missing: of all mail."""
    complete: bool = True
    """False: time was up, and there are more. Missing: it is complete."""
    domains: int | None = None
    """Domains that are locked as a whole."""
    predicted: int | None = None
    invalid: int | None = None
    stale: int | None = None
    open_incidents: int | None = None
    """Now."""
    rates: list[RateView] | None = None


class ReportQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which bounces are counted."""

    kind: ReportedKind | None = None
    category: Category | None = None
    reason: Reason | None = None
    provider: str = ""
    domain: str = ""
    group: str = ""
    mailing: str = ""
    sender: str = ""
    since: str = ""
    until: str = ""
    unverified: bool = False
    """Also bounces that are not proven to be of our mail."""


class ReportRows(Struct):
    """The counts of each name."""

    items: list[dict[str, Any]]


class BouncesQuery(ReportQuery, frozen=True, forbid_unknown_fields=True):
    """Which bounces, and how many of them."""

    limit: Limit = 100
    after: Annotated[int, Meta(ge=0)] = 0


class AuditQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which changes."""

    since: str = ""
    until: str = ""
    by: str = ""
    address: str = ""
    limit: Limit = 100
    after: str = ""


def get_summary(call: Call, asked: SummaryQuery) -> Response:
    """What `maintain` has counted; where it has not yet, and of one group, it is counted now."""
    if asked.group:
        return as_json(_of_group(call, asked.group))
    require_all_mail(call)
    site = call.site
    found = site.store.summary.get() or summary_of(site.installation, site.store, call.now)
    incidents = sum(1 for one in site.store.incidents.all() if one.settled is None)
    view = summary_view(found, incidents, site.settings.alarm, call.now)
    return as_json(struct_from(view, SummaryAnswer))


def _of_group(call: Call, group: str) -> SummaryAnswer:
    call.require(Right.READ, group)
    store = call.site.store
    listing = listing_of(call.site.installation, store, call.now)
    found = count_group(store, listing, group, call.now, _GROUP_SECONDS)
    return SummaryAnswer(
        group=group,
        complete=found.complete,
        counted=iso(call.now),
        age=0,
        bounced=found.bounced,
        detected=found.detected,
        locked=locks_view(found.locked),
        one_group=found.one_group,
        ending=locks_view(found.ending),
    )


def get_mailings(call: Call, asked: ReportQuery) -> Response:
    """The counts of all mailings."""
    return _counts(call, asked, "mailing")


def get_groups(call: Call, asked: ReportQuery) -> Response:
    """The counts of all groups: each address once."""
    return _counts(call, asked, "group")


def get_mailing(call: Call, asked: ReportQuery) -> Response:
    """The counts of one mailing, with those of its reasons, providers and days."""
    name = call.request.path_params["name"]
    scope = _scope(call, asked, mailing=name)
    counts = ReportCounts(call.site.installation, call.site.store, scope, "mailing", name)
    if counts.is_unknown:
        raise Problem("not-found", f"nothing is known of a mailing {name!r}")
    return as_json(next(counts.views()))


def get_bounces(call: Call, asked: BouncesQuery) -> Response:
    """The bounces of a mailing, as they came."""
    store = call.site.store
    scope = _scope(call, asked, mailing=call.request.path_params["name"])
    scopes = CurrentScopes(store, call.now)
    found = (one for one in _arrivals(call, scope) if one.number > asked.after)
    arrivals = list(islice(found, asked.limit + 1))
    page = arrivals[: asked.limit]
    after = str(page[-1].number) if len(arrivals) > asked.limit else None
    return as_json(Page([bounced_view(one, scopes) for one in page], after))


def _arrivals(call: Call, scope: Scope) -> Iterator[Arrival]:
    return bounces(call.site.store.arrivals.since(scope.filters.since), scope)


def _counts(call: Call, asked: ReportQuery, subject: str) -> Response:
    scope = _scope(call, asked)
    counts = ReportCounts(call.site.installation, call.site.store, scope, subject, None)
    return as_json(ReportRows(list(counts.views())))


def _scope(call: Call, asked: ReportQuery, **named: str) -> Scope:
    """Which bounces are counted, of what the token may see; raises Problem."""
    installation = call.site.installation
    try:
        since, until = period_of(asked.since, asked.until, call.now)
        filters = struct_from(
            asked,
            Filters,
            provider=provider_named(installation, asked.provider) or None,
            domain=domain_named(asked.domain) or None,
            group=group_of(call, Right.READ, asked.group) or None,
            mailing=named.get("mailing") or asked.mailing or None,
            sender=asked.sender.lower() or None,
            since=since,
            until=until,
        )
    except ValueError as error:
        raise refused("parameter", str(error)) from None
    trust = ALL_TRUST if asked.unverified else call.site.settings.return_path.count
    return Scope(as_kept(call.site.store, filters), trust)


def get_incidents(call: Call) -> Response:
    """All of them, the latest last."""
    require_all_mail(call)
    store = call.site.store
    return as_json(Items([incident_view(store, one) for one in store.incidents.all()]))


def get_reasons(_: Call) -> Response:
    """All reasons, what they mean, and a reply that has them."""
    return as_json(Items(list(reason_views())))


def get_audit(call: Call, asked: AuditQuery) -> Response:
    """What people and programs changed, the latest first."""
    require_all_mail(call)
    try:
        first, end = period_of(asked.since, asked.until, call.now)
        after = bytes.fromhex(asked.after)
    except ValueError as error:
        raise refused("parameter", str(error)) from None
    if after:
        end = min(end or 1 << 32, int.from_bytes(after[:4], "big") + 1)
    address = key_of(call, asked.address) if asked.address else ""
    found = (
        one
        for one in audits_of(
            call.site.store, address, first, min(end, (1 << 32) - 1), oldest_first=False
        )
        if (not asked.by or asked.by in names_of(one)) and (not after or one.key < after)
    )
    audits = list(islice(found, asked.limit + 1))
    page = audits[: asked.limit]
    behind = page[-1].key.hex() if len(audits) > asked.limit else None
    return as_json(Page([audit_view(one) for one in page], behind))


OPERATIONS: Final = (
    Operation(
        "GET",
        "/summary",
        get_summary,
        Right.READ,
        "How many addresses are on which list",
        SummaryQuery,
        {200: SummaryAnswer},
    ),
    Operation(
        "GET",
        "/mailings/{name:path}/bounces",
        get_bounces,
        Right.READ,
        "The bounces of a mailing",
        BouncesQuery,
        {200: Page[BouncedView]},
        ("parameter",),
    ),
    Operation(
        "GET",
        "/mailings/{name:path}",
        get_mailing,
        Right.READ,
        "The counts of a mailing",
        ReportQuery,
        {200: dict[str, Any]},
        ("parameter", "not-found"),
    ),
    Operation(
        "GET",
        "/mailings",
        get_mailings,
        Right.READ,
        "The counts of all mailings",
        ReportQuery,
        {200: ReportRows},
        ("parameter",),
    ),
    Operation(
        "GET",
        "/groups",
        get_groups,
        Right.READ,
        "The counts of all groups",
        ReportQuery,
        {200: ReportRows},
        ("parameter",),
    ),
    Operation(
        "GET",
        "/incidents",
        get_incidents,
        Right.READ,
        "The outages of providers that were found",
        answers={200: Items[IncidentView]},
    ),
    Operation(
        "GET",
        "/reasons",
        get_reasons,
        Right.READ,
        "All reasons, what they mean, and a reply that has them",
        answers={200: Items[ReasonView]},
    ),
    Operation(
        "GET",
        "/audit",
        get_audit,
        Right.AUDIT,
        "What people and programs changed",
        AuditQuery,
        {200: Page[AuditView]},
        ("parameter", "address"),
    ),
)
