"""One connection of Postfix's: requests `name key` in netstrings, each answered in its turn.

socketmap_table(5): `OK value`, `NOTFOUND `, `TEMP reason` or `PERM reason`. Postfix asks one
question at a time and keeps the connection; who sends many at once is served as well.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final, cast

from bouncegate.milter.lookup.netstring import NetstringError, encode, split

_LOG: Final = logging.getLogger("bouncegate.map")

NOT_FOUND: Final = b"NOTFOUND "

Lookup = Callable[[bytes], bytes]
"""From a key to the answer; raises nothing."""


def nothing(_key: bytes) -> bytes:
    """The look-up in a map that holds nothing."""
    return NOT_FOUND


class Socketmap(asyncio.Protocol):
    """Answers from maps, each under its name."""

    def __init__(self, maps: Mapping[bytes, Lookup], connections: "set[Socketmap]") -> None:
        """`connections` holds those that are open, to be closed at the end."""
        self._maps = maps
        self._connections = connections
        self._rest = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Postfix closes what it has not used for a while."""
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        if self._transport.is_closing():
            return
        try:
            requests, self._rest = split(self._rest + data)
        except NetstringError as error:
            self._close(str(error))
            return
        if requests:
            self._transport.write(b"".join([encode(self._answer(one)) for one in requests]))

    def pause_writing(self) -> None:
        """Who does not read answers is asked nothing more."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The answers are gone."""
        self._transport.resume_reading()

    def close(self) -> None:
        """End the connection once what was answered has left."""
        self._transport.close()

    def _answer(self, request: bytes) -> bytes:
        name, _, key = request.partition(b" ")
        lookup = self._maps.get(name)
        return b"PERM there is no map of that name" if lookup is None else lookup(key)

    def _close(self, why: str) -> None:
        _LOG.warning("closing a connection that is not Postfix's: %s", why)
        self._rest = b""
        self._transport.abort()
