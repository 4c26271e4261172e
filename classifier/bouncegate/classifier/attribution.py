"""From a bounce that was read to events: whose bounce it is, and whether it is a new one.

The recipient that counts is the one that *we* mailed: a bounce of a forwarded message names
the address to which it was forwarded as its final recipient (RFC 3464, 2.3.2), and the
address that we mailed as the original one (2.3.1). All of this is pure.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from bouncegate.classifier.judgement import Judge
from bouncegate.classifier.report import NOT_FAILURES, Nature, Original, Reading, Report
from bouncegate.config.taxonomy import Category, Kind, Reason
from bouncegate.policy.records import Event
from bouncegate.store.address import AddressError, canonical

_IDENTITY: Final = 16
# Which header of the returned message names a mailing, and which a group; the first that is
# there is taken.
_MAILING: Final = ("x-campaign-id", "x-campaign", "x-campaignid", "x-mailing-id", "feedback-id")
_GROUP: Final = ("list-id",)


class Attribution:
    """Makes events of readings, under one set of rules and one form of addresses."""

    def __init__(self, judge: Judge, *, fold_local_part: bool) -> None:
        """Judge by `judge`; fold local parts as the store does."""
        self._judge = judge
        self._fold_local_part = fold_local_part

    def events_of(self, reading: Reading, raw: bytes, now: int) -> tuple[Event, ...]:
        """One event for each recipient that the message names; none for what is no bounce.

        A bounce from which no recipient could be read is one event of nobody's, so that it is
        kept.
        """
        message = _message_name(reading, raw)
        broken = reading.nature is Nature.BROKEN and not reading.reports
        reports = (Report(action=""),) if broken else reading.reports
        return tuple(self._event(reading, report, message, now) for report in reports)

    def _event(self, reading: Reading, report: Report, message: str, now: int) -> Event:
        kind, category, reason, rule = _judged(self._judge, report)
        address = mailed_address(report, fold_local_part=self._fold_local_part)
        original = reading.original
        return Event(
            address=address,
            time=now,
            kind=kind,
            category=category,
            reason=reason,
            rule=rule,
            trust="unverified",
            identity=identity(message, address or report.recipient, report.action),
            action=report.action,
            status=report.status,
            reply_code=report.reply_code,
            diagnostic=report.diagnostic,
            phase=report.phase,
            final_recipient=report.final_recipient,
            original_recipient=report.original_recipient,
            reporting_mta=report.reporting_mta,
            remote_mta=report.remote_mta,
            message_id=original.message_id,
            envelope_id=original.envelope_id,
            queue_id=original.queue_id,
            sender=original.sender,
            mailing=_first(original, _MAILING),
            group=_first(original, _GROUP),
            reader=report.reader or reading.reader,
        )


def _judged(judge: Judge, report: Report) -> tuple[Kind, Category, Reason, str]:
    if not report.action and not report.recipient:
        return Kind.NONE, Category.UNDEFINED, Reason.UNDEFINED, ""
    verdict = judge.judge(report)
    return verdict.kind, verdict.category, verdict.reason, verdict.rule


def mailed_address(report: Report, *, fold_local_part: bool) -> str:
    """The canonical address that we mailed; empty where the report names none."""
    for candidate in (report.original_recipient, report.final_recipient):
        try:
            address = canonical(candidate, fold=fold_local_part)
        except AddressError:
            continue
        if not address.startswith("@"):  # that would be a whole domain: a report names a mailbox
            return address
    return ""


def identity(message: str, recipient: str, action: str) -> bytes:
    """16 octets that are equal for each DSN about one message and recipient.

    A delay and the failure that follows it are two; a failure told twice is one.
    """
    outcome = action if action in NOT_FAILURES else "failed"
    text = "\0".join((outcome, recipient, message))
    return blake2b(text.encode("utf-8", "replace"), digest_size=_IDENTITY).digest()


def _message_name(reading: Reading, raw: bytes) -> str:
    """What names the message that bounced, or else the bounce, the same at each delivery.

    The Message-ID comes first, since it is the one name that every system on the way knows;
    a queue id is only unique within the system that gave it.
    """
    original = reading.original
    reporter = reading.reports[0].reporting_mta if reading.reports else ""
    names: Sequence[tuple[str, str]] = (
        ("message-id", original.message_id),
        ("envelope-id", original.envelope_id),
        ("queue-id", original.queue_id and f"{reporter} {original.queue_id}"),
        ("dsn", reading.message_id),
    )
    for label, name in names:
        if name:
            return f"{label} {name}"
    return f"octets {blake2b(raw, digest_size=_IDENTITY).hexdigest()}"


def _first(original: Original, names: Sequence[str]) -> str:
    return next((original.headers[name] for name in names if name in original.headers), "")
