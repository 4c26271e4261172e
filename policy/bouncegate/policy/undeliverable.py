"""Addresses that no mail reaches as they are written: the rules, and their names.

`check`, the list of invalid addresses and the send path ask the same function. A refusal by one of
these rules rests on no entry of the journal, so its ref is the name of the rule: it says nothing of
the recipient, and `bouncegate explain` knows it. All of this is pure: nothing here asks DNS.
"""

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final

from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import Reason
from bouncegate.policy import deaddomain
from bouncegate.policy.mx import MxHosts
from bouncegate.policy.records import NO_END, Lock, Origin


class AddressRule(StrEnum):
    """The names of the rules: they are refs, and never change. New ones are appended."""

    SYNTAX = "syntax"
    DOTS = "dots"
    LONG = "too-long"
    LITERAL = "address-literal"
    NO_DOT = "no-dot"
    NUMERIC = "numeric-domain"
    RESERVED = "reserved-domain"
    NXDOMAIN = "nxdomain"
    NULL_MX = "null-mx"
    NO_MX = "no-mx"
    NO_HOST = "no-host"


WORDS: Final[dict[AddressRule, str]] = {
    AddressRule.SYNTAX: "no valid address (RFC 5321, 4.1.2)",
    AddressRule.DOTS: "a dot at an end of the local part, or two in a row (RFC 5321, 4.1.2)",
    AddressRule.LONG: "a local part of more than 64 octets (RFC 5321, 4.5.3.1.1)",
    AddressRule.LITERAL: "an IP address instead of a domain",
    AddressRule.NO_DOT: "not an internet domain: it has no dot",
    AddressRule.NUMERIC: "the domain ends in a number, as no domain does (RFC 3696, 2)",
    AddressRule.RESERVED: "the domain is reserved: it has no mail (RFC 2606, RFC 6761)",
    **{AddressRule(denial): words for denial, words in deaddomain.WORDS.items()},
}
"""What is wrong, for people."""

_REASONS: Final = {AddressRule(denial): reason for denial, reason in deaddomain.REASONS.items()}
_RULES: Final = tuple(AddressRule)
# No entry of the journal ever has such a number.
_FIRST: Final = 1 << 63

# RFC 2606, 2 and 3; RFC 6761, 6; onion: RFC 7686; alt: RFC 9476. Names of private networks, such as
# local, internal and home.arpa, are not among them: a local mail server may take their mail.
_RESERVED: Final = frozenset(
    {
        *("test", "example", "invalid", "localhost", "onion", "alt"),
        *("example.com", "example.net", "example.org"),
    }
)
_NUMERIC: Final = re.compile(r"\d+")
_LONGEST_LOCAL: Final = 64
# Japanese carriers that gave out addresses with dots in a row or before the @, and deliver them.
_ANY_DOTS: Final = frozenset(
    {"docomo.ne.jp", "ezweb.ne.jp", "au.com", "softbank.ne.jp", "i.softbank.jp", "vodafone.ne.jp"}
)


def rule_against(address: str) -> AddressRule | None:
    """The rule that an address in canonical form, or `@domain`, offends against."""
    local, _, domain = address.rpartition("@")
    return _against_domain(domain) or _against_local(local, domain)


def _against_local(local: str, domain: str) -> AddressRule | None:
    """Dots in quotes are no fault, but the canonical form has no quotes round them any more."""
    if local.startswith('"'):
        return None
    if (local[:1] == "." or local[-1:] == "." or ".." in local) and domain not in _ANY_DOTS:
        return AddressRule.DOTS
    return AddressRule.LONG if len(local.encode()) > _LONGEST_LOCAL else None


# A mailing has many recipients in few domains.
@lru_cache(4096)
def _against_domain(domain: str) -> AddressRule | None:
    if domain.startswith("["):
        return AddressRule.LITERAL
    labels = domain.split(".")
    if len(labels) == 1:
        return AddressRule.NO_DOT
    if _NUMERIC.fullmatch(labels[-1]):
        return AddressRule.NUMERIC
    ends = (".".join(labels[-count:]) for count in (1, 2))
    return AddressRule.RESERVED if any(name in _RESERVED for name in ends) else None


def rule_of_domain(known: MxHosts, now: int, confirm: int) -> AddressRule | None:
    """The rule against a domain that DNS has denied twice, as long as that answer is good.

    Nothing asks again about a domain that is refused, so the first mail after that finds out.
    """
    if known.denial is None or now >= known.good_until or not known.is_dead(confirm):
        return None
    return AddressRule(known.denial)


def lock_by(rule: AddressRule, now: int) -> Lock:
    """The refusal by a rule in the form of a lock, which is stored nowhere."""
    reason = _REASONS.get(rule, Reason.INVALID)
    made = REASONS[reason]
    cause = _FIRST + _RULES.index(rule)
    return Lock(made.kind, made.category, reason, Origin.AUTOMATIC, now, NO_END, cause)


def ref_of(lock: Lock) -> str:
    """What a refusal calls its cause: the number of a journal entry, or the name of a rule."""
    return ref_to(lock.cause)


def ref_to(cause: int) -> str:
    """The same of a lock's cause alone."""
    number = cause - _FIRST
    return _RULES[number] if 0 <= number < len(_RULES) else str(cause)
