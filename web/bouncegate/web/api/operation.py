"""One thing that programs may ask: from a row of the table come its route and its description.

What it takes is one Struct: the parameters of a GET or DELETE, the body of a POST or PUT. A field
that the Struct lacks is a mistake of the caller, never ignored.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import msgspec
from starlette.responses import Response

from bouncegate.web.api.idempotency import with_key
from bouncegate.web.api.problems import refused
from bouncegate.web.call import Call
from bouncegate.web.rights import Right
from bouncegate.web.routes import Handler, Route

_T = TypeVar("_T")

VERSION: Final = "/v1"
JSON: Final = "application/json"
LINES: Final = "application/x-ndjson"
EVENT_STREAM: Final = "text/event-stream"
_IN_QUERY: Final = frozenset({"GET", "DELETE"})
_ASKS: Final = frozenset({Right.CHECK, Right.READ})
"""Rights that change nothing."""


@dataclass(frozen=True)
class Operation:
    """A row of the table."""

    method: str
    path: str
    """Below /api/v1, as the framework writes it."""
    handler: Callable[..., Response] | Callable[..., Awaitable[Response]]
    """A function of the call, and of what is taken if that is anything."""
    right: Right | None
    summary: str
    takes: type[msgspec.Struct] | None = None
    answers: dict[int, Any] = field(default_factory=dict)
    """Status -> type of the body; None: without one."""
    problems: tuple[str, ...] = ()
    """Kinds beside those that every operation may have."""
    media: str = JSON
    streams: bool = False

    @property
    def takes_query(self) -> bool:
        """Whether what is taken are parameters."""
        return self.method in _IN_QUERY or self.streams

    @property
    def takes_key(self) -> bool:
        """Whether `Idempotency-Key` is heeded: PUT and DELETE need none."""
        return self.method == "POST" and self.right not in _ASKS

    @property
    def route(self) -> Route:
        """What the site mounts."""
        return Route(
            VERSION + self.path,
            self._handler(),
            methods=(self.method,),
            right=self.right,
            streams=self.streams,
        )

    def _handler(self) -> Handler:
        handler: Callable[..., Any] = self.handler
        if inspect.iscoroutinefunction(handler):

            async def answer(call: Call) -> Response:
                found: Response = await handler(call, *self._taken(call))
                return found

            return answer

        def answer_in_thread(call: Call) -> Response:
            found: Response = handler(call, *self._taken(call))
            return found

        return with_key(answer_in_thread) if self.takes_key else answer_in_thread

    def _taken(self, call: Call) -> tuple[msgspec.Struct, ...]:
        if self.takes_query:
            return tuple(filter(None, (_query(call, self.takes),)))
        _query(call, None)
        return () if self.takes is None else (_body(call, self.takes),)


def as_json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer."""
    return Response(msgspec.json.encode(value), status, headers, JSON)


def _query(call: Call, form: type[_T] | None) -> _T | None:
    """The parameters; an empty one is as if it were not there. Raises Problem."""
    given: dict[str, str] = {}
    for name, value in call.request.query_params.multi_items():
        if name in given:
            raise refused("parameter", f"{name} stands there twice", parameter=name)
        given[name] = value
    if form is None:
        if given:
            raise refused("parameter", f"there is no parameter {next(iter(given))!r} here")
        return None
    filled = {name: value for name, value in given.items() if value}
    try:
        return msgspec.convert(filled, form, strict=False)
    except msgspec.ValidationError as error:
        raise refused("parameter", str(error)) from None


def _body(call: Call, form: type[_T]) -> _T:
    try:
        return msgspec.json.decode(call.body, type=form)
    except msgspec.ValidationError as error:
        raise refused("body", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refused("json", str(error)) from None
