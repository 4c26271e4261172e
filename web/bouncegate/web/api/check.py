"""Judging addresses before they are mailed: one for a form, some for a program, or a whole list."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from typing import Final

import msgspec
from msgspec import Struct
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from bouncegate.admin.lists.lines import Line
from bouncegate.admin.views.judged import JudgedView, judged_view, list_check
from bouncegate.web.api.given import Items, require_few
from bouncegate.web.api.operation import LINES, Operation, as_json
from bouncegate.web.api.problems import refused
from bouncegate.web.api.sight import group_of, shown_judgement
from bouncegate.web.call import Call
from bouncegate.web.rights import Right

_AT_ONCE: Final = 500
_LONGEST_LINE: Final = 4096
_PART_SECONDS: Final = 30.0


class CheckQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """One address."""

    address: str
    group: str = ""
    """As mail of this group."""


class CheckBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Some addresses."""

    addresses: list[str]
    group: str = ""


class LongListQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """As mail of which group."""

    group: str = ""


async def check_one(call: Call, asked: CheckQuery) -> Response:
    """In the loop: a look-up costs less than a change of threads."""
    group = group_of(call, Right.CHECK, asked.group)
    return as_json(_judged(call, [Line(1, asked.address)], group)[0])


def check_some(call: Call, asked: CheckBody) -> Response:
    """Of some addresses."""
    require_few(call, asked.addresses)
    group = group_of(call, Right.CHECK, asked.group)
    lines = [Line(number, text) for number, text in enumerate(asked.addresses, 1)]
    return as_json(Items(_judged(call, lines, group)))


async def check_stream(call: Call, asked: LongListQuery) -> Response:
    """Of a list of any length, in as much memory as a portion takes."""
    group = group_of(call, Right.CHECK, asked.group)
    kind = call.request.headers.get("content-type", "text/plain").partition(";")[0].strip()
    if kind not in (LINES, "text/plain"):
        raise refused("parameter", f"send {LINES} or text/plain, not {kind[:60]!r}")

    async def judged() -> AsyncIterator[bytes]:
        encode = msgspec.json.Encoder().encode_lines
        async for lines in _portions(call, is_json=kind == LINES):
            yield encode(await call.site.read(_judged, call, lines, group))

    return _WhileReading(judged(), media_type=LINES)


class _WhileReading(StreamingResponse):
    """A stream that is made from the body: nobody else may wait for parts of that meanwhile."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; that the client has gone is seen by who reads the body."""
        with suppress(ClientDisconnect):
            await self.stream_response(send)


def _judged(call: Call, lines: Sequence[Line], group: str) -> list[JudgedView]:
    site = call.site
    check = list_check(site.installation, site.store, call.now, group, typos=site.typos)
    return [shown_judgement(call, judged_view(one)) for one in check.check(lines)]


async def _portions(call: Call, *, is_json: bool) -> AsyncIterator[list[Line]]:
    """The lines of the body, some at a time; blank ones are counted and left out."""
    waiting: list[Line] = []
    number = 0
    async for octets in _lines(call):
        number += 1
        if text := _address(octets, is_json=is_json):
            waiting.append(Line(number, text))
        if len(waiting) == _AT_ONCE:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


async def _lines(call: Call) -> AsyncIterator[bytes]:
    """The lines of the body; of one that is too long to be an address only its beginning."""
    rest = bytearray()
    parts = call.request.stream()
    while True:
        async with asyncio.timeout(_PART_SECONDS):
            part = await anext(parts, None)
        if part is None:
            break
        for octets in _ended(rest, part):
            yield octets
    if rest:
        yield bytes(rest[:_LONGEST_LINE])


def _ended(rest: bytearray, part: bytes) -> Iterator[bytes]:
    """The lines that end in a part; what is behind them is left in `rest`, as far as it matters."""
    *ended, last = part.split(b"\n")
    for line in ended:
        yield bytes(rest[:_LONGEST_LINE]) + line[: _LONGEST_LINE - len(rest)]
        rest.clear()
    rest += last[: max(_LONGEST_LINE - len(rest), 0)]


def _address(octets: bytes, *, is_json: bool) -> str:
    """The address of a line: text, or JSON that is a string or has a member "address"."""
    text = octets.decode("utf-8", "replace").strip()
    if not is_json or not text:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, dict):
        value = value.get("address")
    return value if isinstance(value, str) and value.isprintable() else text


OPERATIONS: Final = (
    Operation(
        "GET",
        "/check",
        check_one,
        Right.CHECK,
        "Judge one address",
        CheckQuery,
        {200: JudgedView},
    ),
    Operation(
        "POST",
        "/check",
        check_some,
        Right.CHECK,
        "Judge some addresses",
        CheckBody,
        {200: Items[JudgedView]},
        ("too-many",),
    ),
    Operation(
        "POST",
        "/check/stream",
        check_stream,
        Right.CHECK,
        "Judge a list of any length, line by line",
        LongListQuery,
        {200: JudgedView},
        media=LINES,
        streams=True,
    ),
)
