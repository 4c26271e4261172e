"""Events in parcels, and parcels in chains: what is sent together, and what one after the other.

Pure. A failed parcel holds back only what comes later about the same address; with `strict`, all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from msgspec.structs import replace

from bouncegate.config.websettings import EndpointSettings
from bouncegate.web.events.deliveries import STEP, Parcel
from bouncegate.web.events.event import ALWAYS, Event
from bouncegate.web.events.source import Told


def wants(settings: EndpointSettings, told: Told) -> bool:
    """Whether an endpoint asks for an event."""
    event = told.event
    if event.type in ALWAYS:
        return True
    if told.whom and (told.whom == "each") is not settings.each:
        return False
    if settings.types and event.type not in settings.types:
        return False
    groups = event.groups
    return not (settings.groups and groups) or not set(groups).isdisjoint(settings.groups)


def packed(events: Iterable[Event], batch: int, number: int) -> Iterator[Parcel]:
    """Events in parcels of at most `batch`, numbered from `number` on."""
    left = iter(events)
    while some := tuple(islice(left, batch)):
        yield Parcel(number, some)
        number += STEP


def apart(parcel: Parcel) -> list[Parcel]:
    """Each event of a batch alone, in its place."""
    return [
        replace(parcel, number=parcel.number + place, events=(event,))
        for place, event in enumerate(parcel.events)
    ]


def ready(waiting: Iterable[Parcel], now: float, most: int, *, strict: bool) -> list[Parcel]:
    """What may be tried now: it is due, and stands behind nothing about the same address."""
    found: list[Parcel] = []
    before: set[str] = set()
    for parcel in waiting:
        is_due = parcel.due <= now and (strict or before.isdisjoint(parcel.lanes))
        if is_due:
            found.append(parcel)
        if len(found) == most or (strict and not is_due):
            break
        before |= parcel.lanes
    return found


def chains(parcels: Sequence[Parcel], *, strict: bool) -> list[list[Parcel]]:
    """What is sent one after the other, each chain apart from the others."""
    if strict:
        return [list(parcels)] if parcels else []
    found: dict[int, list[Parcel]] = {}
    owner: dict[str, int] = {}
    for place, parcel in enumerate(parcels):
        joined = sorted({owner[lane] for lane in parcel.lanes if lane in owner})
        head = joined[0] if joined else place
        chain = found.setdefault(head, [])
        for other in joined[1:]:
            chain.extend(found.pop(other))
        chain.append(parcel)
        lanes = {lane for one in chain for lane in one.lanes} if len(joined) > 1 else parcel.lanes
        owner.update(dict.fromkeys(lanes, head))
    return [sorted(chain, key=lambda one: one.number) for chain in found.values()]


def held_back(
    parcels: Iterable[Parcel], lanes: Collection[str], *, strict: bool
) -> tuple[list[Parcel], list[Parcel]]:
    """What may be sent, and what stands behind something that waits about these addresses."""
    free: list[Parcel] = []
    held: list[Parcel] = []
    behind = set(lanes)
    for parcel in parcels:
        if (strict and behind) or not behind.isdisjoint(parcel.lanes):
            held.append(parcel)
            behind |= parcel.lanes
        else:
            free.append(parcel)
    return free, held
