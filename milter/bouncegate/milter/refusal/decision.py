"""Whether a recipient is refused: a pure function of what is known, the lock, and a clock.

This is evaluated only for a recipient that has a lock; the scope is a table that is
read from the top, and its first row that applies lets the recipient pass. What is unknown
errs to passing: a lost refusal costs one more bounce, a wrong one costs a message.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple, Self

from bouncegate.config.settings import Settings
from bouncegate.config.values import AddressPattern, Network
from bouncegate.policy.records import Lock
from bouncegate.store.address import AddressError, canonical, canonical_domain
from bouncegate.store.lockrecord import digest_of, of_group, unpack, until_of

IPAddress = IPv4Address | IPv6Address


class Outcome(StrEnum):
    """What became of a recipient; the names are logged and counted, and never change."""

    NOT_LOCKED = "not-locked"
    LOCK_EXPIRED = "lock-expired"
    ROUTE_UNKNOWN = "route-unknown"
    DELIVERED_HERE = "delivered-here"
    SENDER_UNKNOWN = "sender-unknown"
    NULL_SENDER = "null-sender"
    NOT_OUTBOUND = "not-outbound"
    SIGNED = "signed"
    SENDER_EXEMPT = "sender-exempt"
    RECIPIENT_EXEMPT = "recipient-exempt"
    OBSERVED = "observed"
    REFUSED = "refused"


class Facts(NamedTuple):
    """What the MTA said about a recipient and the session; None is what it did not say."""

    recipient: str
    """Canonical."""
    sender: str | None
    """As given, without brackets; empty for the null sender."""
    authenticated: bool
    client: IPAddress | None
    daemon_name: str | None
    transport: str | None
    """The Postfix transport that will take the message: the macro {rcpt_mailer}."""
    signed: bool = False
    """Whether the sender is a return path that we have signed: the message was judged before."""
    login: str = ""
    """The SASL login name."""

    @property
    def sender_domain(self) -> str:
        """The domain of the sender in lower case and as A-labels; empty if unknown.

        It names the group and the return domain.
        """
        domain = (self.sender or "").rpartition("@")[2].lower()
        if domain.isascii() and not domain.endswith("."):
            return domain
        try:
            return canonical_domain(domain)
        except AddressError:
            return domain


@dataclass(frozen=True, slots=True)
class Scope:
    """Which mail is ours to refuse: `[outbound]`, `[exempt]` and the mode, made ready for use."""

    authenticated: bool
    networks: tuple[Network, ...]
    daemon_names: frozenset[str]
    local_transports: frozenset[str]
    senders: tuple[AddressPattern, ...]
    recipients: frozenset[tuple[str, str]]
    """Local part and domain of each; an empty part is any."""
    fold: bool
    observe: bool

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The scope that the settings ask for."""
        fold = settings.store.fold_local_part
        return cls(
            authenticated=settings.outbound.authenticated,
            networks=settings.outbound.networks,
            daemon_names=frozenset(settings.outbound.daemon_names),
            local_transports=frozenset(settings.outbound.local_transports),
            senders=tuple(_canonical(p, fold=fold) for p in settings.exempt.senders),
            recipients=frozenset(
                (p.local, p.domain)
                for p in (_canonical(p, fold=fold) for p in settings.exempt.recipients)
            ),
            fold=fold,
            observe=settings.milter.mode == "observe",
        )


def lock_in_force(
    find: Callable[[bytes], bytes | None],
    key: bytes,
    record: bytes | None,
    now: int,
    group: str = "",
) -> Lock | None:
    """The lock of `key`, whose record `find` has given, or else of its domain; None without one.

    Locks of one group apply only if this is the `group` that sends. Raises LockRecordError, and
    what `find` raises.
    """
    if record is None:
        return None
    if now < until_of(record):
        return unpack(record)
    own = of_group(record, digest_of(group)) if group else None
    if own is not None and own.in_force(now):
        return own
    domain = find(key[key.rfind(b"@") :])
    return unpack(domain) if domain is not None and now < until_of(domain) else None


