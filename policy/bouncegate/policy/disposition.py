"""Whether a bounce counts against its address, and whether its reason is known well enough to lock.

What refuses the sender or the message says nothing of the recipient, so that only a row of the
policy table that says `counts` lets it count. A refusal that no rule understands may be one of
these in other words.
"""

from enum import StrEnum
from typing import Final

from bouncegate.config.taxonomy import Blame, Kind, Reason, ReportedKind, covered
from bouncegate.policy.records import Event


class Disposition(StrEnum):
    """Whether an event counts against its address, and if not, why."""

    COUNTS = "counts"
    NO_FAILURE = "no-failure"
    OWN_REFUSAL = "own-refusal"
    UNVERIFIED = "unverified"
    SENDER_TO_BLAME = "sender-to-blame"
    MESSAGE_TO_BLAME = "message-to-blame"
    NEVER_LOCKS = "never-locks"
    DELIVERED_SINCE = "delivered-since"
    SAME_DAY = "same-day"


# What a server can say of one recipient even where it refuses the message as a whole. All else
# that is said at MAIL, DATA or the end of DATA fails every recipient alike.
_OF_THE_RECIPIENT: Final = frozenset(
    {Reason.USER_UNKNOWN, Reason.MAILBOX_DISABLED, Reason.MAILBOX_MOVED, Reason.MAILBOX_FULL}
)
_OF_THE_MESSAGE: Final = frozenset({"data", "end-of-data"})
# Subject and detail of the statuses that speak of the recipient's mailbox or domain (RFC 3463, 3.2
# and 3.3; RFC 7505). x.1.7 to x.1.9 speak of the sender's, and of a relay.
_OF_THE_ADDRESS: Final = frozenset({*(f".1.{n}" for n in (0, 1, 2, 3, 4, 5, 6, 10)), ".2.1"})
# Feedback types by which a person says that the mail is unwanted (RFC 5965, 7.3). `not-spam` says
# the opposite; `virus`, `other`, `auth-failure` and the like say nothing of what the person wants.
_UNWANTED: Final = frozenset({"abuse", "fraud"})
# An error of the other side, or words of a new kind, are gone or known by another day.
_DAYS_IF_UNCLEAR: Final = 2


def may_lock(event: Event) -> bool:
    """Whether it is a failure, or a person's complaint."""
    complains = event.kind is Kind.COMPLAINT and event.feedback in _UNWANTED
    return complains or event.kind in (Kind.HARD, Kind.SOFT)


def spared_as(event: Event) -> Disposition | None:
    """Whose fault a bounce is, if not the recipient's or the path's."""
    if event.phase == "mail" or event.blamed is Blame.SENDER:
        return Disposition.SENDER_TO_BLAME
    if event.phase in _OF_THE_MESSAGE and not covered(event.reason, _OF_THE_RECIPIENT):
        return Disposition.MESSAGE_TO_BLAME
    return None


def reported_kind(event: Event) -> ReportedKind:
    """What a report calls an event: a hard bounce that is no fault of the recipient is blocked."""
    if event.kind is Kind.HARD and spared_as(event) is not None:
        return ReportedKind.BLOCKED
    return ReportedKind(event.kind)


def is_unclear(event: Event) -> bool:
    """Whether a hard bounce may concern the sender or the message, in words that no rule knows.

    It concerns the recipient if it answers RCPT TO, or by its status.
    """
    if event.kind is not Kind.HARD or event.reason is not Reason.UNDEFINED:
        return False
    return event.phase != "rcpt" and event.status[1:] not in _OF_THE_ADDRESS


def days_needed(asked: int, event: Event) -> int:
    """From how many days the failures must come that lock; `asked` by the table, 0: not at all."""
    return asked or (_DAYS_IF_UNCLEAR if is_unclear(event) else 1)
