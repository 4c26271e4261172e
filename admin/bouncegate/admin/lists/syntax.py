"""Addresses that cannot be delivered on the internet, by their syntax.

Postfix itself refuses invalid addresses at RCPT TO (`501 5.1.3`). This finds those that it accepts:
`ann@localhost`, `ann@a.invalid`, `ann@[192.0.2.1]`. The send path does not use it: such recipients
are rare. Nothing here asks DNS.
"""

import re
from typing import Final

from bouncegate.store.address import AddressError, canonical, domain_of

# RFC 2606, 2 and 3; RFC 6761, 6; onion: RFC 7686; alt: RFC 9476. Names of private networks, such as
# local, internal and home.arpa, are not among them: a local mail server may take their mail.
_RESERVED: Final = frozenset(
    {
        *("test", "example", "invalid", "localhost", "onion", "alt"),
        *("example.com", "example.net", "example.org"),
    }
)
_NUMERIC: Final = re.compile(r"\d+")


def fault_of(text: str, *, fold: bool = True) -> str:
    """Why an address cannot be delivered, by its syntax; empty if it can."""
    try:
        return fault_of_canonical(canonical(text, fold=fold))
    except AddressError as error:
        return str(error)


def fault_of_canonical(address: str) -> str:
    """The same for an address in canonical form, or for `@domain`.

    Consecutive dots before the @ are accepted, against RFC 5321, 4.1.2: some Japanese carriers gave
    out such addresses, and they are delivered.
    """
    domain = domain_of(address)
    if domain.startswith("["):
        return "an IP address instead of a domain"
    labels = domain.split(".")
    if len(labels) == 1:
        return f"{domain!r} is not an internet domain: it has no dot"
    if _NUMERIC.fullmatch(labels[-1]):
        return f"{domain!r} ends in a number, as no domain does (RFC 3696, 2)"
    for ends in range(1, min(len(labels), 2) + 1):
        if (name := ".".join(labels[-ends:])) in _RESERVED:
            return f"{name!r} is reserved: it has no mail (RFC 2606, RFC 6761)"
    return ""
