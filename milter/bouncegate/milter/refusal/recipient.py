"""From a recipient as Postfix hands it over to the key under which the store knows it.

Almost every recipient is plain ASCII whose key is the lower case of what stands between the
brackets; that way costs 0.2 microseconds. Everything else takes the slow way through
`bouncegate.store.address` and `resolution`: whatever spelling Postfix delivers to one mailbox leads
to one key. The fast way asks nothing of the syntax: what is no address has no lock under any key,
because the store holds canonical addresses alone. It may still hold a lock of the domain behind the
last @, which is why `is_address` is asked before a refusal.
"""

import re
from collections.abc import Callable
from typing import Final

from bouncegate.store.address import LONGEST_ADDRESS, AddressError, canonical
from bouncegate.store.resolution import mailboxes_of, rewritten

KeyOf = Callable[[bytes], bytes | None]

_DOT, _AT = b".@"
# smtpd(8) hands the recipient over in its brackets, cleanup(8) without. The blanks are
# those that `canonical` takes off.
_WRAPPING: Final = b"<> \t\r\n"
# What an address may hold that has one spelling: atoms (RFC 5322, 3.2.3) without the routing
# operators ! and %. Quotes, comments, routes, literals and other scripts are not among them.
_ONE_SPELLING: Final = (
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_+='*/?{}|$&#`~^"
)
# Folds it, and makes a NUL of every other octet.
_FOLDED: Final = bytes(
    bytes((octet,)).lower()[0] if octet in b"@" + _ONE_SPELLING else 0 for octet in range(256)
)
_ATOM, _LABEL = (
    rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}",
    rb"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?",
)
# Almost every address is one that `canonical` leaves as it is: 0.3 us instead of 1.3.
_PLAIN: Final = re.compile(rb"%b@(?:%b\.)*%b" % (_ATOM, _LABEL, _LABEL))


# What split_addr(3) of Postfix leaves whole.
_NEVER_SPLIT: Final = frozenset({"postmaster", "mailer-daemon", "double-bounce"})


def plain_key(recipient: bytes) -> bytes | None:
    """The key of a recipient with only one spelling, local parts folded; None for all others."""
    path = recipient.strip(_WRAPPING).translate(_FOLDED)
    if (
        0 not in path
        and path.count(b"@") == 1
        and path[-1] != _DOT
        and path[0] != _AT
        and len(path) <= LONGEST_ADDRESS
    ):
        return path
    return None


def folded_key(recipient: bytes) -> bytes | None:
    """The key of a recipient when local parts are folded; None if it is no address."""
    return plain_key(recipient) or _key(recipient, fold=True)


def exact_key(recipient: bytes) -> bytes | None:
    """The same when the case of local parts counts, which hardly anyone sets: the slow way."""
    return _key(recipient, fold=False)


def no_key(_recipient: bytes) -> None:
    """None: when the case of local parts counts, no recipient goes the fast way."""
    return


def is_address(key: bytes) -> bool:
    """Whether a key made the fast way is an address at all."""
    if len(key) <= LONGEST_ADDRESS and _PLAIN.fullmatch(key):
        return True
    try:
        return canonical(key.decode(), fold=False).encode() == key
    except (AddressError, UnicodeDecodeError):
        return False


def _key(recipient: bytes, *, fold: bool) -> bytes | None:
    try:
        path = recipient.strip(_WRAPPING).decode()
        key = _canonical(without_route(path), fold=fold).encode()
    except (AddressError, UnicodeDecodeError):
        return None
    return None if key.startswith(b"@") else key


def _canonical(path: str, *, fold: bool) -> str:
    try:
        return canonical(path, fold=fold)
    except AddressError:
        return canonical(rewritten(path), fold=fold)


def as_resolved(recipient: bytes, resolved: str | None) -> bytes:
    """A recipient as the mailbox that the MTA has resolved it to, if that says which.

    `resolved` is Postfix's macro {rcpt_addr}, which is folded: the case is taken from the spelling.
    What stands behind an operator, as in `user%host@gateway`, only Postfix knows.
    """
    try:
        (mailbox, *_) = mailboxes_of(resolved or "")
        if not mailbox.domain:
            return recipient
        readings = mailboxes_of(recipient.decode())
    except (AddressError, UnicodeDecodeError):
        return recipient
    folded = str(mailbox).lower()
    return str(next((m for m in readings if str(m).lower() == folded), mailbox)).encode()


def untagged(key: bytes, delimiters: str) -> bytes | None:
    """The key of the address without its extension; None if it has none.

    By the rules of Postfix's recipient_delimiter, owner_request_special = yes included.
    """
    if not delimiters:
        return None
    local, _, domain = key.decode().rpartition("@")
    quoted = local.startswith('"')
    local = local[1:-1] if quoted else local
    end = min((place for d in delimiters if (place := local.find(d)) >= 0), default=0)
    if end < 1 or local in _NEVER_SPLIT:
        return None
    if "-" in delimiters and (local.startswith("owner-") or local.endswith("-request")):
        return None
    mark = '"' if quoted else ""
    return _key(f"{mark}{local[:end]}{mark}@{domain}".encode(), fold=False)


def path_of(recipient: bytes) -> str:
    """A recipient as the MTA wrote it, bare."""
    return without_route(recipient.strip(_WRAPPING).decode())


def queued_as(recipient: bytes) -> list[str]:
    """The forms by which a recipient can be taken out again, one of which is the queue's.

    Postfix 3.7 compares the octets with what it has queued; what it does not find it passes over.
    smtpd(8) shows what it queues. For sendmail(1), cleanup(8) queues what it was given, perhaps
    with a root dot or a routing operator, and shows what trivial-rewrite(8) has made of it. A
    source route that it was given cannot be known.
    """
    path = path_of(recipient)
    try:
        forms = [path, rewritten(path)]
    except AddressError:
        forms = [path]
    # Only smtpd(8) writes brackets.
    if not recipient.startswith(b"<"):
        local, _, domain = path.rpartition("@")
        forms += [f"{path}.", f"{domain}!{local}", f"{local}%{domain}"]
    return list(dict.fromkeys(forms))


def without_route(path: str) -> str:
    """A path without its source route, which RFC 5321, 4.1.1.3 lets a server strip."""
    return path.partition(":")[2] if path.startswith("@") else path
