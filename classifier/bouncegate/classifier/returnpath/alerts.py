"""Log lines that an operator should act on: incidents, and senders that are blamed too often."""

import logging
from datetime import UTC, datetime
from functools import singledispatch
from typing import Final

from bouncegate.config.reasons import REASONS
from bouncegate.config.text import counted
from bouncegate.daemon.wire import for_field
from bouncegate.store.hourcounts import HourCount
from bouncegate.store.incidents import Incident

log: Final = logging.getLogger("bouncegate.return-path")

_SHOWN: Final = 200  # characters of a name from the wire


@singledispatch
def announce(alert: Incident | HourCount) -> None:
    """One line, of a severity that monitoring looks for."""
    raise TypeError(f"no alert: {alert!r}")


@announce.register
def _(incident: Incident) -> None:
    opened, settled = incident.opened, incident.settled
    if settled is None:
        log.error(
            "incident=%d opened: %s at %s bounced as %s, %d would be normal: locking is "
            'suspended there for this reason, and its bounces are held; see "bouncegate incident '
            'show %d", then confirm or dismiss it',
            incident.number,
            counted(opened.addresses, "address"),
            opened.provider[:_SHOWN],
            opened.reason,
            opened.limit,
            incident.number,
        )
    else:
        log.warning(
            "incident=%d %s by %s: %s at %s: %s",
            incident.number,
            settled.verb,
            settled.by,
            opened.reason,
            opened.provider[:_SHOWN],
            settled.why,
        )


@announce.register
def _(hour: HourCount) -> None:
    log.error(
        "sender=%s: %d bounces blame the sender in the hour from %s, mostly for %s: %s",
        for_field(hour.sender),
        hour.total,
        datetime.fromtimestamp(hour.start, UTC).strftime("%Y-%m-%dT%H:%MZ"),
        hour.main_reason,
        REASONS[hour.main_reason].advice,
    )
