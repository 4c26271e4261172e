"""Why the bounces of a reason count against the recipient by default, or do not.

The default itself is `Definition.blame`: what blames the recipient or the path counts. A rule may
blame somebody else (`blame`), and a row of the policy table may decide otherwise (`counts`, or
`lock = "never"`).
"""

from typing import Final

from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import Blame, Reason

COUNTING: Final = frozenset({Blame.RECIPIENT, Blame.PATH})
"""Whom a bounce must blame to count."""

WHY: Final[dict[Reason, str]] = {
    Reason.USER_UNKNOWN: "there is no such mailbox, and no message changes that",
    Reason.MAILBOX_DISABLED: "a mailbox that is closed is closed for everybody",
    Reason.MAILBOX_MOVED: "mail to the old address no longer arrives",
    Reason.HOST_UNKNOWN: "without a domain there is no mailbox; it waits until DNS says the same",
    Reason.NO_MX: "a domain that takes no mail has no mailbox; it waits until DNS says the same",
    Reason.MAILBOX_FULL: "a mailbox that stays full is no longer read; one is emptied now and then",
    Reason.MESSAGE_TOO_LARGE: "a smaller message arrives",
    Reason.NO_ANSWER: "a server that never answers takes no mail; a delivery restarts the count",
    Reason.CONNECTION_BROKEN: "mail that breaks off each time does not arrive",
    Reason.PROTOCOL_ERROR: "servers that never understand one another deliver no mail",
    Reason.ROUTING_ERROR: "a route that stays broken leads nowhere, whoever sends",
    Reason.SERVER_MISCONFIGURED: "a server that refuses its own domain refuses everybody",
    Reason.RELAY_DENIED: "our relay or route is wrong, and refuses every recipient",
    Reason.SYSTEM_ERROR: "a system that stays broken takes no mail; a delivery restarts the count",
    Reason.CONTENT_BLOCKED: "another message arrives",
    Reason.SPAM_BLOCK: "it judges the message; all recipients of the provider would be locked",
    Reason.REPUTATION: "it judges our server or domain, for every recipient",
    Reason.SENDER_INVALID: "our DNS, name or address is at fault, for every recipient",
    Reason.TLS_REQUIRED: "our server must use TLS; the mailbox works",
    Reason.ACCESS_DENIED: "this recipient takes no mail from us, and no message changes that",
    Reason.AUTHENTICATION_REQUIRED: "our login is missing or refused, for every recipient",
    Reason.RATE_LIMIT: "we send too fast; the mailbox works",
    Reason.GREYLISTED: "the queue tries again; what comes here never succeeded",
    Reason.EXPIRED: "it could not be delivered for days; a delivery restarts the count",
    Reason.POLICY: "a policy is mostly about the sender or the message",
    Reason.VIRUS: "another message arrives",
    Reason.UNDEFINED: "nothing says that it is our fault; a hard one must be about the recipient",
}
"""For each general reason of bounces, and finer ones that blame somebody else."""


def counts_by_default(reason: Reason) -> bool:
    """Whether bounces of a reason count against the recipient, if no rule or row says otherwise."""
    return REASONS[reason].blame in COUNTING


def why(reason: Reason) -> str:
    """Why they count or not; empty for what is no reason of a bounce."""
    return WHY.get(reason) or WHY.get(reason.general, "")
