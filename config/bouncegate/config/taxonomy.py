"""The words in which a bounce is judged: kind, category, blame, and the closed list of reasons.

A reason is general, or a finer member of a general one: `spf-failed` is a `sender-invalid`. What
machines read gives both: the general name, which stays what it is when finer ones are added, and
the finest one as `detail`. Whoever asks for a general reason means its finer ones too.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """How lasting a failure is."""

    HARD = "hard"
    SOFT = "soft"
    NONE = "none"
    COMPLAINT = "complaint"


class ReportedKind(StrEnum):
    """What reports, rates, metrics and filters call a bounce.

    Hard bounces are those that say something of the recipient; those that blame the sender are
    blocked.
    """

    HARD = "hard"
    SOFT = "soft"
    BLOCKED = "blocked"
    COMPLAINT = "complaint"
    NONE = "none"

    @property
    def kind(self) -> Kind:
        """The kind that a bounce is stored with."""
        return Kind.HARD if self is ReportedKind.BLOCKED else Kind(self)


class Category(StrEnum):
    """What a failure concerns: the first two (and undefined) are hard, the other three soft."""

    ADDRESS = "address"
    SECURITY = "security"
    UNDEFINED = "undefined"
    MAILBOX = "mailbox"
    NETWORK = "network"
    LIMIT = "limit"


CATEGORIES: Final = {
    Kind.HARD: frozenset({Category.ADDRESS, Category.SECURITY, Category.UNDEFINED}),
    Kind.SOFT: frozenset({Category.MAILBOX, Category.NETWORK, Category.LIMIT, Category.UNDEFINED}),
}
"""The categories of each kind that has any."""


class Blame(StrEnum):
    """Who has to act for the next message to arrive."""

    RECIPIENT = "recipient"
    PATH = "path"
    SENDER = "sender"
    NOBODY = "nobody"


class Reason(StrEnum):
    """Why a recipient was not reached: the general reasons, then the finer ones."""

    USER_UNKNOWN = "user-unknown"
    MAILBOX_DISABLED = "mailbox-disabled"
    MAILBOX_MOVED = "mailbox-moved"
    HOST_UNKNOWN = "host-unknown"
    NO_MX = "no-mx"
    MAILBOX_FULL = "mailbox-full"
    MESSAGE_TOO_LARGE = "message-too-large"
    NO_ANSWER = "no-answer"
    CONNECTION_BROKEN = "connection-broken"
    PROTOCOL_ERROR = "protocol-error"
    ROUTING_ERROR = "routing-error"
    SERVER_MISCONFIGURED = "server-misconfigured"
    SYSTEM_ERROR = "system-error"
    CONTENT_BLOCKED = "content-blocked"
    SPAM_BLOCK = "spam-block"
    REPUTATION = "reputation"
    SENDER_INVALID = "sender-invalid"
    TLS_REQUIRED = "tls-required"
    ACCESS_DENIED = "access-denied"
    RATE_LIMIT = "rate-limit"
    GREYLISTED = "greylisted"
    EXPIRED = "expired"
    POLICY = "policy"
    VIRUS = "virus"
    UNDEFINED = "undefined"
    OPERATOR = "operator"
    OWN_REFUSAL = "own-refusal"
    COMPLAINT = "complaint"
    NOT_A_FAILURE = "not-a-failure"
    STALE = "stale"
    INVALID = "invalid"
    PREDICTED = "predicted"

    ADDRESS_MALFORMED = "address-malformed"
    MAILBOX_INACTIVE = "mailbox-inactive"
    MAILBOX_SUSPENDED = "mailbox-suspended"
    SUPPRESSED = "suppressed"
    NEW_ADDRESS = "new-address"
    MAIL_LOOP = "mail-loop"
    DNS_FAILURE = "dns-failure"
    SYNTAX_ERROR = "syntax-error"
    SMTPUTF8_MISSING = "smtputf8-missing"
    RELAY_DENIED = "relay-denied"
    SYSTEM_FULL = "system-full"
    PROGRAM_ERROR = "program-error"
    NOT_RFC_COMPLIANT = "not-rfc-compliant"
    ATTACHMENT_REFUSED = "attachment-refused"
    IP_BLOCKED = "ip-blocked"
    IP_REPUTATION = "ip-reputation"
    DOMAIN_REPUTATION = "domain-reputation"
    DYNAMIC_IP = "dynamic-ip"
    SPF_FAILED = "spf-failed"
    DKIM_FAILED = "dkim-failed"
    DMARC_FAILED = "dmarc-failed"
    SENDER_UNAUTHENTICATED = "sender-unauthenticated"
    NO_REVERSE_DNS = "no-reverse-dns"
    HELO_REFUSED = "helo-refused"
    SENDER_ADDRESS_REFUSED = "sender-address-refused"
    SENDER_DOMAIN_REFUSED = "sender-domain-refused"
    SENDER_NOT_PERMITTED = "sender-not-permitted"
    SENDER_ACCOUNT_BLOCKED = "sender-account-blocked"
    AUTHENTICATION_REQUIRED = "authentication-required"
    RECIPIENT_RESTRICTED = "recipient-restricted"
    BLOCKED_BY_RECIPIENT = "blocked-by-recipient"
    TOO_MANY_CONNECTIONS = "too-many-connections"
    TOO_MANY_RECIPIENTS = "too-many-recipients"
    SENDING_QUOTA = "sending-quota"
    RECIPIENT_RATE = "recipient-rate"
    UNSUBSCRIBED = "unsubscribed"

    @property
    def general(self) -> "Reason":
        """The general reason of a finer one; a general reason is its own."""
        return _GENERAL.get(self, self)

    @property
    def is_finer(self) -> bool:
        """Whether it is a finer member of a general reason."""
        return self in _GENERAL

    def covers(self, other: "Reason") -> bool:
        """Whether the other is this reason or a finer member of it."""
        return other is self or other.general is self


def covered(reason: Reason, by: Collection[Reason]) -> bool:
    """Whether one of some reasons covers a reason."""
    return reason in by or reason.general in by


def log_fields(reason: Reason) -> str:
    """A reason in a log line: `reason=sender-invalid detail=spf-failed`."""
    return f"reason={reason.general} detail={reason}" if reason.is_finer else f"reason={reason}"


FINER: Final[dict[Reason, tuple[Reason, ...]]] = {
    Reason.USER_UNKNOWN: (Reason.ADDRESS_MALFORMED,),
    Reason.MAILBOX_DISABLED: (Reason.MAILBOX_INACTIVE, Reason.MAILBOX_SUSPENDED),
    Reason.MAILBOX_MOVED: (Reason.NEW_ADDRESS,),
    Reason.NO_ANSWER: (Reason.DNS_FAILURE,),
    Reason.PROTOCOL_ERROR: (Reason.SYNTAX_ERROR, Reason.SMTPUTF8_MISSING),
    Reason.ROUTING_ERROR: (Reason.MAIL_LOOP,),
    Reason.SERVER_MISCONFIGURED: (Reason.RELAY_DENIED,),
    Reason.SYSTEM_ERROR: (Reason.SYSTEM_FULL, Reason.PROGRAM_ERROR),
    Reason.CONTENT_BLOCKED: (Reason.NOT_RFC_COMPLIANT, Reason.ATTACHMENT_REFUSED),
    Reason.REPUTATION: (
        Reason.IP_BLOCKED,
        Reason.IP_REPUTATION,
        Reason.DOMAIN_REPUTATION,
        Reason.DYNAMIC_IP,
    ),
    Reason.SENDER_INVALID: (
        Reason.SPF_FAILED,
        Reason.DKIM_FAILED,
        Reason.DMARC_FAILED,
        Reason.SENDER_UNAUTHENTICATED,
        Reason.NO_REVERSE_DNS,
        Reason.HELO_REFUSED,
        Reason.SENDER_ADDRESS_REFUSED,
        Reason.SENDER_DOMAIN_REFUSED,
        Reason.SENDER_NOT_PERMITTED,
        Reason.SENDER_ACCOUNT_BLOCKED,
    ),
    Reason.ACCESS_DENIED: (
        Reason.AUTHENTICATION_REQUIRED,
        Reason.RECIPIENT_RESTRICTED,
        Reason.BLOCKED_BY_RECIPIENT,
    ),
    Reason.UNDEFINED: (Reason.SUPPRESSED,),
    Reason.COMPLAINT: (Reason.UNSUBSCRIBED,),
    Reason.RATE_LIMIT: (
        Reason.TOO_MANY_CONNECTIONS,
        Reason.TOO_MANY_RECIPIENTS,
        Reason.SENDING_QUOTA,
        Reason.RECIPIENT_RATE,
    ),
}
"""The finer members of the general reasons that have any."""

_GENERAL: Final = {member: general for general, members in FINER.items() for member in members}

GENERAL: Final = tuple(reason for reason in Reason if not reason.is_finer)
"""The general reasons."""


BY_LIST: Final = frozenset({Reason.STALE, Reason.INVALID, Reason.PREDICTED})
"""Reasons of locks that a list makes, where `[lists]` says "refuse"; no bounce has one."""

BY_NAME: Final = frozenset({Reason.HOST_UNKNOWN, Reason.NO_MX})
"""Reasons that say something of a domain's name alone. The mail server that gives one repeats what
its name server told it, so such a bounce waits until DNS has told us the same."""
