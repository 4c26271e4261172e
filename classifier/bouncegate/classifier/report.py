"""What a message from the return path says: the records between the readers and the classifier.

`Reading` is one message read; it holds a `Report` for each recipient that the message names,
whatever became of it, and what is told of the `Original` message. All are plain values, and
every text in them is bounded (`bouncegate.classifier.limits`).
"""

from enum import StrEnum

from msgspec import Struct

from bouncegate.classifier.origin import Origin


class MessageType(StrEnum):
    """What kind of message it is, and so why it is, or is not, a bounce."""

    BOUNCE = "bounce"
    """Tells the fate of at least one recipient; a delay or a success is told by the action."""
    BROKEN = "broken"
    """A bounce, but no recipient could be read from it."""
    AUTO_REPLY = "auto-reply"
    """Out-of-office notes and other automatic answers (RFC 3834, and those that ignore it)."""
    MDN = "mdn"
    """Tells that a message was displayed or deleted (RFC 8098)."""
    COMPLAINT = "complaint"
    """A recipient calls a message abuse (ARF, RFC 5965)."""
    CHALLENGE = "challenge"
    """Asks the sender to confirm before the message is delivered."""
    ORDINARY = "ordinary"
    """Any other mail."""


class Original(Struct, frozen=True, gc=False):
    """What is told of the message that bounced; `""` where nothing is."""

    message_id: str = ""
    envelope_id: str = ""
    queue_id: str = ""
    sender: str = ""
    """The envelope sender."""
    recipients: tuple[str, ...] = ()
    """The addresses in the To field of the returned headers."""
    headers: dict[str, str] = {}
    """A few header fields that tell the mailing, by lower-case name (`original.KEPT`)."""


class Report(Struct, frozen=True, gc=False):
    """The fate of one recipient (RFC 3464, 2.3, or what means the same elsewhere)."""

    final_recipient: str = ""
    original_recipient: str = ""
    action: str = "failed"
    """failed, delayed, delivered, relayed or expanded (RFC 3464, 2.3.3); complaint for ARF."""
    status: str = ""
    """The enhanced status code (RFC 3463), `""` if none is told."""
    diagnostic: str = ""
    """The reply of the server that refused, or the words of the program that gave up."""
    reply_code: str = ""
    phase: str = ""
    """Where in the SMTP dialogue: connect, helo, mail, rcpt, data, end-of-data or `""`."""
    reporting_mta: str = ""
    remote_mta: str = ""
    arrival: str = ""
    """The Arrival-Date as it stands."""
    notice: str = ""
    """What the part for people says about this recipient."""
    extra: dict[str, str] = {}
    """Fields that no standard knows, by lower-case name."""
    reader: str = ""
    """Which reader recognised the report."""

    @property
    def recipient(self) -> str:
        """The address that was mailed, as far as it is known."""
        if "@" in self.original_recipient:
            return self.original_recipient
        return self.final_recipient or self.original_recipient


class Reading(Struct, frozen=True, gc=False):
    """One message from the return path, read."""

    type: MessageType
    reports: tuple[Report, ...] = ()
    """One for each recipient named, in the order found; `()` for what is no bounce."""
    original: Original = Original()
    message_id: str = ""
    """Of the bounce itself."""
    reader: str = ""
    origin: Origin = Origin.LOCAL
    """Who handed it to Postfix."""


EXPANDED = "expanded"
"""The action of an alias that was expanded (RFC 3464, 2.3.3); a member of one of ours failed."""
NOT_FAILURES: frozenset[str] = frozenset({"delayed", "delivered", "relayed", EXPANDED})
"""Actions that tell of no failure (RFC 3464, 2.3.3)."""
COMPLAINED = "complaint"
"""The action of a report that a complaint (ARF) makes."""
