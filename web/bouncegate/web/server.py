"""The process: serves all listeners in one loop until a signal says stop, or take new settings."""

import asyncio
import logging
import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from socket import socket
from typing import Final

import uvicorn
import uvloop
from starlette.types import ASGIApp

from bouncegate.daemon import status
from bouncegate.web.protocol import REQUEST_SECONDS, Connection
from bouncegate.web.sockets import Listener

_LOG: Final = logging.getLogger("bouncegate.web")

_KEEP_ALIVE: Final = 30
_STOP_SECONDS: Final = 5
_CHECK_SECONDS: Final = 1
_BACKLOG: Final = 128


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the process is asked, and tells."""

    check: Callable[[], str]
    """Why to start anew, if there is a reason; called once a second."""
    reload: Callable[[], bool]
    """Whether the settings of now are good; called at SIGHUP."""
    notify: Callable[[str], None]
    """Tells the service manager how it goes (sd_notify(3))."""


class WebServer(uvicorn.Server):
    """Serves an application at several listeners, each with its own trust."""

    def __init__(
        self,
        app: ASGIApp,
        listeners: Sequence[Listener],
        hooks: Hooks,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        """Nothing is served yet; `request_seconds` is the time for a request to come."""
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=_STOP_SECONDS,
                callback_notify=self._on_second,
                timeout_notify=_CHECK_SECONDS,
            )
        )
        # Its warnings are about what clients send: they could fill the log.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._listeners = listeners
        self._hooks = hooks
        self._seconds = request_seconds
        where = ", ".join(str(listener.endpoint) for listener in listeners)
        self._status = status.described(f"listening on {where}")
        self._is_ended = False
        self.starts_anew = False
        """Whether the program is to be started again in this process."""

    def serve_until_stopped(self) -> None:
        """Serve; returns when a signal or `check` has ended it."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self.serve())

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Listen at all listeners."""
        del sockets  # there are those of the listeners
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._on_reload)
        self.servers = []
        for listener in self._listeners:
            connection = partial(
                Connection, self.config, self.server_state, {}, listener, self._seconds
            )
            # The server closes the socket that it is given; this one may be left to others.
            sock = listener.socket.dup()
            self.servers.append(await loop.create_server(connection, sock=sock, backlog=_BACKLOG))
        self.started = True
        _LOG.info(self._status)
        self._hooks.notify(status.ready(self._status))

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals alone: the loop handles them."""
        yield

    async def _on_second(self) -> None:
        self._hooks.notify("WATCHDOG=1")
        if not self._is_ended and (reason := self._hooks.check()):
            _LOG.critical("%s: restarting", reason)
            self.starts_anew = self.should_exit = True

    def _end(self) -> None:
        self._is_ended = True
        self.starts_anew, self.should_exit = False, True

    def _on_reload(self) -> None:
        if self._is_ended:  # of two signals that come at once, either may be told first
            return
        self._hooks.notify(status.reloading())
        if self._hooks.reload():
            _LOG.info("reload: starting anew with the settings of now")
            self.starts_anew = self.should_exit = True
        else:
            self._hooks.notify(status.ready(self._status, "reload failed, see the log"))
