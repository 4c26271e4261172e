"""The DMARC policy of a domain, and its organizational domain.

RFC 7489, 6.6.3 finds both by a list of public suffixes. Its successor walks up the DNS tree
instead, which needs no list, and gives the same result except for rare domains.
"""

from typing import Final, NamedTuple

import dns.name
from dns.rdatatype import RdataType

from bouncegate.admin.dns.mx import Ask
from bouncegate.admin.dns.spf import texts

_VERSION: Final = "dmarc1"
# A name may have 127 labels; the walk takes the name itself and its last seven labels.
_MOST_STEPS: Final = 8


class Policy(NamedTuple):
    """The policy of a domain."""

    organisation: str
    """The organizational domain: names below it are aligned with one another (RFC 7489, 3.2)."""
    text: str = ""
    """The record that applies; empty if there is none."""
    asked: str = "none"
    """The requested action: none, quarantine, reject."""
    strict_spf: bool = False
    """Whether the return path must be of the From domain itself (aspf=s; RFC 7489, 3.1.2)."""
    known: bool = True
    """False if the lookup failed."""


async def policy_of(domain: str, ask: Ask) -> Policy:
    """Walk up from a domain to the first record, and on to the organizational domain."""
    found: list[tuple[str, str]] = []
    for name in _steps(domain):
        answer = await ask(dns.name.from_text(f"_dmarc.{name}"), RdataType.TXT)
        if answer.outcome == "failed":
            return Policy(domain, known=False)
        records = [text for text in texts(answer) if _tags(text).get("v") == _VERSION]
        if len(records) == 1:  # RFC 7489, 6.6.3: several records count as none
            found.append((name, records[0]))
            if _tags(records[0]).get("psd") == "n":
                break
    return _judged(domain, found)


def _judged(domain: str, found: list[tuple[str, str]]) -> Policy:
    if not found:
        return Policy(domain)
    top, record = found[-1]
    if _tags(record).get("psd") == "y" and top != domain:
        labels = domain.split(".")
        top = ".".join(labels[-len(top.split(".")) - 1 :])
    holder, text = found[0]
    tags = _tags(text)
    asked = tags.get("p", "none") if holder == domain else tags.get("sp", tags.get("p", "none"))
    return Policy(top, text, asked, tags.get("aspf") == "s")


def _steps(domain: str) -> list[str]:
    labels = domain.split(".")
    lengths = [len(labels), *range(min(len(labels) - 1, _MOST_STEPS - 1), 0, -1)]
    return [".".join(labels[-length:]) for length in lengths]


def _tags(text: str) -> dict[str, str]:
    """A tag list (RFC 6376, 3.2) by tag name, in lower case."""
    pairs = (part.partition("=") for part in text.lower().split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}
