"""The locks in force as the entries of an access(5) table, for check_recipient_access.

What such a table cannot say is said in docs/send-path.md: it never learns who sends.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import idna

from bouncegate.config.settings import Settings
from bouncegate.policy.records import Lock
from bouncegate.refusal.decision import Outcome, Scope, decide_unseen
from bouncegate.refusal.reply import compose

PASS: Final = "DUNNO"


class Entry(NamedTuple):
    """One line of a table's source."""

    key: str
    value: str

    def __str__(self) -> str:
        """As postmap(1) reads it."""
        return f"{self.key}\t{self.value}\n"


def entries(locks: Iterable[tuple[str, Lock]], settings: Settings, now: int) -> Iterator[Entry]:
    """The entries for locks, in their order: those that have ended, and exempt ones, left out."""
    scope = Scope.of(settings)
    for address, lock in locks:
        outcome = decide_unseen(address, lock, now, scope)
        # A line that begins with # is a comment to Postfix; quotes would be part of the key.
        if outcome not in _ACTIONS or address.startswith("#"):
            continue
        value = _ACTIONS[outcome].format(compose(settings.reply, lock, address))
        if address.startswith("@"):
            yield from _of_domain(address[1:], value, scope)
        else:
            local, _, domain = address.rpartition("@")
            yield from (Entry(f"{local}@{form}", value) for form in _forms(domain))


def _of_domain(domain: str, value: str, scope: Scope) -> Iterator[Entry]:
    """The domain's entry, and before it those of its recipients that are exempt."""
    exempt = {p.local for p in scope.recipients if p.local and p.domain in ("", domain)}
    for form in _forms(domain):
        yield from (Entry(f"{local}@{form}", PASS) for local in sorted(exempt))
        yield Entry(form, value)


def _forms(domain: str) -> Iterator[str]:
    """The domain in A-labels and, with SMTPUTF8, as it reads: smtpd(8) asks as the client wrote."""
    yield domain
    if "xn--" in domain:
        try:
            yield idna.decode(domain)
        except (idna.IDNAError, UnicodeError):
            return


_ACTIONS: Final[dict[Outcome, str]] = {
    Outcome.REFUSED: "{}",
    Outcome.OBSERVED: "WARN {.text}",
}
