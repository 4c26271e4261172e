"""Bounces that say a domain does not exist: confirmed or refuted by later answers of DNS.

`bouncegate.policy.unconfirmed` decides. This module asks no DNS: it queues the domains for
`refresher`, whose answers decide in a later round.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from bouncegate.config.settings import Settings
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.conditions import locks_seen
from bouncegate.policy.deaddomain import CHECKER, WORDS
from bouncegate.policy.fold import Policy
from bouncegate.policy.mx import MxHosts
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import (
    MOST_ADDRESSES,
    Act,
    Event,
    Lock,
    Opened,
    Ruling,
    Settled,
)
from bouncegate.policy.unconfirmed import (
    OURS,
    Outcome,
    asks_at,
    has_returned,
    outcome,
    rests_on_name,
)
from bouncegate.store.address import domain_of
from bouncegate.store.store import Incident, Store

log: Final = logging.getLogger("bouncegate.domain-check")

# One round reads so many locks, which takes a second; the next one continues there.
_LOCKS_A_ROUND: Final = 100_000

# So many domains are remembered to count those in doubt.
_MOST_DOMAINS: Final = 10_000
# An incident closes below half of what opens one, so that it does not open and close in turns.
_WELL: Final = 0.5

_PRESENT: Final = "the domain takes mail"
_GIVEN_UP: Final = "DNS neither confirmed nor refuted it in time"


class Round(NamedTuple):
    """The result of one round."""

    confirmed: int = 0
    """Bounces that now count."""
    refuted: int = 0
    """Bounces that never count."""
    freed: int = 0
    """Addresses whose domain accepts mail again."""


class DomainConfirmation:
    """Decides about unconfirmed bounces, and frees the addresses of domains that returned."""

    def __init__(
        self,
        store: Store,
        policy: Policy,
        providers: Providers,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`policy` locks by what counts; `clock` is in seconds since 1970."""
        self._store = store
        self._policy = policy
        self._providers = providers
        self._confirm = settings.dns.confirm.after(0)
        self._recheck = settings.domain_locks.recheck.after(0)
        self._clock = clock
        self._normal = settings.alarm.unanswered_domains
        self._window = settings.guard.window.after(0)
        self._place = ""
        self._refuted: dict[str, int] = {}
        """Domains that accept mail, with the time of the last bounce that called them unknown."""
        self._unanswered: set[str] = set()
        """Domains of this round without an answer of DNS since such a bounce."""
        self._incident = self._open_incident()

    def check(self, stop: threading.Event) -> Round:
        """Run one round; raises StoreError."""
        now = int(self._clock())
        self._unanswered.clear()
        confirmed, refuted = self._settle(now, stop)
        self._judge(now)
        done = Round(confirmed, refuted, self._free(now))
        if any(done):
            log.warning("bounces confirmed=%d refuted=%d, addresses freed=%d by DNS", *done)
        return done

    # -- bounces that wait -------------------------------------------------------------------

    def _settle(self, now: int, stop: threading.Event) -> tuple[int, int]:
        counts = {"release": 0, "void": 0}
        for portion in self._store.unconfirmed.portions():
            if stop.is_set():
                break
            for ruling in self._rulings(portion, now):
                counts[ruling.verb] += self._store.confirm(ruling, self._policy.fold)
        return counts["release"], counts["void"]

    def _rulings(self, portion: Iterable[tuple[int, Event]], now: int) -> Iterator[Ruling]:
        """The decisions about some bounces; domains that still need an answer are queued."""
        known: dict[str, MxHosts] = {}
        asked: dict[str, int] = {}
        ruled: defaultdict[tuple[Outcome, str], list[int]] = defaultdict(list)
        for number, event in portion:
            domain = domain_of(event.address)
            if domain not in known:
                known[domain] = self._store.mx.of(domain)
            what = self._verdict(domain, event.time, known[domain], now)
            self._take_note(domain, event.time, known[domain], what)
            if what == "open":
                asked[domain] = asks_at(event.time, known[domain], self._confirm)
            else:
                ruled[what, _why(what, known[domain])].append(number)
        for when in sorted(set(asked.values())):
            self._store.mx.want([d for d, at in asked.items() if at == when], when)
        for (what, why), numbers in ruled.items():
            yield Ruling(
                "release" if what == "absent" else "void", tuple(numbers), now, by=CHECKER, why=why
            )

    def _verdict(self, domain: str, came: int, known: MxHosts, now: int) -> Outcome:
        """The decision about a bounce; that a provider's own domain does not exist is not believed.

        While an incident is open, nothing counts.
        """
        what = outcome(came, known, now, self._confirm)
        if what == "absent" and (self._incident is not None or self._is_provider_s(domain)):
            return "open"
        return what

    def _is_provider_s(self, domain: str) -> bool:
        return self._providers.find(f"@{domain}").evidence == "domain"

    # -- our own name servers ----------------------------------------------------------------

    def _open_incident(self) -> Incident | None:
        incidents = reversed(self._store.incidents.all())
        return next((i for i in incidents if i.opened.provider == OURS and not i.settled), None)

    def _take_note(self, domain: str, came: int, known: MxHosts, what: Outcome) -> None:
        if what == "present" and (domain in self._refuted or len(self._refuted) < _MOST_DOMAINS):
            self._refuted[domain] = max(self._refuted.get(domain, 0), came)
        elif known.fetched < came and len(self._unanswered) < _MOST_DOMAINS:
            self._unanswered.add(domain)

    def _judge(self, now: int) -> None:
        """Open an incident when bounces call too many domains unknown that DNS does not deny.

        It closes when that is over for `[guard] window`. After an operator has settled it, later
        bounces open a new one.
        """
        since = now - self._window
        self._refuted = {d: came for d, came in self._refuted.items() if came > since}
        domains = len(self._refuted.keys() | self._unanswered)
        self._incident = self._open_incident()
        if self._incident is None and domains > self._normal:
            opened = Opened(now, OURS, Reason.HOST_UNKNOWN, domains, self._normal)
            self._incident = Incident(self._store.open_for_names(opened), opened)
            log.error(
                "bounces call domains unknown that accept mail or that DNS does not answer for: "
                "the name servers of this machine may be broken; domains=%d incident=%d",
                domains, self._incident.number,
            )  # fmt: skip
        elif self._incident is not None and domains <= self._normal * _WELL:
            number = self._incident.number
            self._store.settle(
                Settled(number, now, "closed", CHECKER, "DNS answers for these domains"),
                self._policy.fold,
            )
            self._incident = None
            log.warning("incident closed: DNS answers for these domains; incident=%d", number)

    # -- addresses that are locked -----------------------------------------------------------

    def _free(self, now: int) -> int:
        """Free addresses whose domain returned; look up the others at most each `recheck`."""
        known: dict[str, MxHosts] = {}
        returned: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
        for address, lock, seen in self._locks_of_names(now):
            domain = domain_of(address)
            if domain not in known:
                known[domain] = self._store.mx.of(domain)
            if has_returned(lock, known[domain]):
                returned[domain].append((address, seen))
        self._ask(known, now)
        return sum(
            self._recover(addresses[start : start + MOST_ADDRESSES], known[domain], now)
            for domain, addresses in returned.items()
            for start in range(0, len(addresses), MOST_ADDRESSES)
        )

    def _locks_of_names(self, now: int) -> Iterator[tuple[str, Lock, int]]:
        """Some address locks that bounces made because a domain accepted no mail.

        `domainlocks` handles those of whole domains. The number is that of all locks of the address
        (`bouncegate.policy.conditions`).
        """
        some = list(islice(self._store.addresses.lock_records(self._place), _LOCKS_A_ROUND))
        for address, lock, of_groups in some:
            for one in (lock, *of_groups) if not address.startswith("@") else ():
                if one is not None and one.in_force(now) and rests_on_name(one):
                    yield address, one, locks_seen((lock, *of_groups), now)
                    break
        self._place = some[-1][0] + "\0" if len(some) == _LOCKS_A_ROUND else ""

    def _ask(self, known: dict[str, MxHosts], now: int) -> None:
        old = [d for d, e in known.items() if now - max(e.fetched, e.failed) >= self._recheck]
        if old:
            self._store.mx.want(old, now)

    def _recover(self, locked: list[tuple[str, int]], known: MxHosts, now: int) -> int:
        hosts = ", ".join(known.mx_hosts[:3])
        why = f"the domain takes mail again: {hosts}"
        addresses, seen = zip(*locked, strict=True)
        act = Act(addresses, now, "recover", CHECKER, why, condition="as-seen", seen=seen)
        return len(addresses) - len(self._store.act([act], self._policy.fold).left_out)


def _why(what: Outcome, known: MxHosts) -> str:
    if what == "absent":
        assert known.denial is not None, "only a denied domain is absent"
        return WORDS[known.denial]
    return _PRESENT if what == "present" else _GIVEN_UP
