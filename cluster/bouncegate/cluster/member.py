"""The daemon of a machine in a cluster: publishes what waits, applies what the log has ordered.

It may be killed at any moment, and the engine may be away for days: bounces are taken in and bind
here all the same, mail never waits for it. What it must not do is apply a log that tells another
story, or pass over an entry that it cannot read: then it stops applying, and says so until somebody
acts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from bouncegate.cluster.applier import Applier
from bouncegate.cluster.errors import EngineAway, EngineError
from bouncegate.cluster.joining import LEVEL, Cluster
from bouncegate.cluster.publisher import Publisher
from bouncegate.cluster.registry import Registry
from bouncegate.cluster.sealing import SealBroken
from bouncegate.daemon.periodic import PeriodicTask
from bouncegate.policy.rules import Rules
from bouncegate.store.change import UnknownChange
from bouncegate.store.effects import Recorded
from bouncegate.store.incidents import Incident
from bouncegate.store.store import Store

log: Final = logging.getLogger("bouncegate.cluster")

# A look at the outbox costs some microseconds, and a bounce is known to all this much later.
_PUBLISH_PAUSE: Final = 0.02
_ANNOUNCE_PAUSE: Final = 10.0
# The log says when it has more; this long one waits for it at a time.
_WAIT: Final = 1.0
# Clocks order nothing here, but locks end by them.
_MOST_SKEW: Final = 60.0
# What only a person mends is said again after this long, and tried again.
_TROUBLE_PAUSE: Final = 30.0
# Old entries are let go every ten minutes; appends wait for so many some 70 ms.
_FORGET_PAUSE: Final = 600.0
_FORGOTTEN_AT_ONCE: Final = 10_000

Reach = Callable[[], Cluster]
"""Connects to the cluster; each thread has a connection of its own."""


class Member:
    """One machine; `store` was opened `settled`."""

    def __init__(self, store: Store, reach: Reach, rules: Rules, version: str, keep: float) -> None:
        """`rules` are those of this machine's configuration, `version` its version; `keep`: for how
        many seconds the log keeps entries, a day at least.
        """
        membership = store.memberships.get()
        assert membership is not None, "the store shares its index with none"
        self._store = store
        self._name = membership.name
        self._rules = rules
        self._version = version
        self._keep = int(keep * 1000)
        self._next_forgetting = 0.0
        self._said: list[str] = []
        to_publish, to_apply, self._to_announce = reach(), reach(), reach()
        self._publisher = Publisher(
            store.outbox, to_publish.log, to_publish.sealer, membership.name
        )
        self._log = to_apply.log
        self._applier = Applier(store, to_apply.log, to_apply.sealer)

    def tasks(self) -> Iterator[PeriodicTask]:
        """What is done again and again, each in a thread of its own."""
        yield PeriodicTask("publish", _PUBLISH_PAUSE, self._guarded(self._publish))
        yield PeriodicTask("apply", 0.0, self._guarded(self._apply))
        yield PeriodicTask("announce", _ANNOUNCE_PAUSE, self._guarded(self._announce))

    def _publish(self, stop: threading.Event) -> None:
        while not stop.is_set() and self._publisher.publish():
            pass

    def _apply(self, stop: threading.Event) -> None:
        outcomes = self._applier.apply()
        for one in outcomes:
            _announce_incidents(one)
        if not outcomes and not stop.is_set():
            self._log.wait(self._position(), _WAIT)

    def _announce(self, _stop: threading.Event) -> None:
        registry = self._to_announce.registry
        now = registry.announce(self._name, LEVEL, self._version, self._position())
        skew = abs(time.time() - now / 1000)
        in_force = self._store.rules.get()
        trouble = []
        if skew > _MOST_SKEW:
            trouble.append("the clock differs from the engine's by more than a minute")
        if in_force is not None and in_force.name != self._rules.name:
            trouble.append(
                f"the rules of this configuration ({self._rules.name}) are not those of the "
                f"cluster ({in_force.name}), which are in force: see `bouncegate cluster adopt`"
            )
        for text in trouble:
            if text not in self._said:  # and not again at each announcement
                log.warning("%s", text)
        self._said = trouble
        self._forget(registry)

    def _forget(self, registry: Registry) -> None:
        """Now and then, let old entries go; at once again where that was not all of them."""
        if time.monotonic() < self._next_forgetting:
            return
        if registry.forget(self._keep, _FORGOTTEN_AT_ONCE) < _FORGOTTEN_AT_ONCE:
            self._next_forgetting = time.monotonic() + _FORGET_PAUSE

    def _position(self) -> int:
        membership = self._store.memberships.get()
        return 0 if membership is None else membership.position

    def _guarded(self, run: Callable[[threading.Event], None]) -> Callable[[threading.Event], None]:
        """A task that says once that the engine is away, and waits where a person has to act."""
        is_away = False

        def guarded(stop: threading.Event) -> None:
            nonlocal is_away
            try:
                run(stop)
            except EngineAway as error:
                if not is_away:
                    log.warning("%s: bounces bind on this machine alone until it is back", error)
                is_away = True
                stop.wait(_WAIT)
            except (EngineError, SealBroken, UnknownChange) as error:
                log.critical("stopped: %s", error)
                stop.wait(_TROUBLE_PAUSE)
            else:
                if is_away:
                    log.warning("the engine is back")
                is_away = False

        return guarded


def _announce_incidents(outcome: Recorded) -> None:
    for alert in outcome.alerts:
        if isinstance(alert, Incident):
            log.error("incident opened; incident=%d", alert.number)
