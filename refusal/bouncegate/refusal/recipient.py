"""From a recipient as Postfix hands it over to the key under which the store knows it.

Almost every recipient is plain ASCII whose key is the lower case of what stands between the
brackets; that way costs 0.2 microseconds. Everything else takes the slow way through
`bouncegate.store.address`. The fast way asks nothing of the syntax: what is no address has
no lock under any key, because the store holds canonical addresses alone. It may still hold
a lock of the domain behind the last @, which is why `is_address` is asked before a refusal.
"""

import re
from collections.abc import Callable
from typing import Final

from bouncegate.store.address import LONGEST_ADDRESS, AddressError, canonical

KeyOf = Callable[[bytes], bytes | None]

_QUOTE, _DOT, _AT = b'".@'
# smtpd(8) hands the recipient over in its brackets, cleanup(8) without. The blanks are
# those that `canonical` takes off.
_WRAPPING: Final = b"<> \t\r\n"
_ATOM, _LABEL = (
    rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}",
    rb"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?",
)
# Almost every address is one that `canonical` leaves as it is: 0.3 us instead of 1.3.
_PLAIN: Final = re.compile(rb"%b@(?:%b\.)*%b" % (_ATOM, _LABEL, _LABEL))


def folded_key(recipient: bytes) -> bytes | None:
    """The key of a recipient when local parts are folded; None if it is no address."""
    path = recipient.strip(_WRAPPING)
    # A quoted local part, a root dot and a source route are what canonical() would change.
    if (
        path
        and path.isascii()
        and _QUOTE not in path
        and path[-1] != _DOT
        and path[0] != _AT
        and len(path) <= LONGEST_ADDRESS
    ):
        return path.lower()
    return _key(path, fold=True)


def exact_key(recipient: bytes) -> bytes | None:
    """The same when the case of local parts counts, which hardly anyone sets: the slow way."""
    return _key(recipient.strip(_WRAPPING), fold=False)


def is_address(key: bytes) -> bool:
    """Whether a key made the fast way is an address at all."""
    if len(key) <= LONGEST_ADDRESS and _PLAIN.fullmatch(key):
        return True
    try:
        return canonical(key.decode(), fold=False).encode() == key
    except (AddressError, UnicodeDecodeError):
        return False


def _key(path: bytes, *, fold: bool) -> bytes | None:
    try:
        key = canonical(without_route(path.decode()), fold=fold).encode()
    except (AddressError, UnicodeDecodeError):
        return None
    return None if key.startswith(b"@") else key


def path_of(recipient: bytes) -> str:
    """A recipient as the MTA wrote it, bare: the form by which it can be taken out again.

    Postfix 3.7 compares the octets with what it has queued, which has no source route.
    """
    return without_route(recipient.strip(_WRAPPING).decode())


def without_route(path: str) -> str:
    """A path without its source route, which RFC 5321, 4.1.1.3 lets a server strip."""
    return path.partition(":")[2] if path.startswith("@") else path
