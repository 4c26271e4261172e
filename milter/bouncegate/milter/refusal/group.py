"""The group that a message belongs to, as far as RCPT TO shows it."""

from collections.abc import Callable
from typing import Final

from bouncegate.config.settings import LedgerSettings
from bouncegate.config.text import clean
from bouncegate.milter.refusal.decision import Facts

# RFC 5321, 4.5.3.1.3: a path has at most 256 octets; some clients exceed it.
_LONGEST: Final = 512


def group_at_rcpt(settings: LedgerSettings) -> Callable[[Facts], str]:
    """The group of what is known at RCPT TO; a header names it later, if at all.

    Without a header, locks of one group and words for one are those of the sender's domain.
    """
    return _login if settings.group == "login" else _sender_domain


def _login(facts: Facts) -> str:
    return clean(facts.login, _LONGEST)


def _sender_domain(facts: Facts) -> str:
    return clean(facts.sender_domain, _LONGEST)
