"""Lock domains that accept no mail, and unlock those that accept it again.

`bouncegate.policy.deaddomain` decides; this module reads the facts and writes the locks. A domain
lock is a journal entry, like an operator's.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Final

from msgspec.structs import replace

from bouncegate.config.settings import Settings
from bouncegate.policy.deaddomain import Check, DeadDomains
from bouncegate.policy.disposition import Disposition
from bouncegate.policy.fold import Policy
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import Act, Event, Lock
from bouncegate.store.store import Store

log: Final = logging.getLogger("bouncegate.domain-check")


class DomainLocks:
    """The locks of whole domains, under the current settings."""

    def __init__(
        self,
        store: Store,
        policy: Policy,
        providers: Providers,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`policy` decides which bounces count; `clock` is in seconds since 1970."""
        self._store = store
        self._policy = policy
        self._providers = providers
        self._window = settings.domain_locks.window.after(0)
        self._confirm = settings.dns.confirm.after(0)
        self._dead = DeadDomains(settings.domain_locks, self._confirm)
        self._clock = clock

    def check(self, _stop: threading.Event) -> list[Act]:
        """Run one round; returns what was done. Raises StoreError."""
        now = int(self._clock())
        locks = {domain: lock for domain, lock in self._locks() if lock.in_force(now)}
        acts = [*self._rechecked(locks, now), *self._locked(locks, now)]
        return [act for act in acts if self._carry_out(act, locks, now)]

    def _carry_out(self, act: Act, locks: dict[str, Lock], now: int) -> bool:
        """Record an act, unless an operator has changed the lock in the meantime."""
        (address,) = act.addresses
        seen = locks.get(address[1:])
        act = replace(act, condition="as-seen", seen=(seen.cause if seen is not None else 0,))
        done = not self._store.act([act], self._policy.fold).left_out
        if done:
            log.warning("%s: %sed: %s", address, act.verb, act.why)
        return done

    def _locks(self) -> Iterator[tuple[str, Lock]]:
        locks = self._store.addresses.locks("@")
        for address, lock in takewhile(lambda entry: entry[0].startswith("@"), locks):
            yield address[1:], lock

    def _rechecked(self, locks: dict[str, Lock], now: int) -> Iterator[Act]:
        """Acts on locked domains; domains that were not looked up for long are queued."""
        unasked: list[str] = []
        for domain, lock in locks.items():
            check = Check(domain, self._store.mx.of(domain), lock, now)
            if self._dead.must_ask(check):
                unasked.append(domain)
            act = self._dead.after_recheck(check)
            if act is not None:
                yield act
        if unasked:
            self._store.mx.want(unasked, now)

    def _locked(self, locks: dict[str, Lock], now: int) -> Iterator[Act]:
        """New locks, of domains that DNS denies and whose addresses bounce."""
        dead, last_good = self._store.mx.survey(self._confirm)
        checks = {
            domain: Check(domain, exchange, locks.get(domain), now)
            for domain, exchange in dead.items()
            if self._providers.find(f"@{domain}").evidence == "none"
        }
        checks = {d: c for d, c in checks.items() if self._dead.may_lock(c, last_good)}
        since = {domain: self._counts_since(domain, now) for domain in checks}
        for domain, bounced in self._store.domainbounces.since(since, self._counts).items():
            act = self._dead.after_bounces(checks[domain], bounced)
            if act is not None:
                yield act

    def _counts_since(self, domain: str, now: int) -> int:
        """The start of the window: bounces before an operator's unlock do not count."""
        acts = (
            entry
            for _, entry in self._store.journal.of_address(f"@{domain}")
            if isinstance(entry, Act)
        )
        unlocked = max((act.time + 1 for act in acts if act.verb == "unlock"), default=0)
        return max(now - self._window, unlocked)

    def _counts(self, event: Event) -> bool:
        return self._policy.disposition(event) is Disposition.COUNTS
