"""What every request passes first: bounds, header fields that are not the client's, safe answers.

Which header fields may say who asks is the listener's word (`bouncegate.web.sockets`). All others
of that kind are deleted here, before anything sees them.
"""

import asyncio
import logging
import time
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bouncegate.web.headers import secured
from bouncegate.web.problem import Problem
from bouncegate.web.sockets import Listener, Peer

_LOG: Final = logging.getLogger("bouncegate.web")

MOST_REQUESTS: Final = 200
SEND_SECONDS: Final = 30.0
"""For a client to take a part of an answer."""

_FORWARDED: Final = b"x-forwarded-for"
_NAMES: Final = frozenset({b"remote-user", b"x-forwarded-user"})
_GROUPS: Final = frozenset({b"remote-groups", b"x-forwarded-groups"})
IDENTITY: Final = _NAMES | _GROUPS
"""Fields by which a proxy says who asks."""
_PROXY: Final = IDENTITY | {
    _FORWARDED,
    b"forwarded",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-real-ip",
}


class Front:
    """The outermost layer."""

    def __init__(self, app: ASGIApp) -> None:
        """`app` answers what comes through."""
        self._app = app
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        listener: Listener = scope["state"]["listener"]
        peer: Peer | None = scope["state"]["peer"]
        scope["state"]["client"] = client_of(scope, listener, peer)
        scope["headers"] = admitted(scope["headers"], listener)
        answer = _Answer(send)
        begun = time.perf_counter()
        self._running += 1
        try:
            if self._running > MOST_REQUESTS:
                busy = Problem("busy", headers={"retry-after": "1"}).as_json()
                await busy(scope, receive, answer.send)
            else:
                await self._app(scope, receive, answer.send)
        except Exception:  # noqa: BLE001 - the last resort; routes have caught what they could
            _LOG.exception("internal error (please report)")
            if not answer.status:
                await Problem("internal").as_json()(scope, receive, answer.send)
        finally:
            self._running -= 1
            took = (time.perf_counter() - begun) * 1e3
            client, method = scope["state"]["client"], scope["method"]
            _LOG.debug("%s status=%d client=%s ms=%.1f", method, answer.status, client, took)


class _Answer:
    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = secured(list(message.get("headers", ())))
        async with asyncio.timeout(SEND_SECONDS):
            await self._send(message)


def admitted(headers: list[tuple[bytes, bytes]], listener: Listener) -> list[tuple[bytes, bytes]]:
    """The fields that may be believed, or that nobody has to."""
    kept = IDENTITY if listener.trusts_names else frozenset[bytes]()
    return [field for field in headers if field[0] not in _PROXY or field[0] in kept]


def client_of(scope: dict[str, Any] | Scope, listener: Listener, peer: Peer | None) -> str:
    """From where a request comes: the address that the proxy saw, or ours."""
    if listener.is_behind_proxy:
        for name, value in reversed(scope["headers"]):
            if name == _FORWARDED:
                # Each proxy adds the address that it saw; what stands before is the client's word.
                last = value.decode("latin-1").rpartition(",")[2].strip()
                return last[:64] if last.isascii() and last.isprintable() else "unknown"
    if peer is not None:
        return f"uid:{peer.uid}"
    return scope["client"][0] if scope.get("client") else "unknown"
