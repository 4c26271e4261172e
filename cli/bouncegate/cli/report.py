"""`report health`: whether an operator should look, for people and for monitoring."""

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Final, Literal

import typer
from msgspec import Struct

from bouncegate.cli.addresses import Json
from bouncegate.cli.incident import IncidentView, view_of
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.output import iso, write_json, write_table
from bouncegate.config.settings import AlarmSettings
from bouncegate.config.taxonomy import REASONS
from bouncegate.store.errors import StoreMissing
from bouncegate.store.tallies import UNVERIFIED, HourTally

app = typer.Typer(no_args_is_help=True, help="Reports.")

_DAY: Final = 86_400
_EXIT: Final = {"fine": 0, "warning": 1, "critical": 2}


class SenderView(Struct):
    """One hour in which a sender was blamed for more bounces than is normal."""

    sender: str
    hour: str | None
    bounces: int
    reason: str
    """The most frequent one."""
    advice: str


class Health(Struct):
    """What `report health` tells, of the last 24 hours; incidents as long as they are open."""

    status: Literal["fine", "warning", "critical"]
    incidents: list[IncidentView]
    senders: list[SenderView]
    sender_blame_limit: int
    unverified: int
    unverified_limit: int


@app.callback()
def reports() -> None:
    """Reports."""


@app.command("health")
def health(context: typer.Context, *, json: Json = False) -> None:
    """Say whether somebody should look; the exit code is for monitoring.

    Exit code 0: all is fine. 1, a warning: some sender was blamed for too many bounces within an
    hour of the last day, or too many DSNs proved nothing. 2, critical: an incident is open. Other
    codes, 64 and above: the store or the config cannot be read.

    Examples:

    bouncegate report health --json
    """
    invocation = invocation_of(context)
    now = int(time.time())
    try:
        with closing(invocation.open_store(readonly=True)) as store:
            is_open = [incident for incident in store.incidents() if incident.settled is None]
            incidents = [view_of(store, incident) for incident in is_open]
            tallies = store.tallies(now - _DAY)
    except StoreMissing:
        incidents, tallies = [], []
    found = health_of(incidents, tallies, invocation.settings.alarm)
    if json:
        write_json(found)
    else:
        _write(found)
    raise typer.Exit(_EXIT[found.status])


def health_of(
    incidents: list[IncidentView], tallies: Iterable[HourTally], alarm: AlarmSettings
) -> Health:
    """What open incidents and the tallies of the last day amount to."""
    hours = list(tallies)
    unverified = sum(hour.total for hour in hours if hour.sender == UNVERIFIED)
    senders = [
        _sender(hour)
        for hour in hours
        if hour.sender != UNVERIFIED and hour.total > alarm.sender_blame
    ]
    warned = bool(senders) or unverified > alarm.unverified
    return Health(
        status="critical" if incidents else "warning" if warned else "fine",
        incidents=incidents,
        senders=senders,
        sender_blame_limit=alarm.sender_blame,
        unverified=unverified,
        unverified_limit=alarm.unverified,
    )


def _sender(tally: HourTally) -> SenderView:
    advice = REASONS[tally.main_reason].advice
    return SenderView(tally.sender, iso(tally.start), tally.total, tally.main_reason, advice)


def _write(health: Health) -> None:
    write_table(("", "found", "normal", "what to do"), _rows(health))
    print(f"\n{health.status}")


def _rows(health: Health) -> Iterator[tuple[object, ...]]:
    yield "open incidents", len(health.incidents), 0, None
    for incident in health.incidents:
        subject = f"  {incident.reason} at {incident.provider} since {incident.opened}"
        advice = f"bouncegate incident show {incident.id}, then confirm or dismiss it"
        yield subject, f"{incident.addresses} addresses", incident.limit, advice
    yield "hours in which a sender was blamed", len(health.senders), 0, None
    for sender in health.senders:
        subject = f"  {sender.sender} at {sender.hour}: {sender.reason}"
        yield subject, f"{sender.bounces} bounces", health.sender_blame_limit, sender.advice
    too_many = health.unverified > health.unverified_limit
    advice = "See whether [return_path] domain is set, or somebody forges bounces."
    yield (
        "DSNs of the last day that prove nothing",
        health.unverified,
        health.unverified_limit,
        advice if too_many else None,
    )
