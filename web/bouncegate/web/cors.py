"""Answers that a page of another site may read: `[api] origins`, for judging addresses alone.

A form in a browser asks before it takes an address. Each origin is named as it is, without
wildcards; no cookie is ever heeded there, and what changes something is not offered. The protocol
is that of the Fetch standard, section "CORS protocol".
"""

from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bouncegate.web.api.openapi import PREFIX

SHARED: Final = frozenset({f"{PREFIX}/check", f"{PREFIX}/check/stream"})
"""Paths that others may ask."""
_PREFLIGHT: Final = {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "authorization, content-type",
    "access-control-max-age": "600",
}
_EXPOSED: Final = "retry-after, ratelimit, ratelimit-policy"


class Cors:
    """A layer that says which other sites may ask."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        """`app` answers; `origins` are those of `[api] origins`."""
        self._app = app
        self._origins = frozenset(origin.lower() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] not in SHARED:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")
        allowed = origin if origin in self._origins else ""
        # Asked before what is to be asked: it comes without a token, and nothing is looked up.
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            answer = Response(status_code=204, headers=_PREFLIGHT if allowed else None)
            await answer(scope, receive, _told(send, allowed))
            return
        await self._app(scope, receive, _told(send, allowed))


def _told(send: Send, allowed: str) -> Send:
    """Adds to an answer who may read it; caches keep those of two origins apart."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message.get("headers", ())))
            headers.add_vary_header("origin")
            if allowed:
                headers["access-control-allow-origin"] = allowed
                headers["access-control-expose-headers"] = _EXPOSED
            message["headers"] = headers.raw
        await send(message)

    return sending
