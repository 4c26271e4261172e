"""An installation as its operator sees it: the config file, the policy in force, the open store."""

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing, nullcontext, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bouncegate.config.loading import settings_of
from bouncegate.config.settings import DEFAULT_FILE, Settings
from bouncegate.config.sources import Source, sources_of
from bouncegate.policy.fold import Policy
from bouncegate.policy.guard import Guard
from bouncegate.policy.providers import Providers
from bouncegate.store.bulk import Bulk, is_unfinished
from bouncegate.store.errors import StoreError, StoreForbidden, StoreFull, StoreMissing
from bouncegate.store.store import Store

if TYPE_CHECKING:
    from bouncegate.store.ledger import Ledger
    from bouncegate.store.mx import MxCache

log: Final = logging.getLogger("bouncegate.guard")


@dataclass
class Installation:
    """What the command and the page share: settings, policy, providers, store and ledger."""

    config: Path | None
    """The file that was named; None: the default one, if it exists."""
    ledger: "Ledger | None" = None
    """The ledger of sends, where a daemon has opened it: LMDB allows that once in a process."""
    mx_cache: "MxCache | None" = None
    """The MX hosts that DNS returned, if a daemon has opened the store."""
    writes_ledger: bool = False
    """Whether this daemon adds to the ledger what Postfix's log says."""
    holds_ledger: bool = False
    """Whether the ledger stays open behind a question: where threads ask, they would open the files
    twice at once, which LMDB does not bear."""
    _opening: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def settings(self) -> Settings:
        """The settings in force; raises ConfigError."""
        return settings_of(self.sources)

    @cached_property
    def sources(self) -> list[Source]:
        """The config file, if there is one, and its drop-ins; raises ConfigError."""
        return sources_of(self.config or DEFAULT_FILE, optional=self.config is None)

    @cached_property
    def providers(self) -> Providers:
        """The shipped providers and the operator's."""
        return Providers.of(self.settings.provider)

    @cached_property
    def policy(self) -> Policy:
        """The policy in force."""
        settings = self.settings
        guard = None
        if settings.guard.enabled:
            guard = Guard(settings.guard, self._sends, self.providers)
        trust = settings.return_path.count
        return Policy(
            settings.policy_in_force,
            trust,
            guard=guard,
            alarm=settings.alarm,
            retention=settings.retention,
        )

    def _sends(self, provider: str, since: int) -> int | None:
        """What the ledger knows of the sends to a provider, in the window that begins then."""
        if self.ledger is None:
            return None
        try:
            until = since + self.settings.guard.window.after(0) - 1
            return self.ledger.rates.sends(self._domains_of(provider), since, until)
        except StoreError as error:
            log.error("no ledger: guard uses bounce counts only: %s", error)
            return None

    def _domains_of(self, provider: str) -> set[str]:
        """The domains that a provider runs, by name and by their MX hosts."""
        domains = set(self.providers.domains_of(provider))
        if self.mx_cache is None:
            return domains
        provider_of = self.providers.provider_of
        for end in self.providers.mx_ends_of(provider):
            found = self.mx_cache.domains_at(end)
            domains.update(d for d, host in found if provider_of(d, (host,)) == provider)
        return domains

    def open_ledger(self) -> "Ledger":
        """The ledger, opened once; raises StoreError where there is none yet.

        Only for reading, unless the process adds to it what Postfix's log says: LMDB lets a
        process open a file once.
        """
        from bouncegate.store.ledger import Ledger  # noqa: PLC0415 - few commands ask it

        with self._opening:  # the tasks of `maintain` are threads
            if self.ledger is None:
                store, settings = self.settings.store, self.settings.ledger
                self.ledger = Ledger.open(store, settings)
                if self.writes_ledger:
                    self.ledger.close()
                    self.ledger = None
                    self.ledger = Ledger.open(store, settings, readonly=False)
            return self.ledger

    def close(self) -> None:
        """Give the ledger back, if it was opened."""
        if self.ledger is not None:
            self.ledger.close()
            self.ledger = None

    def replaced(self, store: Store) -> Callable[[], str]:
        """A function that returns why the open files are no longer those of store and ledger."""

        def reason() -> str:
            return store.replaced() or (self.ledger.replaced() if self.ledger else "")

        return reason

    def open_store(self, *, readonly: bool = False, for_daemon: bool = False) -> Store:
        """The store in force; raises StoreError.

        What somebody who was killed had decided is finished first. Where there is no room for it,
        it waits: an operator's next act must not get ahead of it, but daemons and readers go on.
        """
        settings = self.settings.store
        with suppress(StoreForbidden) if readonly else nullcontext():
            if not readonly or is_unfinished(settings.path):
                store = Store.open(settings)
                self._finish_decided(store, may_wait=readonly or for_daemon)
                if not readonly:
                    return store
                store.close()
        return Store.open(settings, readonly=True)

    def _finish_decided(self, store: Store, *, may_wait: bool) -> None:
        try:
            Bulk(store, self.settings.store.path).finish(self.policy.fold)
        except StoreError as error:
            if not may_wait or not isinstance(error, StoreFull):
                store.close()
                raise
            logging.getLogger("bouncegate.store").warning(
                "what an operator decided is not carried out yet: %s", error
            )


def store_if_any(installation: Installation, stack: ExitStack) -> Store | None:
    """The store for reading, closed with the stack; None where there is none yet."""
    try:
        return stack.enter_context(closing(installation.open_store(readonly=True)))
    except StoreMissing:
        return None
