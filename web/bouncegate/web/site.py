"""What all handlers share: settings, store, and the threads in which they ask and change it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Final, TypeVar

from bouncegate.admin.installation import Installation
from bouncegate.admin.lists.typos import Typos
from bouncegate.store.store import Store
from bouncegate.web.access.access import Access
from bouncegate.web.events.eventstore import EventStore
from bouncegate.web.jobs import Jobs
from bouncegate.web.ratelimits import Delays

_T = TypeVar("_T")

READERS: Final = 8
"""Threads that read the store. LMDB has one writer, and so has the page."""


class Site:
    """The page and the interface of one store."""

    def __init__(self, installation: Installation, store: Store, access: Access) -> None:
        """Go by an installation's settings, with its open store, and with who may use it."""
        self.installation: Final = installation
        self.settings: Final = installation.settings
        self.policy: Final = installation.policy
        self.store: Final = store
        self.access: Final = access
        self.typos: Final = Typos(installation.providers.domains())
        self._readers = ThreadPoolExecutor(READERS, "web-read")
        self._writer = ThreadPoolExecutor(1, "web-act")
        # A password costs 32 MiB and a core for a while: one after the other.
        self._passwords = ThreadPoolExecutor(1, "web-login")
        self.delays: Final = Delays()
        self.jobs: Final = Jobs(access.jobs)
        self.logins_waiting = 0
        self._opening = Lock()
        self._events: EventStore | None = None
        self.streams = 0
        """Open streams of events."""

    async def read(self, function: Callable[..., _T], *args: object) -> _T:
        """What a function returns that reads the store, or just takes its time."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, function, *args)

    async def act(self, function: Callable[..., _T], *args: object) -> _T:
        """What a function returns that changes the store; one after the other."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, function, *args)

    async def log_in(self, function: Callable[..., _T], *args: object) -> _T:
        """What a function returns that looks at a password; one after the other."""
        loop = asyncio.get_running_loop()
        self.logins_waiting += 1
        try:
            return await loop.run_in_executor(self._passwords, function, *args)
        finally:
            self.logins_waiting -= 1

    def events(self) -> EventStore:
        """The environment of the events, opened once: LMDB allows no more in a process.

        Raises StoreError: StoreMissing until `bouncegate events` has made it.
        """
        with self._opening:
            if self._events is None:
                settings = self.settings.store
                EventStore.require(settings)
                self._events = EventStore.open(settings, readonly=False)
            return self._events

    def note(self, function: Callable[..., object], *args: object) -> None:
        """Write down in some thread what nobody waits for; that it fails is no matter."""
        self._readers.submit(function, *args)

    def act_now(self, function: Callable[..., _T], *args: object) -> _T:
        """The same for a handler that runs in a thread; it waits there."""
        return self._writer.submit(function, *args).result()

    def close(self) -> None:
        """Let what has begun end, and nothing begin; the store stays open."""
        self.jobs.close()
        self._passwords.shutdown(wait=True, cancel_futures=True)
        self._readers.shutdown(wait=True, cancel_futures=True)
        self._writer.shutdown(wait=True, cancel_futures=True)
        if self._events is not None:
            self._events.close()
