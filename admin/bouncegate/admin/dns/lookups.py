"""Lookups of many domains, and of reference domains that show whether to trust the name servers."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

import dns.resolver

from bouncegate.admin.dns.answer import ask
from bouncegate.admin.dns.mx import look_up
from bouncegate.admin.dns.nameservers import Budget, resolver_of
from bouncegate.config.settings import DnsSettings
from bouncegate.policy.mx import DENIALS, MxAnswer
from bouncegate.policy.nameservers import MOST_NAMED, Fault, Lookups, denies, fault_of

OwnReferences = Callable[[], Sequence[str]]
"""Returns some domains that accepted mail before; called if they are needed."""

# Which reference domains are asked must be unpredictable for a server.
_CHOICE: Final = random.SystemRandom()


def no_references() -> Sequence[str]:
    """For a store without such domains."""
    return ()


def ask_round(
    domains: Sequence[str],
    settings: DnsSettings,
    budget: Budget,
    own: OwnReferences = no_references,
    took_mail: Iterable[str] = (),
) -> Lookups:
    """Look up domains, and references if a domain is denied or nothing is answered.

    `took_mail` are those of the domains that accepted mail before. If no name server answers, not
    even for references, the remaining domains are left out of the answers.
    """
    answers = look_up_all(domains, settings, budget, own)
    before = frozenset(took_mail) & answers.keys()
    asked = Lookups(answers, before)
    is_known_silent = len(answers) < len(domains)
    if not denies(answers) and (is_known_silent or not asked.is_silent):
        return asked
    return ask_references(settings, budget, own)._replace(answers=answers, took_mail=before)


def ask_references(settings: DnsSettings, budget: Budget, own: OwnReferences) -> Lookups:
    """Look up only references."""
    named, others = _references(settings, own)
    answers = look_up_all([*named, *others], settings, budget)
    return Lookups({}, own={d: answers[d] for d in others}, named={d: answers[d] for d in named})


def _references(settings: DnsSettings, own: OwnReferences) -> tuple[list[str], list[str]]:
    names = tuple(map(str, settings.reference_domains))
    named = _CHOICE.sample(names, min(MOST_NAMED, len(names)))
    return named, [domain for domain in own() if domain not in named]


def believed(asked: Lookups, fault: Fault | None) -> Mapping[str, MxAnswer]:
    """The answers of a round; with a fault, denials become unknown."""
    if fault is None:
        return asked.answers
    unknown = MxAnswer("unknown", why=f"the name servers are not trusted: {fault.why}")
    return {d: unknown if a.status in DENIALS else a for d, a in asked.answers.items()}


def statuses_of(
    domains: Sequence[str], settings: DnsSettings, own: Sequence[str] = ()
) -> tuple[Mapping[str, MxAnswer], str]:
    """The current answers for domains, as far as they are trusted; `own` are references.

    If no name server answers, domains are left out. The other result says so, or why denials are
    not trusted, or is empty.
    """
    asked = ask_round(domains, settings, Budget(settings.queries_a_second), lambda: own)
    fault = fault_of(asked)
    if asked.is_silent:
        first = next(iter(asked.answers.values()))
        return asked.answers, f"no name server answers ({first.why})"
    reason = "" if fault is None else f"the name servers are not trusted: {fault.why}"
    return believed(asked, fault), reason


def look_up_all(
    domains: Sequence[str],
    settings: DnsSettings,
    budget: Budget,
    own: OwnReferences = no_references,
) -> dict[str, MxAnswer]:
    """The MX hosts of these domains, without those left out because no server answers."""
    return asyncio.run(_look_up_all(domains, settings, budget, own))


async def _look_up_all(
    domains: Sequence[str], settings: DnsSettings, budget: Budget, own: OwnReferences
) -> dict[str, MxAnswer]:
    try:
        resolver = resolver_of(settings, budget)
    except (dns.resolver.NoResolverConfiguration, OSError) as error:
        nobody = MxAnswer("unknown", why=f"no resolver: {error}")
        return dict.fromkeys(domains, nobody)

    async def of(domain: str) -> MxAnswer:
        return await look_up(domain, lambda name, kind: ask(resolver, name, kind))

    async def any_answers() -> bool:
        named, others = _references(settings, own)
        answers = await asyncio.gather(*map(of, [*named, *others]))
        return any(answer.status != "unknown" for answer in answers)

    answers = await _Batch(of, any_answers, settings.at_once).ask(domains)
    return {d: answer for d, answer in zip(domains, answers, strict=True) if answer is not None}


class _Batch:
    """Concurrent lookups, until no name server answers."""

    def __init__(
        self,
        look_up: Callable[[str], Awaitable[MxAnswer]],
        any_answers: Callable[[], Awaitable[bool]],
        at_once: int,
    ) -> None:
        self._look_up = look_up
        self._any_answers = any_answers
        self._at_once = at_once
        self._places = asyncio.Semaphore(at_once)
        self._in_vain = 0
        self._probing = asyncio.Lock()
        self._silent = False

    async def ask(self, domains: Iterable[str]) -> list[MxAnswer | None]:
        """The answers; None for a domain that was not looked up."""
        return await asyncio.gather(*map(self._one, domains))

    async def _one(self, domain: str) -> MxAnswer | None:
        async with self._places:
            if self._silent:
                return None
            answer = await self._look_up(domain)
            self._in_vain = self._in_vain + 1 if answer.status == "unknown" else 0
            if self._in_vain >= self._at_once:
                await self._probe()
            return answer

    async def _probe(self) -> None:
        """After `at_once` failures in a row, test whether any reference is answered."""
        async with self._probing:
            if self._in_vain >= self._at_once:
                self._silent = not await self._any_answers()
                self._in_vain = 0
