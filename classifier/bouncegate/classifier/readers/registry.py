"""The readers, in the order in which they are tried: the first that finds a recipient is used."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from bouncegate.classifier.notification import Notification
from bouncegate.classifier.phrases import Phrases
from bouncegate.classifier.readers import (
    addressee,
    amazon,
    arf,
    courier,
    domino,
    dragonfly,
    exchange,
    exim,
    failedrecipients,
    fml,
    mdn,
    messagingserver,
    mobile,
    prose,
    qmail,
    rfc3464,
    sendmail,
    smail,
    transcript,
    webhook,
)
from bouncegate.classifier.report import Report

# Matches nothing: RE2 has no empty alternative that fails.
_NEVER: Final = r"\A\z."


class Reader(NamedTuple):
    """A family of bounces, and the function that finds its reports."""

    name: str
    pattern: str
    """Matches every notice of the family (RE2), `""` if no words identify it."""
    read: Callable[[Notification], list[Report]]
    """Returns the reports, `[]` if the message does not belong to the family."""


READERS: Final = tuple(
    Reader(module.NAME, module.PATTERN, module.read)
    for module in (
        # Standards, which require no guess.
        rfc3464,
        mdn,
        amazon,
        webhook,
        # Families that identify themselves.
        sendmail,
        smail,
        courier,
        dragonfly,
        domino,
        messagingserver,
        mobile,
        fml,
        qmail,
        exim,
        exchange,
        # Other evidence, and words alone.
        failedrecipients,
        transcript,
        prose,
    )
)

STANDARDS: Final = READERS[:4]
"""Readers that do not need the text of the notice."""

_PATTERNS: Final = Phrases(reader.pattern or _NEVER for reader in READERS)


def candidates(notification: Notification) -> Iterator[Reader]:
    """The readers to try, in order: the standards, then those whose pattern matches the notice."""
    yield from STANDARDS
    found = set(_PATTERNS.found(notification.notice))
    for number, reader in enumerate(READERS[len(STANDARDS) :], len(STANDARDS)):
        if not reader.pattern or number in found:
            yield reader


COMPLAINTS: Final = Reader(arf.NAME, "", arf.read)
"""Used only for complaints."""
LAST_RESORT: Final = Reader(addressee.NAME, "", addressee.read)
"""Used if neither the message nor a wrapped one names a recipient."""
