"""The new address that a reply names for a recipient who has moved: a suggestion for a person.

Whoever runs the old domain may name anybody, so nothing ever takes such an address by itself. It is
looked for behind the words of RFC 5321, 3.4 (251, 551) and those of administrators, in a bounded
part of the text. What names two addresses, or the mailbox of a role, names none.
"""

import re
from typing import Final

from bouncegate.classifier import limits

_WORDS: Final = (
    r"(?:please|kindly) (?:try|use|write to|send (?:\w+ )?to|mail|update)",
    r"(?:will|can|should|must) (?:\w+ )?forward(?:ed)? to",
    r"(?:moved|relocated|migrated|redirected|forwarded|changed|renamed) to",
    r"(?:replaced|superseded) by",
    r"new (?:e-?mail ?)?address",
    r"(?:try|use)(?: instead)?",
    r"(?:neue|geänderte)\w? (?:e-?mail-?)?adresse",
    r"nouvelle adresse",
    r"nueva direcci[oó]n",
    r"nuovo indirizzo",
    r"nov[oa] endere[cç]o",
    r"nieuwe? (?:e-?mail-?)?adres",
    r"nowy adres",
    r"новый адрес",
    r"新しい(?:メール)?アドレス",
    r"新(?:邮箱|信箱|郵箱|地址)",
)
# Plain addresses alone: RFC 5321 allows more, and none of it is what a person would copy.
_LOCAL: Final = r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,63}"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS: Final = rf"{_LOCAL}@(?:{_LABEL}\.){{1,8}}[A-Za-z][A-Za-z0-9-]{{0,61}}[A-Za-z0-9]"
_NAMED: Final = re.compile(
    rf"(?:{'|'.join(_WORDS)})[^@<>\n]{{0,40}}?[ <:\"'(]({_ADDRESS})(?![\w@.-]*@)(?![A-Za-z0-9_-])",
    re.IGNORECASE,
)
_ROLES: Final = frozenset(
    {"postmaster", "abuse", "hostmaster", "webmaster", "mailer-daemon", "support", "helpdesk",
     "admin", "administrator", "root", "noreply", "no-reply"}
)  # fmt: skip
_LONGEST: Final = 254  # RFC 5321, 4.5.3.1.3


def new_address(text: str, old: str) -> str:
    """The address that a reply names in place of the old one; empty if none, or not one alone."""
    line = " ".join(text[: limits.DIAGNOSTIC].split())
    found = {match[1].rstrip(".").lower(): match[1].rstrip(".") for match in _NAMED.finditer(line)}
    found.pop(old.lower(), None)
    if len(found) != 1:
        return ""
    (address,) = found.values()
    is_role = address.partition("@")[0].lower() in _ROLES
    return "" if is_role or len(address) > _LONGEST else address
