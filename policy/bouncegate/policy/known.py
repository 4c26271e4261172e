"""Whether an address was delivered to before: an outage breaks known addresses, a bot new ones.

An address is known when it was first mailed some days before the message that bounced, and no hard
bounce of those days is left unanswered by a delivery. An attacker who signs up addresses to let
them bounce has to be mailed at each of them for that long first. All of this is pure.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from bouncegate.policy.records import Event, State

DAY: Final = 86_400


class Known(StrEnum):
    """What the sends of the past tell of an address."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"
    """The record of sends does not reach back so far, or is not up to date."""


class Mailed(NamedTuple):
    """What is on record of sends; days count from 1970, UTC."""

    first: int | None
    """The day on which the address was first mailed; None: on no day that is on record."""
    begun: int | None
    """The first day of the whole record; None: there is none."""
    until: int
    """The day up to which it is complete."""


NO_RECORD: Final = Mailed(None, None, 0)


def known(event: Event, before: State, mailed: Mailed, after: int) -> Known:
    """Whether the address of an event was known, `after` so many seconds at least.

    `before` is what its journal had come to.
    """
    edge = event.moment - after
    if any(moment <= edge for moment in before.hard_run):
        return Known.NO
    day = edge // DAY
    if mailed.first is not None and mailed.first <= day:
        return Known.YES
    if mailed.begun is not None and mailed.begun <= day <= mailed.until:
        return Known.NO
    return Known.UNCLEAR
