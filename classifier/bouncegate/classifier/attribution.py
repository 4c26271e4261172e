"""From a bounce that was read to events: whose bounce it is, and whether it is a new one.

The recipient that counts is the one that *we* mailed. Where the message is known, it is the
message's only recipient, else the one that the original, then the final recipient names
(RFC 3464, 2.3.1 and 2.3.2), else nobody: an address to which somebody forwarded our mail is never
locked, nor is another recipient of the same message. Where nothing is proven, the event stands
under the address that the report claims, and does not count. All of this is pure.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Final

from bouncegate.classifier.classified import Classified, JudgedReport
from bouncegate.classifier.proof import UNVERIFIED, Proof
from bouncegate.classifier.report import NOT_FAILURES, Original, Reading, Report
from bouncegate.policy.records import Event
from bouncegate.store.address import AddressError, canonical
from bouncegate.store.entry import Sent
from bouncegate.store.identity import FAILED, identity, name_of_sent

_NAMELESS: Final = 16
# Which header of the returned message names a mailing, and which a group; the first that is
# there is taken.
_MAILING: Final = ("x-campaign-id", "x-campaign", "x-campaignid", "x-mailing-id", "feedback-id")
_GROUP: Final = ("list-id",)


class Attribution:
    """Makes events of what was classified, under one form of addresses."""

    def __init__(self, provider_of: Callable[[str], str], *, fold_local_part: bool) -> None:
        """Fold local parts as the store does.

        `provider_of` tells the provider of a canonical address, as far as it is known now: what
        an event says of it never changes.
        """
        self._provider_of = provider_of
        self._fold_local_part = fold_local_part

    def events_of(
        self, message: Classified, now: int, proof: Proof = UNVERIFIED
    ) -> tuple[Event, ...]:
        """One event for each recipient that the message names; none for what is no bounce.

        A bounce from which no recipient could be read is one event of nobody's, so that it is
        kept.
        """
        name = _message_name(message.reading, message.raw, proof.sent)
        return tuple(
            self._event(message.reading, judged, name, now, proof) for judged in message.reports
        )

    def _event(
        self, reading: Reading, judged: JudgedReport, message: str, now: int, proof: Proof
    ) -> Event:
        report, verdict = judged
        address = mailed_address(report, proof, fold_local_part=self._fold_local_part)
        original, sent = reading.original, proof.sent
        return Event(
            address=address,
            time=now,
            kind=verdict.kind,
            category=verdict.category,
            reason=verdict.reason,
            rule=verdict.rule,
            blame=verdict.blame,
            trust=proof.trust,
            identity=identity(message, address or report.recipient, _outcome(report.action)),
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
            queue_id=sent.queue_id if sent else original.queue_id,
            sent=sent.time if sent else 0,
            sender=sent.sender if sent else original.sender,
            mailing=(sent and sent.mailing) or _first(original, _MAILING),
            group=(sent and sent.group) or _first(original, _GROUP),
            provider=self._provider_of(address) if address else "",
            reader=report.reader or reading.reader,
        )


def mailed_address(report: Report, proof: Proof, *, fold_local_part: bool) -> str:
    """The canonical address that we mailed; empty where that is nobody."""
    named = _named_addresses(report, fold_local_part=fold_local_part)
    if proof.sent is not None:
        if len(proof.sent.recipients) == 1:
            return proof.sent.recipients[0]
        return next((address for address in named if address in proof.sent.recipients), "")
    if proof.trust != "unverified":
        return ""  # ours, but the ledger has lost to whom it went
    return next(iter(named), "")


def _named_addresses(report: Report, *, fold_local_part: bool) -> list[str]:
    """The original, then the final recipient, as far as they are addresses."""
    named: list[str] = []
    for candidate in (report.original_recipient, report.final_recipient):
        try:
            address = canonical(candidate, fold=fold_local_part)
        except AddressError:
            continue
        if not address.startswith("@"):  # that would be a whole domain: a report names a mailbox
            named.append(address)
    return named


def _outcome(action: str) -> str:
    return action if action in NOT_FAILURES else FAILED


def _message_name(reading: Reading, raw: bytes, sent: Sent | None) -> str:
    """What names the message that bounced, or else the bounce, the same at each delivery.

    Best is the ledger's own name. Then comes the Message-ID, since it is the one name that every
    system on the way knows; a queue id is only unique within the system that gave it.
    """
    if sent is not None:
        return name_of_sent(sent.time, sent.message)
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
    return f"octets {blake2b(raw, digest_size=_NAMELESS).hexdigest()}"


def _first(original: Original, names: Sequence[str]) -> str:
    return next((original.headers[name] for name in names if name in original.headers), "")
