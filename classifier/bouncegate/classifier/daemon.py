"""The return-path daemon: listens, serves until it is told to stop, keeps the store tidy.

SIGTERM and SIGINT end it: nothing new is taken in, what is in hand is recorded and answered.
"""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable
from typing import Final

import uvloop

from bouncegate.classifier.intake import Intake
from bouncegate.classifier.lmtp import FIGURES, Aside, ReturnPathHandler, protocol_factory
from bouncegate.classifier.notices import announce
from bouncegate.classifier.recorder import Recorder
from bouncegate.config.settings import Settings
from bouncegate.config.values import InetSocket
from bouncegate.daemon.counters import Board
from bouncegate.daemon.listening import listen
from bouncegate.policy.fold import Policy
from bouncegate.store.errors import StoreError
from bouncegate.store.store import Store

log: Final = logging.getLogger("bouncegate.return-path")

_STOP_SECONDS: Final = 5.0
_MAINTENANCE_SECONDS: Final = 3600.0


class ReturnPathDaemon:
    """Everything that one return-path process holds."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        intake: Intake,
        policy: Policy,
        aside: Aside | None = None,
    ) -> None:
        """Serve `[return_path] socket`, recording into `store` under `policy`.

        `aside` takes what is for its recipients.
        """
        self._aside = aside
        self._settings = settings.return_path
        self._board = Board.open(settings.metrics, "return-path", FIGURES)
        self._store = store
        self._intake = intake
        self._policy = policy

    def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until a signal says stop; `on_ready` is called once mail can come in.

        Raises ListenError.
        """
        with listen(self._settings.socket) as listener:
            try:
                # A seventh less time a DSN than with the loop of the standard library.
                uvloop.run(self._serve(listener, on_ready))
            finally:
                if not isinstance(self._settings.socket, InetSocket):
                    self._settings.socket.path.unlink(missing_ok=True)

    async def _serve(self, listener: socket.socket, on_ready: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        recorder = Recorder(lambda bounces: self._store.record(bounces, self._policy))
        row = self._board.row() if self._board is not None else None
        handler = ReturnPathHandler(self._intake, recorder, time.time, self._aside, row)
        factory = protocol_factory(handler, self._settings, loop)
        server = await loop.create_server(factory, sock=listener)
        maintenance = asyncio.create_task(self._maintain())
        log.info("listening on %s", self._settings.socket)
        on_ready()
        await stop.wait()
        server.close()
        maintenance.cancel()
        await _until_nothing_in_hand(handler)
        recorder.close()
        log.info("stopped")

    async def _maintain(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._tidy)
            except (StoreError, OSError) as error:
                log.error("maintenance failed: %s", error)
            await asyncio.sleep(_MAINTENANCE_SECONDS)

    def _tidy(self) -> None:
        """Delete messages whose time is up, close incidents that are over."""
        now = int(time.time())
        kept_for = self._settings.keep_messages.after(0)
        deleted = self._store.expire_messages(max(now - kept_for, 0))
        if deleted:
            log.info("deleted %d bounce messages whose time was up", deleted)
        for closed in self._store.tend(self._policy, now):
            announce(closed)


async def _until_nothing_in_hand(handler: ReturnPathHandler) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    while handler.in_hand and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)  # let the last answers leave