def decide(facts: Facts, lock: Lock | None, now: int, scope: Scope) -> Outcome:
    """What becomes of a recipient at `now` (seconds since 1970, UTC)."""
    if lock is None:
        return Outcome.NOT_LOCKED
    if not lock.in_force(now):
        return Outcome.LOCK_EXPIRED
    for outcome, applies in _PASSES:
        if applies(facts, scope):
            return outcome
    return _refused(scope)


def decide_unseen(recipient: str, lock: Lock | None, now: int, scope: Scope) -> Outcome:
    """The same where nothing but the recipient (canonical) is known, as in a table look-up.

    Postfix asks about mail that it routes: only exempt recipients pass.
    """
    if lock is None:
        return Outcome.NOT_LOCKED
    if not lock.in_force(now):
        return Outcome.LOCK_EXPIRED
    if is_exempt(recipient, scope):
        return Outcome.RECIPIENT_EXEMPT
    return _refused(scope)


def is_exempt(recipient: str, scope: Scope) -> bool:
    """Whether a recipient (canonical) is never refused."""
    local, _, domain = recipient.rpartition("@")
    return not scope.recipients.isdisjoint(((local, domain), (local, ""), ("", domain)))


def is_outbound(facts: Facts, scope: Scope) -> bool:
    """Whether a message is ours to judge, by who brought it."""
    return (
        (scope.authenticated and facts.authenticated)
        or facts.daemon_name in scope.daemon_names
        or (facts.client is not None and any(facts.client in net for net in scope.networks))
    )


def _sender_is_exempt(facts: Facts, scope: Scope) -> bool:
    if not scope.senders:
        return False
    try:
        sender = canonical(facts.sender or "", fold=scope.fold)
    except AddressError:
        return False
    return any(_matches(pattern, sender) for pattern in scope.senders)


def _refused(scope: Scope) -> Outcome:
    return Outcome.OBSERVED if scope.observe else Outcome.REFUSED


# Mail from sendmail(1) has no {rcpt_mailer}, and a refusal there would jam the maildrop queue:
# "can't reject recipient in non-smtpd(8) submission" (Postfix 3.7). The first row lets it pass: the
# map of `bouncegate.milter.lookup` is for such mail.
_PASSES: Final[tuple[tuple[Outcome, Callable[[Facts, Scope], bool]], ...]] = (
    (Outcome.ROUTE_UNKNOWN, lambda facts, _: not facts.transport),
    (Outcome.DELIVERED_HERE, lambda facts, scope: facts.transport in scope.local_transports),
    (Outcome.SENDER_UNKNOWN, lambda facts, _: facts.sender is None),
    (Outcome.NULL_SENDER, lambda facts, _: facts.sender == ""),
    (Outcome.NOT_OUTBOUND, lambda facts, scope: not is_outbound(facts, scope)),
    (Outcome.SIGNED, lambda facts, _: facts.signed),
    (Outcome.SENDER_EXEMPT, _sender_is_exempt),
    (Outcome.RECIPIENT_EXEMPT, lambda facts, scope: is_exempt(facts.recipient, scope)),
)


def _matches(pattern: AddressPattern, address: str) -> bool:
    local, _, domain = address.rpartition("@")
    return pattern.local in ("", local) and pattern.domain in ("", domain)


def _canonical(pattern: AddressPattern, *, fold: bool) -> AddressPattern:
    """A pattern in the form that canonical addresses have; unchanged if it is invalid."""
    local, domain = pattern.local, pattern.domain
    try:
        if local:
            local = canonical(f"{local}@{domain or 'example.com'}", fold=fold).rpartition("@")[0]
        return AddressPattern(local, canonical_domain(domain) if domain else "")
    except AddressError:
        return pattern
