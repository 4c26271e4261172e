"""The locks in force as the entries of an access(5) table, for check_recipient_access.

What such a table cannot say is said in docs/send-path.md: it never learns who sends. Its DISCARD
would drop the message for all its recipients, so that with [reply] action = "discard" it is empty;
"tag" puts one header field before the message for each locked recipient.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

import idna

from bouncegate.config.replies import UNMARKED
from bouncegate.config.settings import ReplyAction, ReplySettings, Settings
from bouncegate.milter.refusal.action import tag
from bouncegate.milter.refusal.decision import Outcome, Scope, decide_unseen
from bouncegate.milter.refusal.reply import Reply, compose
from bouncegate.policy.records import Lock

PASS: Final = "DUNNO"


class Entry(NamedTuple):
    """One line of a table's source."""

    key: str
    value: str

    def __str__(self) -> str:
        """As postmap(1) reads it."""
        return f"{self.key}\t{self.value}\n"


def entries(
    locks: Iterable[tuple[str, Lock]], settings: Settings, now: int, mark: str = UNMARKED
) -> Iterator[Entry]:
    """The entries for locks, in their order: those that have ended, and exempt ones, left out.

    `mark` ends each refusal.
    """
    scope = Scope.of(settings)
    write = _ACTIONS.get(settings.reply.action)
    if write is None:
        return
    for address, lock in locks:
        outcome = decide_unseen(address, lock, now, scope)
        # A line that begins with # is a comment to Postfix; quotes would be part of the key.
        if outcome not in _LOCKED or address.startswith("#"):
            continue
        reply = compose(settings.reply, lock, address, mark=mark)
        observed = outcome is Outcome.OBSERVED
        value = f"WARN {reply.text}" if observed else write(settings.reply, lock, reply)
        if address.startswith("@"):
            yield from _of_domain(address[1:], value, scope)
        else:
            local, _, domain = address.rpartition("@")
            yield from (Entry(f"{local}@{form}", value) for form in _forms(domain))


def _of_domain(domain: str, value: str, scope: Scope) -> Iterator[Entry]:
    """The domain's entry, and before it those of its recipients that are exempt."""
    exempt = {local for local, at in scope.recipients if local and at in ("", domain)}
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


def _refusal(_settings: ReplySettings, _lock: Lock, reply: Reply) -> str:
    return f"{reply.code} {reply.status} {reply.of_table}"


def _tag(settings: ReplySettings, lock: Lock, _reply: Reply) -> str:
    return f"PREPEND {settings.tag}: {tag([lock])}"


_LOCKED: Final = frozenset({Outcome.REFUSED, Outcome.OBSERVED})
_ACTIONS: Final[dict[ReplyAction, Callable[[ReplySettings, Lock, Reply], str]]] = {
    "refuse": _refusal,
    "defer": _refusal,
    "tag": _tag,
}
