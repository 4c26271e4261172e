"""Bounces and sends, for the tests of what is counted."""

from tests.events import event_of

from bouncegate.admin.report.counting import Scope
from bouncegate.admin.report.filters import Filters
from bouncegate.config.taxonomy import Category, Kind, Reason
from bouncegate.policy.records import Event
from bouncegate.policy.timeline import Mark
from bouncegate.store.arrivals import Arrival
from bouncegate.store.entry import Sent

DAY = 86_400
NOW = 20_000 * DAY


def event(
    address: str = "ann@b.example",
    reason: Reason = Reason.USER_UNKNOWN,
    *,
    time: int = NOW,
    sent: int = 0,
    mailing: str = "spring",
    group: str = "readers",
    sender: str = "news@example.org",
    provider: str = "",
) -> Event:
    return event_of(
        address,
        time,
        reason,
        mailing=mailing,
        group=group,
        sender=sender,
        provider=provider,
        sent=sent,
    )


def complaint(address: str = "ann@b.example", *, time: int = NOW, sent: int = 0) -> Event:
    whole = event(address, Reason.COMPLAINT, time=time, sent=sent)
    assert (whole.kind, whole.category) == (Kind.COMPLAINT, Category.UNDEFINED)
    return whole


def arrivals(*events: Event, mark: Mark = "") -> list[Arrival]:
    return [Arrival(number, one, mark) for number, one in enumerate(events, 1)]


def sent(
    *recipients: str,
    time: int = NOW,
    mailing: str = "spring",
    group: str = "readers",
    sender: str = "news@example.org",
) -> Sent:
    return Sent(time, b"12345678", sender, recipients, mailing=mailing, group=group)


def scope(filters: Filters | None = None, sends_since: int | None = None) -> Scope:
    return Scope(filters or Filters(), ("signed", "matched"), sends_since)
