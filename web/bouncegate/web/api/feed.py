"""The events that webhooks get, for whoever fetches them: page by page, or as they happen."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from threading import Lock
from typing import Annotated, Any, Final, get_args
from weakref import WeakKeyDictionary

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response, StreamingResponse

from bouncegate.config.websettings import EventType
from bouncegate.store.errors import StoreError
from bouncegate.web.api.operation import EVENT_STREAM, Operation, as_json
from bouncegate.web.api.problems import refused
from bouncegate.web.call import Call
from bouncegate.web.events.event import Event
from bouncegate.web.events.feed import Page, feed
from bouncegate.web.events.service import host_name
from bouncegate.web.events.source import Source
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right
from bouncegate.web.site import Site

MOST_STREAMS: Final = 32
_LOOK_SECONDS: Final = 0.5
_COMMENT_SECONDS: Final = 15.0
_STREAM_SECONDS: Final = 3600.0
_TYPES: Final = frozenset(get_args(EventType))
_OF_LOCKS: Final = frozenset({"address.locked", "address.changed", "address.unlocked"})
_OF_ALL: Final = _OF_LOCKS | {"address.purged"}
"""What a token that is bound to groups is told even where it is of no group."""


_OTHERS_WORDS: Final = frozenset({"by", "why"})


class EventsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """From where on, and which."""

    after: str = ""
    """`next` of the page before, or a sequence number; empty: what comes from now on."""
    types: str = ""
    """Several with commas; empty: all."""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    wait: Annotated[int, Meta(ge=0, le=30)] = 0
    """Seconds to wait for an event if there is none."""


class StreamQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The same of a stream."""

    after: str = ""
    """Where the client has no `Last-Event-ID`."""
    types: str = ""


class EventView(Struct):
    """An event as webhooks get it."""

    id: str
    type: str
    timestamp: str
    sequence: int
    data: dict[str, Any]


class EventPage(Struct):
    """Some events, in order."""

    items: list[EventView]
    next: str
    """What to ask with next."""


async def get_events(call: Call, asked: EventsQuery) -> Response:
    """The next ones; with `wait`, as soon as there is one."""
    types, after = _types(asked.types), asked.after
    deadline = time.monotonic() + asked.wait
    while True:
        page = await call.site.read(_page, call, after, types, asked.limit)
        views = [_view(call, event) for event, _ in page.items if _may_see(call, event)]
        left = deadline - time.monotonic()
        if views or not page.is_last or left <= 0:
            return as_json(EventPage(views, page.next))
        after = page.next
        await asyncio.sleep(min(_LOOK_SECONDS, left))


async def stream_events(call: Call, asked: StreamQuery) -> Response:
    """As they happen, for an hour: then the client comes again, with the last id."""
    types = _types(asked.types)
    after = call.request.headers.get("last-event-id", asked.after)
    first = await call.site.read(_page, call, after, types, 1)  # whether `after` can be read
    if not after:
        after = first.next
    if call.site.streams >= MOST_STREAMS:
        raise Problem("busy", f"{MOST_STREAMS} streams are open", headers={"retry-after": "30"})
    call.site.streams += 1
    return StreamingResponse(
        _Counted(call.site, _stream(call, after, types)), media_type=EVENT_STREAM
    )


class _Counted:
    """A stream that is counted until it ends, whether or not it was begun."""

    def __init__(self, site: Site, parts: AsyncIterator[bytes]) -> None:
        self._site = site
        self._parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._parts:
                yield part
        finally:
            self._site.streams -= 1


async def _stream(call: Call, after: str, types: Collection[str]) -> AsyncIterator[bytes]:
    end = time.monotonic() + _STREAM_SECONDS
    silent_since = time.monotonic()
    yield b"retry: 5000\n\n"
    while time.monotonic() < end:
        try:
            page = await call.site.read(_page, call, after, types, 100)
        except StoreError:
            return  # the client comes again, and is told why
        told = b"".join(
            _told(_view(call, e), behind) for e, behind in page.items if _may_see(call, e)
        )
        after = page.next
        now = time.monotonic()
        if not told and now - silent_since >= _COMMENT_SECONDS:
            told = b":\n\n"
        if told:
            silent_since = now
            yield told
        if page.is_last:
            await asyncio.sleep(_LOOK_SECONDS)


def _told(view: EventView, behind: str) -> bytes:
    data = msgspec.json.encode(view)
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (behind.encode(), view.type.encode(), data)


def _page(call: Call, after: str, types: Collection[str], limit: int) -> Page:
    try:
        return feed(_source(call.site), after, types, limit, int(time.time()))
    except ValueError as error:
        raise refused("parameter", str(error), parameter="after") from None


def _source(site: Site) -> Source:
    """The events of the store; without the outbox as long as no daemon has made one."""
    with _OPENING:
        source = _SOURCES.get(site)
        if source is None or not source.has_outbox:
            try:
                outbox = site.events().outbox
            except StoreError:
                outbox = None
            if source is None or outbox is not None:
                source = Source(site.store, outbox, site.policy, host_name())
                _SOURCES[site] = source
        return source


_SOURCES: Final = WeakKeyDictionary[Site, Source]()
_OPENING: Final = Lock()


def _types(text: str) -> frozenset[str]:
    types = frozenset(filter(None, (one.strip() for one in text.split(","))))
    if unknown := sorted(types - _TYPES):
        raise refused("parameter", f"there is no event {unknown[0]!r}", parameter="types")
    return types


def _may_see(call: Call, event: Event) -> bool:
    """Whether an event is of the token's groups, or of a lock for all mail."""
    groups = call.person.groups
    if not groups:
        return True
    if event.groups:
        return not groups.isdisjoint(event.groups)
    return event.type in _OF_ALL


def _view(call: Call, event: Event) -> EventView:
    """An event as it is told; of a lock for all mail not who made it, to a token with groups."""
    data = event.data
    if call.person.groups and not event.groups:
        data = {name: None if name in _OTHERS_WORDS else value for name, value in data.items()}
    return EventView(event.id, event.type, event.timestamp, event.sequence, data)


OPERATIONS: Final = (
    Operation(
        "GET",
        "/events",
        get_events,
        Right.EVENTS,
        "The next events",
        EventsQuery,
        {200: EventPage},
        ("parameter",),
        streams=True,
    ),
    Operation(
        "GET",
        "/events/stream",
        stream_events,
        Right.EVENTS,
        "Events as they happen (server-sent events)",
        StreamQuery,
        {200: EventView},
        ("parameter", "busy"),
        media=EVENT_STREAM,
        streams=True,
    ),
)
