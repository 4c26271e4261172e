"""The readers in the order in which they are asked: the first that finds a recipient counts."""

from collections.abc import Callable
from typing import Final, NamedTuple

from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers import (
    addressee,
    amazon,
    arf,
    carriers,
    courier,
    domino,
    dragonfly,
    exchange,
    exim,
    failedrecipients,
    messagingserver,
    prose,
    qmail,
    rfc3464,
    sendmail,
    smail,
    transcript,
)
from bouncegate.classifier.report import Report


class Reader(NamedTuple):
    """A family of bounces, and how its reports are found."""

    name: str
    read: Callable[[Notification], list[Report]]
    """The reports found, `[]` if the message is none of the family."""


READERS: Final = tuple(
    Reader(module.NAME, module.read)
    for module in (
        # The standards, which leave nothing to guess.
        rfc3464,
        arf,
        amazon,
        # Families that say who they are.
        sendmail,
        smail,
        courier,
        dragonfly,
        domino,
        messagingserver,
        exchange,
        carriers,
        exim,
        qmail,
        # What is told in passing, and by words alone.
        failedrecipients,
        transcript,
        prose,
    )
)

LAST_RESORT: Final = Reader(addressee.NAME, addressee.read)
"""Asked when neither the message nor one that it wraps names anybody."""
