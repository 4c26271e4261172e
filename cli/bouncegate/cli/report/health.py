"""`report health`: whether an operator should look, for people and for monitoring."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec.structs import replace

from bouncegate.admin.doctor.clock import check_clock
from bouncegate.admin.doctor.domains import check_domains
from bouncegate.admin.doctor.findings import Finding, Severity
from bouncegate.admin.doctor.maillog import check_maillog
from bouncegate.admin.doctor.storage import check_backup, check_ledger, check_store
from bouncegate.admin.ledgers import ledger_of
from bouncegate.admin.report.counting import Counting, Scope
from bouncegate.admin.report.filters import Filters
from bouncegate.admin.report.groupby import subjects
from bouncegate.admin.report.reading import Sources, as_kept, providers_now, read, sends_since
from bouncegate.admin.report.summary import rows_of
from bouncegate.admin.report.thresholds import exceeded
from bouncegate.admin.views.counts import Named
from bouncegate.admin.views.incidents import IncidentView, incident_view
from bouncegate.admin.views.values import iso
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.options import WHEN, Json
from bouncegate.cli.output import write_json
from bouncegate.cli.report.healthviews import (
    Checks,
    Health,
    Rates,
    RateView,
    RoomView,
    SenderView,
    SetAside,
    Unproven,
)
from bouncegate.cli.report.messages import Exported, Form
from bouncegate.cli.report.table import percent
from bouncegate.cli.sentences import write_text
from bouncegate.cli.table import write_table
from bouncegate.cli.times import period_of
from bouncegate.config.reasons import REASONS
from bouncegate.config.settings import AlarmSettings
from bouncegate.config.text import counted
from bouncegate.store.arrivals import Arrival
from bouncegate.store.clock import moment
from bouncegate.store.errors import StoreMissing
from bouncegate.store.hourcounts import DROPPED, UNVERIFIED, HourCount
from bouncegate.store.store import Store

_EXIT: Final = {"fine": 0, "warning": 1, "critical": 2}
_WEEK: Final = 7 * 86_400
_UNVERIFIED_ADVICE: Final = (
    "See whether [return_path] domain is set, or if somebody forges bounces."
)
_SET_ASIDE_ADVICE: Final = "See the trace in the log and --set-aside FOLDER; please report it."
_LIMITS: Final = {
    "bounce-rate": "bounce_rate",
    "hard-share": "hard_share",
    "complaint-rate": "complaint_rate",
}


def health(
    context: typer.Context,
    *,
    since: Annotated[
        str,
        typer.Option(metavar="TIME", help=f"Only mail and bounces at this time or later: {WHEN}."),
    ] = "1 day",
    until: Annotated[
        str, typer.Option(metavar="TIME", help="Only mail and bounces before this time.")
    ] = "",
    json: Json = False,
    set_aside_to: Annotated[
        Path | None,
        typer.Option(
            "--set-aside",
            metavar="FOLDER",
            help="Write the messages set aside as broken into this new folder.",
            readable=False,
        ),
    ] = None,
) -> None:
    """Show whether someone should look; for monitoring.

    Exit code 0: all is fine. 1, a warning: too large a share of a sender's mail bounced, bounced
    hard or was complained of; or a sender was blamed for too many bounces within an hour; or too
    many DSNs proved nothing; or the store, the ledger or their disk is nearly full; or the last
    backup is too old; or Postfix's log is in another time zone; or the clock is in doubt. 2,
    critical: an incident is open, or hardly any space is left, or Postfix's log cannot be read, or
    name servers do not work. Codes from 64 on: the store, the config or a time cannot be read. The
    limits are in [alarm]; those for space are the limits of `bouncegate doctor`.

    Blame of senders and unproven DSNs are kept for two days at most.

    Examples:

    bouncegate report health --json
    """
    invocation = invocation_of(context)
    now = int(time.time())
    try:
        start, end = period_of(since, until, now)
    except typer.BadParameter as error:
        error.exit_code = os.EX_USAGE  # 2 would have monitoring say that an incident is open
        raise
    period = Filters(since=start, until=end)
    alarm = invocation.settings.alarm
    try:
        with closing(invocation.open_store(readonly=True)) as store:
            is_open = [incident for incident in store.incidents.all() if incident.settled is None]
            incidents = [incident_view(store, incident) for incident in is_open]
            tallies = [
                t for t in store.hourcounts.since(period.since) if _is_before(t, period.until)
            ]
            rates = _rates(invocation, store, as_kept(store, period))
            unproven, set_aside = _unproven(store, now), _set_aside(store)
            if set_aside_to is not None:
                broken = (Arrival(event.time, event, "") for _, event in store.set_aside.events())
                exported = Exported(store, broken)
                exported.write(Form.EML_FOLDER, set_aside_to)
                exported.print_summary()
    except StoreMissing:
        incidents, tallies, rates = [], [], Rates()
        unproven, set_aside = Unproven(), SetAside()
    domains = list(_views(check_domains(invocation.settings, now)))
    checks = Checks(list(_room(invocation, now)), domains)
    found = health_of(incidents, tallies, rates, alarm, checks)
    found = replace(found, unproven=unproven, set_aside=set_aside)
    if json:
        write_json(found)
    else:
        _write(found)
    raise typer.Exit(_EXIT[found.status])


def health_of(
    incidents: list[IncidentView],
    tallies: Iterable[HourCount],
    rates: Rates,
    alarm: AlarmSettings,
    checks: Checks,
) -> Health:
    """What open incidents, the tallies of a period and the shares of its sends amount to."""
    hours, (room, domains) = list(tallies), checks
    unverified = sum(hour.total for hour in hours if hour.sender == UNVERIFIED)
    senders = [
        _sender(hour) for hour in hours if hour.blames_sender and hour.total > alarm.sender_blame
    ]
    is_warned = (
        bool(senders or room or domains)
        or unverified > alarm.unverified
        or any(r.warnings for r in rates.senders)
    )
    is_critical = len(incidents) > alarm.incidents or any(
        part.is_urgent for part in (*room, *domains)
    )
    return Health(
        status="critical" if is_critical else "warning" if is_warned else "fine",
        incidents=incidents,
        incidents_limit=alarm.incidents,
        senders=senders,
        sender_blame_limit=alarm.sender_blame,
        unverified=unverified,
        unverified_limit=alarm.unverified,
        rates=rates,
        bounce_rate_limit=alarm.bounce_rate,
        hard_share_limit=alarm.hard_share,
        complaint_rate_limit=alarm.complaint_rate,
        rates_from=alarm.rates_from,
        room=room,
        domains=domains,
    )


def _unproven(store: Store, now: int) -> Unproven:
    dropped = sum(t.total for t in store.hourcounts.since(now - _WEEK) if t.sender == DROPPED)
    return Unproven(store.unproven.count(), dropped)


def _set_aside(store: Store) -> SetAside:
    kept = store.set_aside.events()
    return SetAside(len(kept), iso(kept[0][1].time) if kept else None)


def _room(invocation: Invocation, now: int) -> Iterator[RoomView]:
    """What the doctor finds of store, ledger, log and clock that an operator should see."""
    settings = invocation.settings
    checks = (check_store, check_ledger, check_backup, check_maillog)
    found = chain.from_iterable(check(settings, now) for check in checks)
    return _views(chain(found, check_clock(settings, moment())))


def _views(findings: Iterable[Finding]) -> Iterator[RoomView]:
    for finding in findings:
        if finding.severity in (Severity.WARNING, Severity.ERROR):
            is_urgent = finding.severity is Severity.ERROR
            yield RoomView(finding.check, finding.text, finding.fix, is_urgent)


def _is_before(tally: HourCount, until: int) -> bool:
    return not until or tally.start < until


def _rates(invocation: Invocation, store: Store, period: Filters) -> Rates:
    provider_of = providers_now(store, invocation.providers)
    counting = Counting(subjects(provider_of)["sender"])
    with ledger_of(invocation) as (ledger, why_unknown):
        since = sends_since(ledger, period.since)
        if since is None:
            return Rates(why_unknown=why_unknown)
        scope = Scope(period, invocation.settings.return_path.count, since)
        read(Sources(store, ledger, provider_of), scope, [counting])
    alarm = invocation.settings.alarm
    return Rates(iso(since), senders=list(_judged(list(rows_of(counting, 0)), alarm)))


def _judged(rows: Sequence[Named], alarm: AlarmSettings) -> Iterator[RateView]:
    for sender, figures in rows:
        sends = figures.sends or 0
        if sends >= alarm.rates_from:
            shares = (figures.rate, figures.hard_share, figures.complaint_rate)
            rate, hard, complaints = (share or 0.0 for share in shares)
            warnings = list(exceeded(figures, alarm))
            yield RateView(sender, sends, rate, hard, complaints, warnings)


def _sender(tally: HourCount) -> SenderView:
    main = tally.main_reason
    advice = REASONS[main].advice
    return SenderView(tally.sender, iso(tally.start), tally.total, main.general, main, advice)


def _write(health: Health) -> None:
    write_table(("", "found", "normal", "what to do"), _rows(health))
    print()
    write_text(health.status)


def _rows(health: Health) -> Iterator[tuple[object, ...]]:
    yield "open incidents", len(health.incidents), health.incidents_limit, None
    for incident in health.incidents:
        subject = f"  {incident.reason} at {incident.provider} since {incident.opened}"
        advice = f"bouncegate incident show {incident.id}, then confirm or dismiss it"
        yield subject, counted(incident.addresses, "address"), incident.limit, advice
    yield from _rows_of_rates(health)
    yield "hours in which a sender was blamed", len(health.senders), 0, None
    for sender in health.senders:
        subject = f"  {sender.sender} at {sender.hour}: {sender.detail}"
        yield subject, counted(sender.bounces, "bounce"), health.sender_blame_limit, sender.advice
    too_many = health.unverified > health.unverified_limit
    yield (
        "DSNs that prove nothing",
        health.unverified,
        health.unverified_limit,
        _UNVERIFIED_ADVICE if too_many else None,
    )
    kept, dropped = health.unproven.kept, health.unproven.dropped
    found = f"{kept} kept, {dropped} dropped in 7 days"
    yield "reports that count for no address", found, None, None
    if aside := health.set_aside.kept:
        found = f"{aside}, the oldest of {health.set_aside.since}"
        yield "messages set aside as broken", found, 0, _SET_ASIDE_ADVICE
    yield "store, ledger, backup, log and clock that need care", len(health.room), 0, None
    for part in health.room:
        yield f"  {part.part}", part.found, None, part.advice
    yield "faults of DNS that keep bounces waiting", len(health.domains), 0, None
    for part in health.domains:
        yield f"  {part.part}", part.found, None, part.advice


def _rows_of_rates(health: Health) -> Iterator[tuple[object, ...]]:
    """The worst of each share, then whatever is too much."""
    rates = health.rates
    for what, limit in _LIMITS.items():
        share = max((getattr(r, limit) for r in rates.senders), default=None)
        found = "unknown" if rates.known_since is None else percent(share) or "too few sends"
        normal = percent(getattr(health, f"{limit}_limit"))
        yield (
            f"worst {what.replace('-', ' ')} of a sender",
            found,
            normal,
            rates.why_unknown or None,
        )
        for sender in rates.senders:
            for excess in sender.warnings:
                if excess.what == what:
                    found = f"{excess.share:.2%} of {sender.sends}"
                    yield f"  {sender.sender}", found, normal, excess.advice
