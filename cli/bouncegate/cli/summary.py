"""`summary`: how many addresses are on which list, and what ends soon, at a glance."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Final

import typer

from bouncegate.admin.views.summary import LOCKS, LocksView, SummaryView, summary_of, summary_view
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.options import Json
from bouncegate.cli.output import complain, write_json
from bouncegate.cli.report.table import percent
from bouncegate.cli.table import write_table
from bouncegate.config.settings import AlarmSettings
from bouncegate.config.text import counted
from bouncegate.store.errors import StoreMissing

_UNITS: Final = (("day", 86_400), ("hour", 3600), ("minute", 60))


def summary(
    context: typer.Context,
    *,
    now: Annotated[
        bool, typer.Option("--now", help="Count now: some seconds for a million addresses.")
    ] = False,
    json: Json = False,
) -> None:
    """Show how many addresses bounced, are locked, and end soon.

    "bouncegate maintain" counts every hour; the summary says when. If it has not counted yet, the
    summary counts. An address with several locks counts once. Rates are of all mail; the limits are
    in [alarm].

    Examples:

    bouncegate summary

    bouncegate summary --now --json
    """
    invocation = invocation_of(context)
    clock = int(time.time())
    try:
        with closing(invocation.open_store(readonly=True)) as store, closing(invocation):
            kept = None if now else store.summary.get()
            found = kept or summary_of(invocation, store, clock)
            incidents = sum(1 for one in store.incidents.all() if one.settled is None)
    except StoreMissing as error:
        complain(str(error))
        return
    view = summary_view(found, incidents, invocation.settings.alarm, clock)
    if json:
        write_json(view)
    else:
        write_table(("", "", ""), _rows(view, invocation.settings.alarm))


def _rows(view: SummaryView, alarm: AlarmSettings) -> Iterator[tuple[object, ...]]:
    yield "bounced", f"{view.bounced:,}", ""
    yield "detected", f"{view.detected:,}", ""
    yield "locked", f"{view.locked.total:,}", ""
    yield from _rows_of_locks(view.locked)
    if view.one_group:
        yield "  of them for single groups alone", f"{view.one_group:,}", ""
    yield "  of them free within 7 days", f"{view.ending.total:,}", ""
    yield "locked domains", f"{view.domains:,}", ""
    yield "predicted", f"{view.predicted:,}", ""
    yield "invalid", f"{view.invalid:,}", ""
    yield "stale", f"{view.stale:,}", ""
    yield "open incidents", view.open_incidents, f"limit {alarm.incidents}"
    for rate in view.rates:
        days = f"{rate.days} days"
        is_judged = (rate.sends or 0) >= alarm.rates_from
        for what, share, limit in (
            ("bounce rate", rate.bounce_rate, rate.bounce_rate_limit),
            ("hard share", rate.hard_share, rate.hard_share_limit),
        ):
            is_above = is_judged and share is not None and share > limit
            words = f"{'above the ' * is_above}limit {percent(limit)}"
            yield f"{what} of {days}", percent(share) or "unknown", words
        if rate.sends is not None:
            yield f"sends of {days}", f"{rate.sends:,}", "" if is_judged else "too few to judge"
    yield "counted", view.counted, f"{_age(view.age)} ago"


def _rows_of_locks(locks: LocksView) -> Iterator[tuple[object, ...]]:
    for name, words in LOCKS.items():
        if number := getattr(locks, name):
            yield f"  {words}", f"{number:,}", ""


def _age(seconds: int) -> str:
    """A length of time in its largest unit: seconds differ from call to call."""
    for unit, length in _UNITS:
        if seconds >= length:
            return counted(seconds // length, unit)
    return "less than a minute"
