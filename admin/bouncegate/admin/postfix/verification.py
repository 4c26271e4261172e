"""Address verification in front of the map: what reject_unverified_recipient makes of a lock.

verify(8) asks for a recipient's route like any other, meets the map's error: there, and remembers
that the address cannot be reached. smtpd(8) then answers 450 in the map's place, and after an
unlock refuses from that memory until it is old (postconf(5), address_verify_*). Where
reject_unlisted_recipient comes first, smtpd(8) sees the map's answer itself: 550, and verify(8)
never hears of the address.
"""

from collections.abc import Iterator
from typing import Final

from bouncegate.admin.postfix.facts import SMTPD, Running, Service
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
_ASKS: Final = "reject_unverified_recipient"
LOOKS: Final = "reject_unlisted_recipient"
MEND: Final = f"bouncegate postfix enable --map, or put {LOOKS} before {_ASKS}"


def verifying(running: Running) -> Iterator[str]:
    """Each parameter of an smtpd(8) by which verify(8) is asked before the map is."""
    seen = set[str]()
    for service in running.running(SMTPD):
        name = _first(running, service)
        subject = f"{service.key}/{name}" if running.overrides(service, name) else name
        if name and subject not in seen:
            seen.add(subject)
            yield subject


def _first(running: Running, service: Service) -> str:
    """The list in which a service asks verify(8), if none has looked at the recipient before."""
    for name in RESTRICTIONS:
        for word in items(running.setting(service, name)) or ():
            if word == LOOKS:
                return ""
            if word == _ASKS:
                return name
    return ""
