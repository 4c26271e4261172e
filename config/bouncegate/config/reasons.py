"""What each reason means: kind and category where a rule names none, blame, and advice.

Only what blames the recipient or the path to it may ever lock an address; what blames the sender
raises an alarm instead. The numbers are part of the store's layout: they are never reused, new
reasons are appended. The finer reasons are defined in `finerreasons.py`.
"""

from typing import Final

from bouncegate.config.definition import Definition
from bouncegate.config.finerreasons import FINER_REASONS
from bouncegate.config.taxonomy import Blame, Category, Kind, Reason

_HARD, _SOFT, _NONE = Kind.HARD, Kind.SOFT, Kind.NONE
_RECIPIENT, _PATH, _SENDER, _NOBODY = Blame

_GENERAL: Final[dict[Reason, Definition]] = {
    Reason.USER_UNKNOWN: Definition(
        1, _HARD, Category.ADDRESS, _RECIPIENT,
        "the recipient's system has no such mailbox",
        "Correct the address, or take it off the list.",
    ),
    Reason.MAILBOX_DISABLED: Definition(
        2, _HARD, Category.ADDRESS, _RECIPIENT,
        "the mailbox exists but is closed, suspended or abandoned",
        "Ask the person for a current address by another way.",
    ),
    Reason.MAILBOX_MOVED: Definition(
        3, _HARD, Category.ADDRESS, _RECIPIENT,
        "the recipient has moved to another address",
        "Write to the new address if the reply names one and the person agrees.",
    ),
    Reason.HOST_UNKNOWN: Definition(
        4, _HARD, Category.ADDRESS, _RECIPIENT,
        "the domain of the address does not exist",
        "Look for a typing error behind the @.",
    ),
    Reason.NO_MX: Definition(
        5, _HARD, Category.UNDEFINED, _RECIPIENT,
        "the domain exists but names no server that takes mail, or a null MX",
        "Look for a typing error behind the @; the domain takes no mail.",
    ),
    Reason.MAILBOX_FULL: Definition(
        6, _SOFT, Category.MAILBOX, _RECIPIENT,
        "the mailbox is over its quota",
        "Try again later; a mailbox that stays full is no longer read.",
    ),
    Reason.MESSAGE_TOO_LARGE: Definition(
        7, _SOFT, Category.MAILBOX, _SENDER,
        "the message is larger than the recipient or its system accepts",
        "Send a smaller message; link to large files.",
    ),
    Reason.NO_ANSWER: Definition(
        8, _SOFT, Category.NETWORK, _PATH,
        "no server of the recipient's domain answered",
        "Try again later; nothing is wrong with the address itself.",
    ),
    Reason.CONNECTION_BROKEN: Definition(
        9, _SOFT, Category.NETWORK, _PATH,
        "the connection to the recipient's server broke before the message was taken",
        "Try again later.",
    ),
    Reason.PROTOCOL_ERROR: Definition(
        10, _SOFT, Category.UNDEFINED, _PATH,
        "the two servers did not understand each other's SMTP",
        "Look at the SMTP dialogue in the log of the sending server.",
    ),
    Reason.ROUTING_ERROR: Definition(
        11, _SOFT, Category.NETWORK, _PATH,
        "the message could not be routed, or went round in a loop",
        "The recipient's administrator must fix the routing.",
    ),
    Reason.SERVER_MISCONFIGURED: Definition(
        12, _SOFT, Category.UNDEFINED, _PATH,
        "a server on the way is configured wrongly, and refuses its own domain, say",
        "Tell the administrator of the server that the reply names.",
    ),
    Reason.SYSTEM_ERROR: Definition(
        13, _SOFT, Category.UNDEFINED, _PATH,
        "the recipient's system had an error of its own, such as a full disk",
        "Try again later.",
    ),
    Reason.CONTENT_BLOCKED: Definition(
        14, _HARD, Category.SECURITY, _SENDER,
        "the content of the message was refused: a header, an attachment, a link, its form",
        "Change what the reply objects to.",
    ),
    Reason.SPAM_BLOCK: Definition(
        15, _HARD, Category.SECURITY, _SENDER,
        "the message was taken for spam",
        "Review the content, and whether the recipients asked for it.",
    ),
    Reason.REPUTATION: Definition(
        16, _HARD, Category.SECURITY, _SENDER,
        "the sending address or domain is on a block list or has a bad reputation",
        "Find the list that the reply names, fix the cause, then ask to be delisted.",
    ),
    Reason.SENDER_INVALID: Definition(
        17, _HARD, Category.SECURITY, _SENDER,
        "the sender was refused: its address, SPF, DKIM, DMARC or reverse DNS",
        "Check the DNS records of the sending domain and the reverse name of the server.",
    ),
    Reason.TLS_REQUIRED: Definition(
        18, _HARD, Category.SECURITY, _SENDER,
        "the recipient's system demands encryption that the connection did not have",
        "Let the sending server use TLS towards this domain.",
    ),
    Reason.ACCESS_DENIED: Definition(
        19, _HARD, Category.SECURITY, _RECIPIENT,
        "the recipient may not be mailed by this sender, or authentication is demanded",
        "Ask the recipient to admit the sender.",
    ),
    Reason.RATE_LIMIT: Definition(
        20, _SOFT, Category.LIMIT, _SENDER,
        "too many messages, recipients or connections in too short a time",
        "Send more slowly to this provider.",
    ),
    Reason.GREYLISTED: Definition(
        21, _SOFT, Category.LIMIT, _PATH,
        "the recipient's system asks for the message to be sent again later",
        "Let the queue try again; if it never succeeds, the sending address changes too often.",
    ),
    Reason.EXPIRED: Definition(
        22, _SOFT, Category.NETWORK, _PATH,
        "the message waited in a queue until its time was up",
        "Look in the log for why the earlier attempts failed.",
    ),
    Reason.POLICY: Definition(
        23, _HARD, Category.SECURITY, _SENDER,
        "a policy of the recipient's system forbids the message",
        "Ask the recipient's administrator which policy it is.",
    ),
    Reason.VIRUS: Definition(
        24, _HARD, Category.SECURITY, _SENDER,
        "the message was taken for a carrier of malware",
        "Scan the message and the machine that made it.",
    ),
    Reason.UNDEFINED: Definition(
        25, _SOFT, Category.UNDEFINED, _RECIPIENT,
        "the reply does not tell why",
        "Read the reply itself.",
    ),
    Reason.OPERATOR: Definition(
        26, _HARD, Category.UNDEFINED, _RECIPIENT,
        "an operator locked the address by hand",
        "Ask the operator.",
    ),
    Reason.OWN_REFUSAL: Definition(
        27, _NONE, Category.UNDEFINED, _NOBODY,
        "the refusal was our own: it proves nothing new",
        "See why the address is locked.",
    ),
    Reason.COMPLAINT: Definition(
        28, Kind.COMPLAINT, Category.UNDEFINED, _RECIPIENT,
        "the recipient reported the message as unwanted (RFC 5965)",
        "Take the address off the list.",
    ),
    Reason.NOT_A_FAILURE: Definition(
        29, _NONE, Category.UNDEFINED, _NOBODY,
        "the report tells of a delay, a delivery or a relay, not of a failure",
        "Nothing to do.",
    ),
    Reason.STALE: Definition(
        30, _SOFT, Category.UNDEFINED, _RECIPIENT,
        "the address was not mailed for so long that it may have become a spam trap",
        "Ask the person by another way whether the address is still theirs.",
    ),
    Reason.INVALID: Definition(
        31, _HARD, Category.ADDRESS, _RECIPIENT,
        "the address cannot be delivered as it is written",
        "Correct the address.",
    ),
    Reason.PREDICTED: Definition(
        32, _SOFT, Category.UNDEFINED, _RECIPIENT,
        "the address is locked for another group, or its domain takes no mail",
        "See why it is locked elsewhere, or look for a typing error behind the @.",
    ),
}  # fmt: skip

REASONS: Final[dict[Reason, Definition]] = {**_GENERAL, **FINER_REASONS}
"""The definition of each reason."""
