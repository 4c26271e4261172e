"""Check of addresses before they are mailed: what is wrong, and what was probably meant."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from bouncegate.admin.lists.lines import Line
from bouncegate.admin.lists.syntax import fault_of_canonical
from bouncegate.admin.lists.typos import Typos
from bouncegate.config.taxonomy import Reason
from bouncegate.config.text import counted
from bouncegate.policy.addressstate import (
    ALL_MAIL,
    blocked_in,
    hard_of,
    has_counted,
    is_bounce,
    lock_for,
    locks_at,
)
from bouncegate.policy.deaddomain import REASONS, WORDS
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.mx import DENIALS, Status
from bouncegate.policy.records import State
from bouncegate.store.address import AddressError, canonical, domain_of
from bouncegate.store.lastmailed import date_of
from bouncegate.store.store import Store

Verdict = Literal[
    "invalid", "locked", "dead", "typo", "predicted", "stale", "detected", "unknown", "good"
]
Statuses = Callable[[Collection[str]], Mapping[str, Status]]
"""From domains to their status in DNS; missing domains are unknown."""

_BATCH: Final = 500
_NOTHING_COUNTS: Final = "bounced, but no bounce counts against it"
_MAY_BE_STALE: Final = frozenset({"detected", "unknown", "good"})
_UNMAILABLE: Final = frozenset({"invalid", "locked", "dead"})
# Typing errors that are in every list: a comma for the dot, two dots, a blank, an @ too many.
_TYPOS: Final = ((",", "."), ("..", "."), (" ", ""), ("@@", "@"), (";", "."))


class CheckedAddress(Struct, frozen=True):
    """One address of a list. Times are seconds since 1970."""

    line: int
    address: str
    """Canonical; as given if it is invalid."""
    verdict: Verdict
    """The worst that applies. `invalid`: by syntax; `dead`: its domain takes no mail; `typo`:
    probably mistyped; `predicted`: bounced or locked only for another group; `stale`: not mailed
    for long; `detected`: has bounced; `unknown`: DNS was asked for its domain and gave no answer;
    `good`: nothing is known against it, bounced or not."""
    why: str = ""
    reason: Reason | None = None
    until: int | None = None
    """The end of the lock."""
    scope: str | None = None
    """The group that the lock is for; empty: all mail; None: no lock."""
    suggestion: str = ""
    """What was probably meant."""

    @property
    def mailable(self) -> bool:
        """Whether a message to it is let pass and can arrive, as far as is known."""
        return self.verdict not in _UNMAILABLE


class CheckContext(NamedTuple):
    """The time and the options of a check."""

    now: int
    stale_day: int = 0
    """Addresses last mailed on this day, counted from 1970, or earlier are stale."""
    fold: bool = True
    """Whether local parts are case-insensitive."""
    group: str = ""
    """The group of recipients to check for; empty: none."""
    looked_up: bool = False
    """Whether the statuses come from DNS: then an unknown one is no good sign."""


class ListCheck:
    """Checks the addresses of lists."""

    def __init__(
        self, store: Store, typos: Typos, statuses: Statuses, context: CheckContext
    ) -> None:
        self._store = store
        self._typos = typos
        self._statuses = statuses
        self._now, self._stale_day, self._fold, self._group, self._looked_up = context

    def check(self, lines: Iterable[Line]) -> Iterator[CheckedAddress]:
        """Check each line, in order; raises StoreError."""
        waiting = iter(lines)
        while batch := list(islice(waiting, _BATCH)):
            yield from self._batch(batch)

    def _batch(self, lines: list[Line]) -> Iterator[CheckedAddress]:
        given = [(line, *self._read(line.text)) for line in lines]
        good = {address for _, address, fault in given if not fault}
        domains = {domain_of(address) for address in good}
        known = self._store.lists.known(sorted(good | {f"@{domain}" for domain in domains}))
        statuses, days = self._statuses(domains), self._store.lastmailed.days(good)
        for line, address, fault in given:
            if fault:
                yield CheckedAddress(
                    line.number, address, "invalid", fault, suggestion=self._suggestion(address)
                )
            else:
                checked = self._of_known(line.number, address, known, statuses)
                yield self._with_staleness(checked, days.get(address))

    def _read(self, text: str) -> tuple[str, str]:
        """(address, fault) of what was given."""
        try:
            address = canonical(text, fold=self._fold)
        except AddressError as error:
            return text, str(error)
        return address, fault_of_canonical(address)

    def _of_known(
        self, line: int, address: str, known: Mapping[str, State], statuses: Mapping[str, Status]
    ) -> CheckedAddress:
        domain = domain_of(address)
        state = known.get(address, EMPTY)
        of_domain = known.get(f"@{domain}", EMPTY)
        meant = self._typos.meant(domain)
        suggestion = f"{address.removesuffix(domain)}{meant}" if meant else ""
        own = lock_for(state, self._now, self._group)
        found = own or lock_for(of_domain, self._now, ALL_MAIL)
        if found is not None:
            why = "" if own else "its domain is locked"
            reason, until = found.lock.reason, found.lock.until
            return CheckedAddress(
                line, address, "locked", why, reason, until, found.scope, suggestion
            )
        status = statuses.get(domain, "unknown")
        if status in DENIALS:
            reason, why = REASONS[status], WORDS[status]
            return CheckedAddress(line, address, "dead", why, reason, suggestion=suggestion)
        if suggestion:
            return CheckedAddress(line, address, "typo", f"{domain!r} is very similar to {meant!r}",
                          suggestion=suggestion)  # fmt: skip
        checked = self._of_bounces(line, address, state)
        if checked.verdict == "good" and self._looked_up and status == "unknown":
            return replace(checked, verdict="unknown", why="DNS gave no answer for its domain")
        return checked

    def _with_staleness(self, checked: CheckedAddress, day: int | None) -> CheckedAddress:
        if checked.verdict not in _MAY_BE_STALE or day is None or day > self._stale_day:
            return checked
        return replace(checked, verdict="stale", why=f"not mailed since {date_of(day)}")

    def _of_bounces(self, line: int, address: str, state: State) -> CheckedAddress:
        if elsewhere := locks_at(state, self._now):
            scope, lock = elsewhere[0]
            why = f"locked for {scope}"
            return CheckedAddress(line, address, "predicted", why, lock.reason, lock.until, scope)
        if not has_counted(state):
            why = _NOTHING_COUNTS if self._store.lists.has_bounced(address) else ""
            return CheckedAddress(line, address, "good", why)
        events = [event for event in self._store.lists.events(address) if is_bounce(event)]
        why = f"{hard_of(state)} hard and {counted(state.soft, 'soft bounce')}"
        if blocked := blocked_in(state.categories):
            why += f", {blocked} blocked"
        reason = events[-1].reason if events else None
        of_others = bool(self._group and events) and all(e.group != self._group for e in events)
        return CheckedAddress(line, address, "predicted" if of_others else "detected", why, reason)

    def _suggestion(self, text: str) -> str:
        """What was probably meant by an invalid address, if a typing error explains it."""
        corrected_text = text
        for wrong, right in _TYPOS:
            corrected_text = corrected_text.replace(wrong, right)
        address, fault = self._read(corrected_text)
        if corrected_text == text or fault:
            return ""
        domain = domain_of(address)
        return f"{address.removesuffix(domain)}{self._typos.meant(domain) or domain}"
