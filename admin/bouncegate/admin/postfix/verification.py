"""Address verification before the map: what reject_unverified_recipient does to a locked address.

verify(8) looks up the recipient's route, gets the map's error:, and caches that the address is
undeliverable. smtpd(8) then answers 450 instead of the map's 550, and after an unlock refuses from
that cache until the entry expires (postconf(5), address_verify_*). If reject_unlisted_recipient
comes first, smtpd(8) gets the map's answer itself, and verify(8) is never asked.
"""

from collections.abc import Iterator
from typing import Final

from bouncegate.admin.postfix.facts import SMTPD, Facts, Service
from bouncegate.admin.postfix.sockets import items

RESTRICTIONS: Final = (
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
)
"""The restrictions that smtpd(8) applies at RCPT TO, in its order (smtpd_delay_reject)."""
REFRESH: Final = "address_verify_negative_refresh_time"
_UNVERIFIED: Final = "reject_unverified_recipient"
UNLISTED: Final = "reject_unlisted_recipient"
FIX: Final = f"bouncegate postfix enable --map, or put {UNLISTED} before {_UNVERIFIED}"


def verify_parameters(facts: Facts) -> Iterator[str]:
    """Each parameter of an smtpd(8) that asks verify(8) before the map."""
    seen = set[str]()
    for service in facts.services_of(SMTPD):
        name = _first(facts, service)
        subject = f"{service.key}/{name}" if facts.overrides(service, name) else name
        if name and subject not in seen:
            seen.add(subject)
            yield subject


def _first(facts: Facts, service: Service) -> str:
    """The list in which a service asks verify(8) before it asks the map; empty if none."""
    for name in RESTRICTIONS:
        for word in items(facts.setting(service, name)) or ():
            if word == UNLISTED:
                return ""
            if word == _UNVERIFIED:
                return name
    return ""
