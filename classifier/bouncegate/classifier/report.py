"""The content of a message from the return path: records from the readers to the classifier.

`Reading` is one message read; it holds a `Report` for each recipient that the message names,
whatever its outcome, and what is known of the `Original` message. All are plain values, and
every text in them is bounded (`bouncegate.classifier.limits`).
"""

from enum import StrEnum

from msgspec import Struct

from bouncegate.classifier.origin import Origin


class MessageType(StrEnum):
    """The type of a message, and so the reason why it is a bounce or not."""

    BOUNCE = "bounce"
    """Reports the outcome for at least one recipient; the action shows a delay or a success."""
    BROKEN = "broken"
    """A bounce, but no recipient could be read from it."""
    AUTO_REPLY = "auto-reply"
    """Out-of-office notes and other automatic replies (RFC 3834, and those that ignore it)."""
    MDN = "mdn"
    """Reports that a message was displayed or deleted (RFC 8098)."""
    COMPLAINT = "complaint"
    """A recipient reports a message as abuse (ARF, RFC 5965)."""
    CHALLENGE = "challenge"
    """Asks the sender to confirm before the message is delivered."""
    ORDINARY = "ordinary"
    """Any other mail."""


class Original(Struct, frozen=True, gc=False):
    """The message that bounced, as far as it is known; `""` for unknown values."""

    message_id: str = ""
    envelope_id: str = ""
    queue_id: str = ""
    sender: str = ""
    """The envelope sender."""
    recipients: tuple[str, ...] = ()
    """The addresses in the To field of the returned headers."""
    headers: dict[str, str] = {}
    """A few header fields that identify the mailing, by lower-case name (`original.KEPT`)."""


class Report(Struct, frozen=True, gc=False):
    """The outcome for one recipient (RFC 3464, 2.3, or the equivalent in other formats)."""

    final_recipient: str = ""
    original_recipient: str = ""
    action: str = "failed"
    """failed, delayed, delivered, relayed or expanded (RFC 3464, 2.3.3); complaint for ARF."""
    status: str = ""
    """The enhanced status code (RFC 3463), `""` if there is none."""
    diagnostic: str = ""
    """The reply of the server that refused, or the text of the program that failed."""
    reply_code: str = ""
    phase: str = ""
    """The SMTP phase: connect, helo, mail, rcpt, data, end-of-data or `""`."""
    reporting_mta: str = ""
    remote_mta: str = ""
    arrival: str = ""
    """The Arrival-Date, unparsed."""
    notice: str = ""
    """The text of the notice about this recipient."""
    extra: dict[str, str] = {}
    """Non-standard fields, by lower-case name."""
    reader: str = ""
    """Which reader recognised the report."""

    @property
    def recipient(self) -> str:
        """The address that was mailed, as far as it is known."""
        if "@" in self.original_recipient:
            return self.original_recipient
        return self.final_recipient or self.original_recipient


class Reading(Struct, frozen=True, gc=False):
    """One parsed message from the return path."""

    type: MessageType
    reports: tuple[Report, ...] = ()
    """One for each recipient named, in the order found; `()` for what is no bounce."""
    original: Original = Original()
    message_id: str = ""
    """Of the bounce itself."""
    reader: str = ""
    origin: Origin = Origin.LOCAL
    """Who submitted it to Postfix."""

    @property
    def is_of_own_postfix(self) -> bool:
        """Whether our own Postfix made the report (bounce(8))."""
        return self.origin is Origin.LOCAL and bool(self.original.queue_id)


EXPANDED = "expanded"
"""The action of an alias that was expanded (RFC 3464, 2.3.3); a member of one of ours failed."""
NO_COMPLAINTS: frozenset[str] = frozenset({"not-spam", "auth-failure"})
"""Feedback types by which nobody complains (RFC 6430, RFC 6591); they are the report's action."""
NOT_FAILURES: frozenset[str] = (
    frozenset({"delayed", "delivered", "relayed", EXPANDED}) | NO_COMPLAINTS
)
"""Actions that are not failures (RFC 3464, 2.3.3)."""
FEEDBACK_TYPE = "feedback-type"
"""The name of the field of `Report.extra` that says what a complaint is about."""
COMPLAINED = "complaint"
"""The action of the report of a complaint (ARF)."""
