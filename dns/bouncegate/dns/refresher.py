"""Asking DNS of the domains that are wanted, and keeping what it says."""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import dns.resolver
from bouncegate.config.settings import DnsSettings
from bouncegate.dns.lookup import look_up
from bouncegate.dns.nameservers import Budget, resolver_of
from bouncegate.dns.reply import ask
from bouncegate.policy.exchange import Answer
from bouncegate.store.exchanges import Exchanges

log: Final = logging.getLogger("bouncegate.dns")

# So many domains share a transaction. When no server answers they take, at 20 at once and 5 s
# each, 50 s; what has come before is kept.
_AT_ONCE: Final = 200


class Refresher:
    """Works through the queue of the store, within the budget."""

    def __init__(
        self,
        exchanges: Exchanges,
        settings: DnsSettings,
        clock: Callable[[], float] = time.time,
        answers: Counter[str] | None = None,
    ) -> None:
        """Ask under these settings; `clock` tells the seconds since 1970.

        The domains that are asked of are counted in `answers`, by what is told of each.
        """
        self._exchanges = exchanges
        self._settings = settings
        self._clock = clock
        self._budget = Budget(settings.queries_a_second)
        self._answered = True
        self._answers = Counter() if answers is None else answers

    def refresh(self, stop: threading.Event) -> int:
        """Ask of all that is due, or until `stop`; tells of how many. Raises StoreError."""
        asked = 0
        while not stop.is_set():
            domains = self._exchanges.due(int(self._clock()), _AT_ONCE)
            if not domains:
                break
            answers = look_up_all(domains, self._settings, self._budget)
            self._exchanges.learn(answers, int(self._clock()), self._settings)
            self._answers.update(answer.status for answer in answers.values())
            self._tell(answers)
            asked += len(domains)
        return asked

    def _tell(self, answers: dict[str, Answer]) -> None:
        """Say when the name servers fall silent, and when they are back; not each time."""
        failures = [answer.why for answer in answers.values() if answer.status == "unknown"]
        if not self._answered and len(failures) < len(answers):
            self._answered = True
            log.warning("name servers answer again")
        elif self._answered and len(failures) == len(answers) and len(failures) > 1:
            self._answered = False
            log.warning(
                "no name server answers (%s); all goes on with what is known already", failures[0]
            )


def look_up_all(domains: Sequence[str], settings: DnsSettings, budget: Budget) -> dict[str, Answer]:
    """Who takes the mail of these domains; for each there is an answer, of whatever kind."""
    return asyncio.run(_look_up_all(domains, settings, budget))


async def _look_up_all(
    domains: Sequence[str], settings: DnsSettings, budget: Budget
) -> dict[str, Answer]:
    try:
        resolver = resolver_of(settings, budget)
    except (dns.resolver.NoResolverConfiguration, OSError) as error:
        nobody = Answer("unknown", why=f"no resolver: {error}")
        return dict.fromkeys(domains, nobody)
    places = asyncio.Semaphore(settings.at_once)

    async def one(domain: str) -> Answer:
        async with places:
            return await look_up(domain, lambda name, kind: ask(resolver, name, kind))

    answers = await asyncio.gather(*map(one, domains))
    return dict(zip(domains, answers, strict=True))
