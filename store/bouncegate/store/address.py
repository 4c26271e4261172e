"""The canonical form of an address: the key under which the store knows it.

Domain in lower case and as A-labels (IDNA 2008, RFC 5891); local part in NFC and, unless
set otherwise, folded (RFC 5321, 2.4 leaves its case to the receiving system, and almost
none tells `Ann` from `ann`); a quoted local part that needs no quotes loses them. A whole
domain is written `@domain`.
"""

import re
import unicodedata
from ipaddress import IPv6Address
from typing import Final

import idna

from bouncegate.config.text import REPLACEMENT, is_clean

# RFC 5321, 4.5.3.1.1 to 4.5.3.1.3: local part 64 octets, domain 255, path 256 with its brackets.
LONGEST_LOCAL: Final = 64
LONGEST_DOMAIN: Final = 255
LONGEST_ADDRESS: Final = 254

_ATOM: Final = r"[^\x00-\x20\x7f\"(),:;<>@\[\\\]]+"
_DOT_ATOM: Final = re.compile(_ATOM)
_QUOTED: Final = re.compile(r'"((?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*)"')
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
_LITERAL: Final = re.compile(r"\[(?:[0-9.]{7,15}|ipv6:[0-9a-f:.]{2,45})\]")
_IPV6: Final = "[ipv6:"
_JOINERS: Final = re.compile("[\u200c\u200d]")
# Three characters of which NFC makes one of ASCII: the Greek question mark, the Greek accent and
# the sign of Kelvin, which would make `\u212aate@` the address of `kate@`.
_BECOMES_ASCII: Final = re.compile("[\u037e\u1fef\u212a]")
_LDH: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# Nearly every address: of ASCII, neither quoted nor a literal, without a root dot. To fold it is
# all there is to do, in a fifth of the time.
_LABEL: Final = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_PLAIN: Final = re.compile(
    rf"([A-Za-z0-9!#$%&'*+/=?^_`{{|}}~.-]{{1,{LONGEST_LOCAL}}})@((?:{_LABEL}\.)*{_LABEL})"
)


class AddressError(ValueError):
    """What was given is no mail address; the text says why."""


def canonical(text: str, *, fold: bool = True) -> str:
    """The canonical form of `local@domain`, or of `@domain` for a whole domain.

    Raises AddressError.
    """
    if len(text) <= LONGEST_ADDRESS and (plain := _PLAIN.fullmatch(text)):
        return text.lower() if fold else f"{plain[1]}@{plain[2].lower()}"
    # White space of other kinds is no blank at a margin, but a part of what is no address.
    local, at, domain = text.strip(" \t\r\n").rpartition("@")
    if not at or not domain:
        raise AddressError(f"invalid address {text!r}: no @ followed by a domain")
    address = f"{_local_part(local, fold=fold)}@{canonical_domain(domain)}" if local else ""
    address = address or f"@{canonical_domain(domain)}"
    if len(address.encode()) > LONGEST_ADDRESS:
        raise AddressError(
            f"{text!r} is longer than {LONGEST_ADDRESS} octets (RFC 5321, 4.5.3.1.3)"
        )
    return address


def canonical_domain(text: str) -> str:
    """A domain in lower case and A-label form, or an address literal.

    Raises AddressError.
    """
    domain = text.removesuffix(".").lower()
    # Unicode TS 46 passes over what is not seen, which would lead to another domain; joiners have
    # their place in some scripts (RFC 5892, A.1 and A.2), and idna knows where.
    if not is_clean(_JOINERS.sub("", domain)):
        raise AddressError(f"invalid domain name {text!r}")
    if _LITERAL.fullmatch(domain):
        return _literal(domain)
    if not domain.isascii():
        domain = _a_labels(domain)
    if len(domain) > LONGEST_DOMAIN or not all(
        _LDH.fullmatch(label) for label in domain.split(".")
    ):
        raise AddressError(f"invalid domain name {text!r}")
    return domain


def _literal(domain: str) -> str:
    """An address literal (RFC 5321, 4.1.3) in the one form of RFC 5952; raises AddressError."""
    if not domain.startswith(_IPV6):
        return domain
    try:
        address = IPv6Address(domain[len(_IPV6) : -1])
    except ValueError:
        raise AddressError(f"invalid address literal {domain!r}") from None
    mapped = address.ipv4_mapped  # which versions of Python write in different ways
    return f"{_IPV6}{f'::ffff:{mapped}' if mapped else address}]"


def domain_of(address: str) -> str:
    """The domain of a canonical address."""
    return address.rpartition("@")[2]


def _a_labels(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise AddressError(f"invalid domain name {domain!r}: {error}") from None


def _local_part(text: str, *, fold: bool) -> str:
    if not is_clean(text) or _BECOMES_ASCII.search(text) or REPLACEMENT in text:
        raise AddressError(
            f"invalid local part {text!r}: it contains control or invisible characters"
        )
    local = unicodedata.normalize("NFC", text)
    quoted = _QUOTED.fullmatch(local)
    if quoted:
        local = _QUOTED_PAIR.sub(r"\1", quoted[1])
    local = unicodedata.normalize("NFC", local.lower()) if fold else local
    if len(local.encode()) > LONGEST_LOCAL:
        raise AddressError(f"local part longer than {LONGEST_LOCAL} octets")
    if _is_dot_atom(local):
        return local
    if not quoted:
        raise AddressError(f"invalid local part {text!r}: put it in quotes if it is correct")
    escaped = local.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _is_dot_atom(local: str) -> bool:
    # Dots at the ends or in a row are against RFC 5321 but in use: some Japanese carriers gave
    # out such addresses, and a bounce for one must be able to lock it.
    return _DOT_ATOM.fullmatch(local) is not None
