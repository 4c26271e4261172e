"""The map daemon: listens and answers until SIGTERM.

SIGTERM and SIGINT end it, SIGHUP takes new settings. One process serves every connection: a
look-up waits for nothing.

Where the installed code is not that which runs, SIGHUP takes it, and SIGUSR2 does so in any case:
the process goes on with it (`bouncegate.daemon.reexec`). Its connections are closed, and Postfix
makes others; they wait in the listening socket, which stays open, until the new program serves.
"""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from bouncegate.config.endpoints import Endpoint
from bouncegate.daemon import reexec, status
from bouncegate.daemon.listening import listening
from bouncegate.daemon.reexec import Inheritance
from bouncegate.daemon.runningcode import RunningCode
from bouncegate.milter.lookup.protocol import Lookup, Socketmap

_LOG: Final = logging.getLogger("bouncegate.map")
_STOP_SECONDS: Final = 5.0
# A store that was replaced is noticed as soon; a check takes some microseconds.
_CHECK_SECONDS: Final = 1.0
# For new code to show that it can start; look-ups wait meanwhile.
_TRIAL_SECONDS: Final = 10.0
_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2})


class MapDaemon:
    """Serves maps at an endpoint."""

    def __init__(
        self,
        endpoint: Endpoint,
        maps: Mapping[bytes, Lookup],
        check: Callable[[], None],
        reload: Callable[[], Mapping[bytes, Lookup] | None],
        notify: Callable[[str], None],
    ) -> None:
        """Nothing is opened yet; `check` is called once a second, beside the look-ups.

        `reload` gives the maps under the settings of now, or None to stay with the old ones.
        `notify` tells the service manager how the daemon fares (sd_notify(3)).
        """
        self._notify = notify
        self._code = RunningCode()
        self._stop = asyncio.Event()
        self._takes_new_code = False
        self._status = status.described(f"listening on {endpoint}")
        self._check = check
        self._reload = reload
        self._endpoint = endpoint
        self._maps = dict(maps)
        self._connections: set[Socketmap] = set()

    def run(self, left: int | None, board: int, close: Callable[[], None]) -> None:
        """Serve until a signal says stop, or new code takes over.

        `left` is the descriptor of the listening socket that the program before has left, `board`
        that of the scoreboard; `close` closes what must not be open when the next one begins.
        Raises ListenError.
        """
        with listening(self._endpoint, left) as listener:
            asyncio.run(self._serve(listener.dup()))
            close()
            if self._takes_new_code:
                self._execute(listener.fileno(), board)

    async def _serve(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._on_reload)
        loop.add_signal_handler(signal.SIGUSR2, self._on_reload, "as SIGUSR2 asks for")
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        server = await loop.create_server(
            lambda: Socketmap(self._maps, self._connections), sock=listener
        )
        _LOG.info(self._status)
        self._notify(status.ready(self._status))
        while not self._stop.is_set():
            self._check()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _CHECK_SECONDS)
        server.close()
        await self._close_connections()
        _LOG.info("stopped")

    def _execute(self, listener: int, board: int) -> None:
        """Go on with the installed code; returns if that fails, for systemd to start it."""
        try:
            reexec.execute(Inheritance(os.getpid(), listener, str(self._endpoint), board, ()))
        except OSError as error:
            _LOG.error("reload: execve: %s", error.strerror)

    def _end(self) -> None:
        self._takes_new_code = False
        self._stop.set()

    def _on_reload(self, why: str = "") -> None:
        """New code, if there is any or a reason `why` to take it, or else new settings."""
        self._notify(status.reloading())
        replaced = self._code.replaced()
        trouble = ""
        if why or replaced is not None:
            why = why or f"{replaced} is not what it was at the start"
            trouble = self._trouble_of_new_code(why)
        else:
            self._take_settings()
        if not self._takes_new_code:
            self._notify(status.ready(self._status, trouble))

    def _trouble_of_new_code(self, why: str) -> str:
        """Why it cannot be taken; empty if it will be: then signals wait for the new program."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        trouble = reexec.trouble(_TRIAL_SECONDS, _LOG)
        if trouble:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        else:
            _LOG.info("reload: executing the installed code (%s)", why)
            self._takes_new_code = True
            self._stop.set()
        return trouble

    def _take_settings(self) -> None:
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
