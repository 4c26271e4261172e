"""The header field X-Failed-Recipients: Exim, Google, Telekom, Google Groups and others.

The field lists the recipients, separated by commas; the notice has the reasons, or a
field of the header. It is used if no reader of a family finds a recipient.
"""

import re
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.addresses import find_addresses
from bouncegate.classifier.fields import Fields
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.delay import is_delay
from bouncegate.classifier.readers.recipientblocks import RecipientBlock, entries, reports
from bouncegate.classifier.report import Report

NAME: Final = "x-failed-recipients"
PATTERN: Final = ""

# Fields such as X-Failure-Reason or X-Bounce-Diagnostic.
REASON_FIELD: Final = re.compile(
    r"x-(?:bounce|fail(?:ed|ure)?|delivery|smtp|reject(?:ion)?|error)"
    r"-(?:reason|diagnostic|error|response|reply|message|text|description)s?"
)


def _explained(text: str) -> list[RecipientBlock]:
    """The entries of the notice; consecutive addresses share the text after the last one."""
    found = entries(text)
    shared = ""
    for n in range(len(found) - 1, -1, -1):
        shared = found[n].explanation or shared
        found[n] = RecipientBlock(found[n].address, shared)
    return found


def read(notification: Notification) -> list[Report]:
    """The recipients in the field, each with its explanation in the notice."""
    named = find_addresses(notification.message.fields.get("x-failed-recipients"))
    if not named:
        return []
    explanations = {e.address.lower(): e.explanation for e in _explained(notification.notice)}
    action = "delayed" if is_delay(notification) else "failed"
    reason = _reason(notification.message.fields)
    blocks = (RecipientBlock(a, explanations.get(a.lower()) or reason) for a in named)
    return reports(blocks, NAME, action)


def _reason(fields: Fields) -> str:
    """The reason in a field of the header, `""` without one."""
    names = (name for name in sorted(fields.names) if REASON_FIELD.fullmatch(name))
    return next((fields.words(name)[: limits.DIAGNOSTIC] for name in names), "")
