"""What `report health` shows, as scripts read it."""

from typing import Literal, NamedTuple

from msgspec import Struct

from bouncegate.admin.report.thresholds import Exceeded
from bouncegate.admin.views.incidents import IncidentView


class SenderView(Struct):
    """One hour in which a sender was blamed for more bounces than is normal."""

    sender: str
    hour: str | None
    bounces: int
    reason: str
    """The most frequent one."""
    detail: str
    """The most frequent one, as fine as it is known."""
    advice: str


class RateView(Struct):
    """What share of a sender's sends bounced, and what of it is too much."""

    sender: str
    sends: int
    bounce_rate: float
    hard_share: float
    complaint_rate: float
    warnings: list[Exceeded]


class RoomView(Struct):
    """What a check of `bouncegate doctor` finds: a store that is nearly full, say."""

    part: str
    found: str
    advice: str
    is_urgent: bool


class Checks(NamedTuple):
    """What the checks of `bouncegate doctor` find that an operator should see."""

    room: list[RoomView]
    domains: list[RoomView]


class Rates(Struct):
    """What share of the sends of each sender bounced."""

    known_since: str | None = None
    """From when on sends are known; None: they are not."""
    why_unknown: str = ""
    senders: list[RateView] = []
    """Those with enough sends for their shares to mean anything, the most bounces first."""


class Unproven(Struct, frozen=True):
    """Reports that prove nothing or name no recipient of ours: they are kept apart."""

    kept: int = 0
    dropped: int = 0
    """In the last seven days, before their time: there were more than [retention] allows."""


class SetAside(Struct, frozen=True):
    """Messages that could not be read or recorded by a fault of ours."""

    kept: int = 0
    since: str | None = None
    """When the oldest of them came."""


class Health(Struct):
    """What `report health` shows of a period; incidents as long as they are open."""

    status: Literal["fine", "warning", "critical"]
    incidents: list[IncidentView]
    incidents_limit: int
    senders: list[SenderView]
    sender_blame_limit: int
    unverified: int
    unverified_limit: int
    rates: Rates
    bounce_rate_limit: float
    hard_share_limit: float
    complaint_rate_limit: float
    rates_from: int
    room: list[RoomView] = []
    """What is full or nearly so; no limit of [alarm], but those of `bouncegate doctor`."""
    unproven: Unproven = Unproven()
    set_aside: SetAside = SetAside()
    domains: list[RoomView] = []
    """Why bounces that say something of domains are not confirmed."""
