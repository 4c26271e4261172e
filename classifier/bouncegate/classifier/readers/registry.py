"""The readers in the order in which they are asked: the first that finds a recipient counts."""

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
)
from bouncegate.classifier.report import Report

# Occurs in no text: RE2 has no empty alternative that fails.
_NEVER: Final = r"\A\z."


class Reader(NamedTuple):
    """A family of bounces, and how its reports are found."""

    name: str
    sign: str
    """What occurs in every notice of the family (RE2), `""` where that is not told by words."""
    read: Callable[[Notification], list[Report]]
    """The reports found, `[]` if the message is none of the family."""


READERS: Final = tuple(
    Reader(module.NAME, module.SIGN, module.read)
    for module in (
        # The standards, which leave nothing to guess.
        rfc3464,
        mdn,
        amazon,
        # Families that say who they are.
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
        # What is told in passing, and by words alone.
        failedrecipients,
        transcript,
        prose,
    )
)

STANDARDS: Final = READERS[:3]
"""Those that need no words of the notice."""

_SIGNS: Final = Phrases(reader.sign or _NEVER for reader in READERS)


def candidates(notification: Notification) -> Iterator[Reader]:
    """The readers to ask, in order: the standards, then those whose sign the notice bears."""
    yield from STANDARDS
    found = set(_SIGNS.found(notification.notice))
    for number, reader in enumerate(READERS[len(STANDARDS) :], len(STANDARDS)):
        if not reader.sign or number in found:
            yield reader


COMPLAINTS: Final = Reader(arf.NAME, "", arf.read)
"""Asked for complaints, and for nothing else."""
LAST_RESORT: Final = Reader(addressee.NAME, "", addressee.read)
"""Asked when neither the message nor one that it wraps names anybody."""
