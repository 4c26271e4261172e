"""A route: a path, who may ask it, and the handler; two tables of them make the whole site.

A handler is a function of a `Call`. A plain one runs in a thread of the pool that reads the store;
an `async` one runs in the loop, where nothing may wait. Either returns a response or raises
`Problem`.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from bouncegate.store.errors import StoreBusy, StoreError, StoreFull
from bouncegate.web.call import Call
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right
from bouncegate.web.site import Site

_LOG: Final = logging.getLogger("bouncegate.web")

LARGEST_BODY: Final = 2**20
SECONDS: Final = 30.0
_READ_AWAY: Final = 16 * LARGEST_BODY
"""A body that is too large is read up to here: a browser shows no answer before it has sent all."""

Handler = Callable[[Call], Response] | Callable[[Call], Awaitable[Response]]
Face = Literal["page", "api"]
Identify = Callable[[Call, "Route", Face], Call]
"""Says who asks, and refuses who may not; raises Problem."""
Refuse = Callable[[Call, Problem], Response]
"""The answer that shows a problem."""


@dataclass(frozen=True, slots=True)
class Route:
    """What is answered at a path."""

    path: str
    handler: Handler
    methods: tuple[str, ...] = ("GET",)
    right: Right | None = None
    """None: everybody who is known."""
    all_mail: bool = False
    """Whether it tells or changes what is not of one group: not for who is bound to groups."""
    public: bool = False
    """Whether nobody has to be known."""
    streams: bool = False
    """Whether the handler reads the body itself, and may take longer; each part has its time."""


def mounted(
    routes: Sequence[Route], site: Site, face: Face, identify: Identify, refuse: Refuse
) -> list[StarletteRoute]:
    """Routes as the framework takes them."""
    prefix = "/api" if face == "api" else ""
    return [
        StarletteRoute(
            prefix + route.path,
            _endpoint(route, site, face, identify, refuse),
            methods=list(route.methods),
        )
        for route in routes
    ]


def call_of(request: Request, site: Site) -> Call:
    """What is known before anybody has looked who asks."""
    return Call(request, site, request.state.listener, request.state.client)


def _endpoint(
    route: Route, site: Site, face: Face, identify: Identify, refuse: Refuse
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        call = call_of(request, site)
        try:
            async with asyncio.timeout(None if route.streams else SECONDS):
                body = b"" if route.streams else await _body(request)
                call = identify(replace(call, body=body), route, face)
                if inspect.iscoroutinefunction(route.handler):
                    response = await route.handler(call)
                else:
                    response = await site.read(route.handler, call)
                assert isinstance(response, Response)
                return response
        except Problem as problem:
            return refuse(call, problem)
        except TimeoutError:
            return refuse(call, Problem("timeout"))
        except ClientDisconnect:
            return Response(status_code=400)
        except StoreError as error:
            _LOG.error("%s %s: %s", request.method, route.path, error)
            return refuse(call, problem_of(error))
        except Exception:  # noqa: BLE001 - a fault of ours must not end the process
            _LOG.exception("%s %s: internal error (please report)", request.method, route.path)
            return refuse(call, Problem("internal"))

    return endpoint


def problem_of(error: StoreError) -> Problem:
    """What a client is told of a store that cannot be used."""
    if isinstance(error, StoreFull):
        return Problem("store-full")
    if isinstance(error, StoreBusy):
        return Problem("store-busy", headers={"retry-after": "5"})
    return Problem("read-only", headers={"retry-after": "60"})


async def _body(request: Request) -> bytes:
    """All of the body; raises Problem if it is too large."""
    told = request.headers.get("content-length", "0")
    if told.isdecimal() and int(told) > LARGEST_BODY:
        if int(told) <= _READ_AWAY:
            async for _ in request.stream():
                pass
        raise Problem("too-large", f"at most {LARGEST_BODY} octets", limit=LARGEST_BODY)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            raise Problem("too-large", f"at most {LARGEST_BODY} octets", limit=LARGEST_BODY)
    return bytes(body)
