"""The same events for whoever fetches them: the pull feed and the stream of the HTTP interface."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from bouncegate.web.events.event import Event
from bouncegate.web.events.position import Position
from bouncegate.web.events.source import Source

MOST: Final = 1000
"""Events of a page."""
_AT_ONCE: Final = 200
# Pages of which every event is of another type than asked for: some tens of milliseconds.
_MOST_READ: Final = 5000


class Page(NamedTuple):
    """Some events, in order."""

    items: list[tuple[Event, str]]
    """Each with the cursor behind it."""
    next: str
    """The cursor behind all that was looked at: what to ask with next."""
    is_last: bool
    """Whether there is nothing more now."""


def feed(source: Source, after: str, types: Collection[str], limit: int, now: int) -> Page:
    """The events behind a cursor, or behind a sequence number; "" for what comes from now on.

    `types`: only these; none: all. About `limit` of them: those of one address and entry come
    together. The pages that follow one another by `next` hold every event once. Raises ValueError,
    StoreError.
    """
    position = start_of(source, after, now)
    items: list[tuple[Event, str]] = []
    read = 0
    limit = max(1, min(limit, MOST))
    while True:
        portion = source.read(position, min(limit - len(items), _AT_ONCE), now)
        items += (
            (told.event, str(told.behind))
            for told in portion.told
            if told.whom != "each" and (not types or told.event.type in types)
        )
        position, read = portion.behind, read + len(portion.told)
        if portion.is_last or len(items) >= limit or read >= _MOST_READ:
            return Page(items, str(position), portion.is_last)


def start_of(source: Source, after: str, now: int) -> Position:
    """Where to begin; raises ValueError."""
    if not after:
        return source.end(now)
    if after.isascii() and after.isdecimal():
        return source.behind(int(after[:18]))
    return Position.parse(after)
