"""The words of other programs for our reasons: Sisimai, Amazon SES and KumoMTA.

One row for each reason. Scripts that were written for one of them can read `classify --vocabulary`.
Where a vocabulary has no word of its own, the row has the one that its users would look under.
The names of SES and KumoMTA are written down from memory of their documents, not looked up.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from bouncegate.config.taxonomy import Kind, Reason


class Vocabulary(StrEnum):
    """Whose words are used."""

    SISIMAI = "sisimai"
    SES = "ses"
    KUMOMTA = "kumomta"


class Words(NamedTuple):
    """The reason in each vocabulary."""

    sisimai: str
    """A reason of Sisimai 5.1."""
    ses: str
    """A `bounceSubType` of SES; its `bounceType` follows from it and from the kind."""
    kumomta: str
    """A class of KumoMTA's bounce classifier."""


class Answer(NamedTuple):
    """A verdict in the words of one vocabulary."""

    kind: str
    reason: str


WORDS: Final[dict[Reason, Words]] = {
    Reason.USER_UNKNOWN: Words("userunknown", "General", "InvalidRecipient"),
    Reason.ADDRESS_MALFORMED: Words("userunknown", "General", "InvalidRecipient"),
    Reason.MAILBOX_DISABLED: Words("suspend", "General", "InactiveMailbox"),
    Reason.MAILBOX_INACTIVE: Words("suspend", "General", "InactiveMailbox"),
    Reason.MAILBOX_SUSPENDED: Words("suspend", "General", "InactiveMailbox"),
    Reason.MAILBOX_MOVED: Words("hasmoved", "General", "InvalidRecipient"),
    Reason.NEW_ADDRESS: Words("hasmoved", "General", "InvalidRecipient"),
    Reason.HOST_UNKNOWN: Words("hostunknown", "General", "BadDomain"),
    Reason.NO_MX: Words("notaccept", "General", "BadDomain"),
    Reason.MAILBOX_FULL: Words("mailboxfull", "MailboxFull", "QuotaIssues"),
    Reason.MESSAGE_TOO_LARGE: Words("mesgtoobig", "MessageTooLarge", "ContentRelated"),
    Reason.NO_ANSWER: Words("networkerror", "General", "NoAnswerFromHost"),
    Reason.DNS_FAILURE: Words("networkerror", "General", "DNSFailure"),
    Reason.CONNECTION_BROKEN: Words("networkerror", "General", "BadConnection"),
    Reason.PROTOCOL_ERROR: Words("syntaxerror", "General", "ProtocolErrors"),
    Reason.SYNTAX_ERROR: Words("syntaxerror", "General", "ProtocolErrors"),
    Reason.SMTPUTF8_MISSING: Words("syntaxerror", "General", "ProtocolErrors"),
    Reason.ROUTING_ERROR: Words("networkerror", "General", "RoutingErrors"),
    Reason.MAIL_LOOP: Words("networkerror", "General", "RoutingErrors"),
    Reason.SERVER_MISCONFIGURED: Words("systemerror", "General", "BadConfiguration"),
    Reason.RELAY_DENIED: Words("norelaying", "General", "RelayDenied"),
    Reason.SYSTEM_ERROR: Words("systemerror", "General", "TransientFailure"),
    Reason.SYSTEM_FULL: Words("systemfull", "General", "TransientFailure"),
    Reason.PROGRAM_ERROR: Words("mailererror", "General", "BadConfiguration"),
    Reason.CONTENT_BLOCKED: Words("contenterror", "ContentRejected", "ContentRelated"),
    Reason.NOT_RFC_COMPLIANT: Words("notcompliantrfc", "ContentRejected", "ContentRelated"),
    Reason.ATTACHMENT_REFUSED: Words("contenterror", "AttachmentRejected", "ProhibitedAttachment"),
    Reason.SPAM_BLOCK: Words("spamdetected", "ContentRejected", "SpamContent"),
    Reason.REPUTATION: Words("badreputation", "General", "SpamBlock"),
    Reason.IP_BLOCKED: Words("blocked", "General", "SpamBlock"),
    Reason.IP_REPUTATION: Words("badreputation", "General", "SpamBlock"),
    Reason.DOMAIN_REPUTATION: Words("badreputation", "General", "SpamBlock"),
    Reason.DYNAMIC_IP: Words("blocked", "General", "SpamBlock"),
    Reason.SENDER_INVALID: Words("rejected", "General", "InvalidSender"),
    Reason.SPF_FAILED: Words("authfailure", "General", "AuthenticationFailed"),
    Reason.DKIM_FAILED: Words("authfailure", "General", "AuthenticationFailed"),
    Reason.DMARC_FAILED: Words("authfailure", "General", "AuthenticationFailed"),
    Reason.SENDER_UNAUTHENTICATED: Words("authfailure", "General", "AuthenticationFailed"),
    Reason.NO_REVERSE_DNS: Words("requireptr", "General", "BadConfiguration"),
    Reason.HELO_REFUSED: Words("blocked", "General", "BadConfiguration"),
    Reason.SENDER_ADDRESS_REFUSED: Words("rejected", "General", "InvalidSender"),
    Reason.SENDER_DOMAIN_REFUSED: Words("rejected", "General", "InvalidSender"),
    Reason.SENDER_NOT_PERMITTED: Words("rejected", "General", "InvalidSender"),
    Reason.SENDER_ACCOUNT_BLOCKED: Words("rejected", "General", "PolicyRelated"),
    Reason.TLS_REQUIRED: Words("failedstarttls", "General", "PolicyRelated"),
    Reason.ACCESS_DENIED: Words("filtered", "General", "PolicyRelated"),
    Reason.AUTHENTICATION_REQUIRED: Words("securityerror", "General", "AuthenticationFailed"),
    Reason.RECIPIENT_RESTRICTED: Words("rejected", "General", "PolicyRelated"),
    Reason.BLOCKED_BY_RECIPIENT: Words("filtered", "General", "PolicyRelated"),
    Reason.RATE_LIMIT: Words("speeding", "General", "TransientFailure"),
    Reason.TOO_MANY_CONNECTIONS: Words("toomanyconn", "General", "BadConnection"),
    Reason.TOO_MANY_RECIPIENTS: Words("speeding", "General", "PolicyRelated"),
    Reason.SENDING_QUOTA: Words("speeding", "General", "PolicyRelated"),
    Reason.RECIPIENT_RATE: Words("speeding", "General", "TransientFailure"),
    Reason.GREYLISTED: Words("speeding", "General", "TransientFailure"),
    Reason.EXPIRED: Words("expired", "General", "MessageExpired"),
    Reason.POLICY: Words("policyviolation", "General", "PolicyRelated"),
    Reason.VIRUS: Words("virusdetected", "ContentRejected", "ContentRelated"),
    Reason.UNDEFINED: Words("undefined", "Undetermined", "Uncategorized"),
    Reason.SUPPRESSED: Words("suppressed", "OnAccountSuppressionList", "Suppressed"),
    Reason.OPERATOR: Words("suppressed", "OnAccountSuppressionList", "Uncategorized"),
    Reason.OWN_REFUSAL: Words("suppressed", "OnAccountSuppressionList", "Uncategorized"),
    Reason.COMPLAINT: Words("feedback", "abuse", "Uncategorized"),
    Reason.UNSUBSCRIBED: Words("feedback", "abuse", "Uncategorized"),
    Reason.NOT_A_FAILURE: Words("delivered", "Undetermined", "Uncategorized"),
    Reason.STALE: Words("suppressed", "OnAccountSuppressionList", "Uncategorized"),
    Reason.INVALID: Words("userunknown", "General", "InvalidRecipient"),
    Reason.PREDICTED: Words("suppressed", "OnAccountSuppressionList", "Uncategorized"),
}
"""Each reason in all vocabularies; a finer reason has a row of its own."""

# By https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html, as of November 2026.
_SES_TYPES: Final = {
    "Undetermined": "Undetermined",
    "OnAccountSuppressionList": "Permanent",
    "MailboxFull": "Transient",
    "MessageTooLarge": "Transient",
    "ContentRejected": "Transient",
    "AttachmentRejected": "Transient",
    "abuse": "Complaint",
}
_SES_KINDS: Final = {Kind.HARD: "Permanent", Kind.SOFT: "Transient"}


def answer(vocabulary: Vocabulary, kind: Kind, detail: Reason) -> Answer:
    """A verdict of this kind and finest reason in other words; without a kind of theirs, ours."""
    reason: str = getattr(WORDS[detail], vocabulary)
    if vocabulary is not Vocabulary.SES:
        return Answer(kind, reason)
    return Answer(_SES_TYPES.get(reason) or _SES_KINDS.get(kind, "Undetermined"), reason)
