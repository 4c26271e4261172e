"""The readers in the order in which they are asked; the first that finds a recipient has the word."""

from collections.abc import Callable
from typing import Final, NamedTuple

from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers import rfc3464
from bouncegate.classifier.report import Report


class Reader(NamedTuple):
    """A family of bounces, and how its reports are found."""

    name: str
    read: Callable[[Notification], list[Report]]
    """The reports found, `[]` if the message is none of the family."""


READERS: Final = (Reader(rfc3464.NAME, rfc3464.read),)
