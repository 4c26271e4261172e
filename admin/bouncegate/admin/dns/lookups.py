"""One round of look-ups: of the domains that are wanted, and of some that tell whom to believe."""

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
"""Some domains that took mail before, told when they are needed."""

# Which of the domains that the settings name are asked for: a server cannot know.
_CHOICE: Final = random.SystemRandom()


def no_references() -> Sequence[str]:
    """Where nothing is known of any domain."""
    return ()


def ask_round(
    domains: Sequence[str],
    settings: DnsSettings,
    budget: Budget,
    own: OwnReferences = no_references,
    took_mail: Iterable[str] = (),
) -> Lookups:
    """Ask; where a domain is denied, or nothing is answered, references are asked for too.

    `took_mail` are those of the domains that did so before. Where no name server answers, not even
    for references, the rest of the domains is left out of the answers.
    """
    answers = look_up_all(domains, settings, budget, own)
    before = frozenset(took_mail) & answers.keys()
    asked = Lookups(answers, before)
    is_known_silent = len(answers) < len(domains)
    if not denies(answers) and (is_known_silent or not asked.is_silent):
        return asked
    return ask_references(settings, budget, own)._replace(answers=answers, took_mail=before)


def ask_references(settings: DnsSettings, budget: Budget, own: OwnReferences) -> Lookups:
    """Ask for references alone."""
    named, others = _references(settings, own)
    told = look_up_all([*named, *others], settings, budget)
    return Lookups({}, own={d: told[d] for d in others}, named={d: told[d] for d in named})


def _references(settings: DnsSettings, own: OwnReferences) -> tuple[list[str], list[str]]:
    names = tuple(map(str, settings.reference_domains))
    named = _CHOICE.sample(names, min(MOST_NAMED, len(names)))
    return named, [domain for domain in own() if domain not in named]


def believed(asked: Lookups, fault: Fault | None) -> Mapping[str, MxAnswer]:
    """The answers of a round; what was denied is unknown where there is a fault."""
    if fault is None:
        return asked.answers
    unknown = MxAnswer("unknown", why=f"the name servers are not believed: {fault.why}")
    return {d: unknown if a.status in DENIALS else a for d, a in asked.answers.items()}


def statuses_of(
    domains: Sequence[str], settings: DnsSettings, own: Sequence[str] = ()
) -> tuple[Mapping[str, MxAnswer], str]:
    """What DNS says now of domains, as far as it is believed; `own` are references.

    Those are left out for which nobody was asked, since no name server answers; the other result
    says so, or why denials are not believed, or is empty.
    """
    asked = ask_round(domains, settings, Budget(settings.queries_a_second), lambda: own)
    fault = fault_of(asked)
    if asked.is_silent:
        first = next(iter(asked.answers.values()))
        return asked.answers, f"no name server answers ({first.why})"
    told = "" if fault is None else f"the name servers are not believed: {fault.why}"
    return believed(asked, fault), told


def look_up_all(
    domains: Sequence[str],
    settings: DnsSettings,
    budget: Budget,
    own: OwnReferences = no_references,
) -> dict[str, MxAnswer]:
    """Who takes the mail of these domains, of as many as are asked before servers are silent."""
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
        told = await asyncio.gather(*map(of, [*named, *others]))
        return any(answer.status != "unknown" for answer in told)

    answers = await _Batch(of, any_answers, settings.at_once).ask(domains)
    return {d: answer for d, answer in zip(domains, answers, strict=True) if answer is not None}


class _Batch:
    """Some look-ups at once, until it turns out that no name server answers anything."""

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
        """The answers; None for a domain that was not asked for."""
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
        """After as many look-ups in vain as there are places, see whether anything is answered."""
        async with self._probing:
            if self._in_vain >= self._at_once:
                self._silent = not await self._any_answers()
                self._in_vain = 0
