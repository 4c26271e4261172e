"""The map daemon: listens, answers until it is told to stop.

SIGTERM and SIGINT end it, SIGHUP takes new settings. One process serves every connection: a
look-up waits for nothing.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from bouncegate.config.values import Endpoint, InetSocket
from bouncegate.daemon.listening import listen
from bouncegate.milter.lookup.protocol import Lookup, Socketmap

_LOG: Final = logging.getLogger("bouncegate.map")
_STOP_SECONDS: Final = 5.0
# A store that was replaced is noticed as soon; to look takes some microseconds.
_LOOK_SECONDS: Final = 1.0


class MapDaemon:
    """Serves maps at an endpoint."""

    def __init__(
        self,
        endpoint: Endpoint,
        maps: Mapping[bytes, Lookup],
        look: Callable[[], None],
        reload: Callable[[], Mapping[bytes, Lookup] | None],
    ) -> None:
        """Nothing is opened yet; `look` is called once a second, beside the look-ups.

        `reload` gives the maps under the settings of now, or None to stay with the old ones.
        """
        self._look = look
        self._reload = reload
        self._endpoint = endpoint
        self._maps = dict(maps)
        self._connections: set[Socketmap] = set()

    def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until a signal says stop; `on_ready` is called once look-ups can come in.

        Raises ListenError.
        """
        with listen(self._endpoint) as listener:
            try:
                asyncio.run(self._serve(listener, on_ready))
            finally:
                if not isinstance(self._endpoint, InetSocket):
                    self._endpoint.path.unlink(missing_ok=True)

    async def _serve(self, listener: socket.socket, on_ready: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._take_anew)
        server = await loop.create_server(
            lambda: Socketmap(self._maps, self._connections), sock=listener
        )
        _LOG.info("listening on %s", self._endpoint)
        on_ready()
        while not stop.is_set():
            self._look()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
        server.close()
        await self._close_connections()
        _LOG.info("stopped")

    def _take_anew(self) -> None:
        """New settings, for the connections that are open as well."""
        try:
            maps = self._reload()
        except Exception as error:  # noqa: BLE001 - the boundary: the old maps go on answering
            _LOG.error("reload: %s: the old settings stay in force", error)
            return
        if maps is not None:
            self._maps.update(maps)
            _LOG.info("reloaded")

    async def _close_connections(self) -> None:
        for connection in list(self._connections):
            connection.close()
        deadline = asyncio.get_running_loop().time() + _STOP_SECONDS
        while self._connections and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
