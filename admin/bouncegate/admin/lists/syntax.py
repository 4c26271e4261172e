"""Addresses that cannot be delivered, whoever asks: told by how they are written.

Postfix itself refuses at RCPT TO what is no address by its form (`501 5.1.3`). What is left, and
what it takes without a word, is judged here: `ann@localhost`, `ann@a.invalid`, `ann@[192.0.2.1]`.
The send path does not judge it: next to no recipient is such a one. Nothing here asks DNS.
"""

import re
from typing import Final

from bouncegate.store.address import AddressError, canonical, domain_of

# RFC 2606, 2 and 3; RFC 6761, 6; onion: RFC 7686; alt: RFC 9476. Names of private networks, such as
# local, internal and home.arpa, are not among them: a mail server of the house may take their mail.
_RESERVED: Final = frozenset(
    {
        *("test", "example", "invalid", "localhost", "onion", "alt"),
        *("example.com", "example.net", "example.org"),
    }
)
_NUMERIC: Final = re.compile(r"\d+")


def fault_of(text: str, *, fold: bool = True) -> str:
    """Why an address cannot be delivered by syntax; empty where nothing is wrong with it."""
    try:
        return fault_of_canonical(canonical(text, fold=fold))
    except AddressError as error:
        return str(error)


def fault_of_canonical(address: str) -> str:
    """The same of an address in canonical form, or of `@domain`.

    Dots side by side before the @ are no fault, though RFC 5321, 4.1.2 knows no such address: some
    carriers in Japan gave them out, and they are delivered.
    """
    domain = domain_of(address)
    if domain.startswith("["):
        return "an IP address stands in the place of the domain"
    labels = domain.split(".")
    if len(labels) == 1:
        return f"{domain!r} is no domain of the internet: it has no dot"
    if _NUMERIC.fullmatch(labels[-1]):
        return f"{domain!r} ends in a number, which no domain does (RFC 3696, 2)"
    for ends in range(1, min(len(labels), 2) + 1):
        if (name := ".".join(labels[-ends:])) in _RESERVED:
            return f"{name!r} is reserved: nobody's mail is taken there (RFC 2606, RFC 6761)"
    return ""
