"""Logs the outcome of each recorded event, one line per event."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from bouncegate.classifier.returnpath.alerts import announce
from bouncegate.config.taxonomy import log_fields
from bouncegate.config.text import counted
from bouncegate.daemon.wire import for_field
from bouncegate.policy.disposition import Disposition
from bouncegate.policy.fold import Policy, is_locked
from bouncegate.policy.records import NO_END, UNCONFIRMED, Lock
from bouncegate.policy.timeline import streak_of
from bouncegate.store.effects import Recorded

# Characters of a value from the wire that one log line shows.
_SHOWN: Final = 200
# Log lines per message: it may name a thousand recipients, and `explain` shows each.
_MOST_LINES: Final = 100


def log_outcomes(log: logging.Logger, outcomes: Sequence[Recorded], policy: Policy) -> None:
    """One line for each event that was recorded, up to a bound, and one for all beyond it.

    Plus one for each alert.
    """
    for outcome in outcomes[:_MOST_LINES]:
        event = outcome.event
        log.log(
            logging.INFO if event.address or event.named else logging.WARNING,
            "event=%d to=<%s> trust=%s kind=%s category=%s %s status=%s rule=%s "
            "queue-id=%s message-id=%s: %s",
            outcome.number,
            event.address or for_field(event.final_recipient, _SHOWN),
            event.trust,
            event.kind,
            event.category,
            log_fields(event.reason),
            for_field(event.status),
            for_field(event.rule),
            for_field(event.queue_id),
            for_field(event.message_id),
            _what_came_of(outcome, policy),
        )
    if more := outcomes[_MOST_LINES:]:
        log.info(
            "events=%d to %d: of the same message: new=%d locked=%d",
            more[0].number,
            more[-1].number,
            sum(outcome.is_new for outcome in more),
            sum(is_locked(outcome.after, outcome.event.time) for outcome in more),
        )
    for outcome in outcomes:
        for alert in outcome.alerts:
            announce(alert)


def _what_came_of(outcome: Recorded, policy: Policy) -> str:
    if not outcome.is_new:
        return "already counted"
    if not outcome.event.address:
        names = outcome.event.named
        named = counted(names, "recipient") if names else "no recipient of ours"
        return f"names {named}; kept, not counted"
    if outcome.event.held:
        return _why_held(outcome.event.held)
    why = policy.disposition(outcome.event, outcome.before)
    if why is not Disposition.COUNTS:
        return f"not counted: {why}"
    group = outcome.event.group
    before, after = streak_of(outcome.before, group), streak_of(outcome.after, group)
    lock = after.lock or outcome.after.lock
    if lock is None:
        in_row = after.soft_in_row or after.hard_in_row or len(after.complaint_run)
        lacks = policy.lacks_days(outcome.event, outcome.after)
        needs = "; needs a second from another day" if lacks else ""
        return f"counted, {in_row} in a row{needs}"
    already = "already, " if lock in (before.lock, outcome.before.lock) else ""
    whom = f" for {for_field(group, _SHOWN)}" if lock is not outcome.after.lock else ""
    return f"counted; locked {already}{_end(lock)}{whom}"


def _why_held(incident: int) -> str:
    if incident == UNCONFIRMED:
        return "unconfirmed, not counted until DNS has denied the domain twice"
    return f"held, not counted: incident {incident}"


def _end(lock: Lock) -> str:
    if lock.until == NO_END:
        return "without end"
    return f"until {datetime.fromtimestamp(lock.until, UTC):%Y-%m-%dT%H:%M:%SZ}"
