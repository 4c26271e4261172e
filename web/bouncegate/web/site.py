"""What all handlers share: settings, store, and the threads in which they ask and change it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from bouncegate.config.settings import Settings
from bouncegate.policy.fold import Policy
from bouncegate.policy.providers import Providers
from bouncegate.store.store import Store

_T = TypeVar("_T")

READERS: Final = 8
"""Threads that read the store. LMDB has one writer, and so has the page."""


class Site:
    """The page and the interface of one store."""

    def __init__(
        self, settings: Settings, store: Store, policy: Policy, providers: Providers
    ) -> None:
        """Go by settings, with an open store."""
        self.settings: Final = settings
        self.store: Final = store
        self.policy: Final = policy
        self.providers: Final = providers
        self._readers = ThreadPoolExecutor(READERS, "web-read")
        self._writer = ThreadPoolExecutor(1, "web-act")

    async def read(self, function: Callable[..., _T], *args: object) -> _T:
        """What a function returns that reads the store, or just takes its time."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, function, *args)

    async def act(self, function: Callable[..., _T], *args: object) -> _T:
        """What a function returns that changes the store; one after the other."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, function, *args)

    def act_now(self, function: Callable[..., _T], *args: object) -> _T:
        """The same for a handler that runs in a thread; it waits there."""
        return self._writer.submit(function, *args).result()

    def close(self) -> None:
        """Let what has begun end, and nothing begin; the store stays open."""
        self._readers.shutdown(wait=True, cancel_futures=True)
        self._writer.shutdown(wait=True, cancel_futures=True)
