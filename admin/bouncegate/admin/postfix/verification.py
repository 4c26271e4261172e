"""Address verification in front of the map: what reject_unverified_recipient makes of a lock.

verify(8) asks for a recipient's route like any other, meets the map's error: there, and remembers
that the address cannot be reached. smtpd(8) then answers 450 in the map's place, and after an
unlock refuses from that memory until it is old (postconf(5), address_verify_*). Where
reject_unlisted_recipient comes first, smtpd(8) sees the map's answer itself: 550, and verify(8)
never hears of the address.
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
"""The lists that smtpd(8) goes through at RCPT TO, in its order (smtpd_delay_reject)."""
REFRESH: Final = "address_verify_negative_refresh_time"
_UNVERIFIED: Final = "reject_unverified_recipient"
UNLISTED: Final = "reject_unlisted_recipient"
FIX: Final = f"bouncegate postfix enable --map, or put {UNLISTED} before {_UNVERIFIED}"


def verify_parameters(facts: Facts) -> Iterator[str]:
    """Each parameter of an smtpd(8) by which verify(8) is asked before the map is."""
    seen = set[str]()
    for service in facts.services_of(SMTPD):
        name = _first(facts, service)
        subject = f"{service.key}/{name}" if facts.overrides(service, name) else name
        if name and subject not in seen:
            seen.add(subject)
            yield subject


def _first(facts: Facts, service: Service) -> str:
    """The list in which a service asks verify(8), if none has looked at the recipient before."""
    for name in RESTRICTIONS:
        for word in items(facts.setting(service, name)) or ():
            if word == UNLISTED:
                return ""
            if word == _UNVERIFIED:
                return name
    return ""
