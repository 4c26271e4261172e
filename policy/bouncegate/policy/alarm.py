"""Bounces that blame the sender: who is blamed, and for how long that is remembered.

They never lock a recipient; what they cost is the sender's own deliverability, so somebody has
to be warned while it can still be fixed.
"""

from typing import Final

from bouncegate.policy.records import Event

HOUR: Final = 3600
_LONGEST_NAME: Final = 255  # of a domain (RFC 1035, 2.3.4); groups are cut to it
NOBODY: Final = "(unknown)"


def hour_of(time: int) -> int:
    """The number of the hour, since 1970."""
    return time // HOUR


def sender_of(event: Event) -> str:
    """The domain of the sender who is to blame, else the group, else `NOBODY`."""
    return sender_named(event.sender, event.group)


def sender_named(sender: str, group: str) -> str:
    """The same, told by an envelope sender and a group."""
    domain = sender.rpartition("@")[2].strip("<> ").lower()
    return (domain or group or NOBODY)[:_LONGEST_NAME]
