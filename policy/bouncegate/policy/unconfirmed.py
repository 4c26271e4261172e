"""When what a mail server says of a domain's name counts, and when it no longer holds.

"Host not found" is what a mail server was told by its name server, and that may be broken, lie or
stand behind a network that is down: then each domain in the world is unknown at once, and a bounce
of each address says so. So a bounce for such a reason is kept unconfirmed, whichever server gave
it, until DNS has denied the domain to us twice (`policy.mx`); it never counts if the domain
takes mail. A lock that such a bounce has made ends when the domain takes mail again. All of this is
pure.
"""

from typing import Final, Literal

from bouncegate.config.taxonomy import BY_NAME
from bouncegate.policy.mx import MxHosts
from bouncegate.policy.records import Event, Lock, Origin

Outcome = Literal["absent", "present", "given-up", "open"]
"""What becomes of an unconfirmed bounce: it counts (`absent`), it never does (`present`,
`given-up`), or it waits on (`open`)."""

OURS: Final = "(our name servers)"
"""In place of a provider: the incident of many domains that are called unknown and are not."""

# Longer than a name server is out of order. A domain of which nothing was heard by then is asked
# for again with its next bounce.
_LONGEST_WAIT: Final = 30 * 86_400


def awaits_dns(event: Event) -> bool:
    """Whether a bounce counts only once DNS has confirmed what it says."""
    return event.reason in BY_NAME


def outcome(came: int, known: MxHosts, now: int, confirm: int) -> Outcome:
    """What becomes of a bounce that came at a time; only answers that are newer decide."""
    if known.fetched >= came:
        if known.takes_mail:
            return "present"
        if known.is_dead(confirm):
            return "absent"
    return "given-up" if now - came > _LONGEST_WAIT else "open"


def asks_at(came: int, known: MxHosts, confirm: int) -> int:
    """When DNS is to be asked of the domain of a bounce that waits on."""
    if known.failures:
        return known.asks_again_at()
    if known.fetched < came or known.denial is None:
        return came
    return known.denied_since + confirm


def rests_on_name(lock: Lock) -> bool:
    """Whether a lock was made by bounces because its domain took no mail."""
    return lock.origin is Origin.AUTOMATIC and lock.reason in BY_NAME


def has_returned(lock: Lock, known: MxHosts) -> bool:
    """Whether the domain of such a lock takes mail again."""
    return rests_on_name(lock) and known.takes_mail and known.fetched > lock.since
