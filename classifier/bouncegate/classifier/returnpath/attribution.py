"""Attributes a parsed bounce: which address its events belong to, and whether they are new.

The recipient that counts is the one that *we* mailed: the only recipient that the message's token
is for, or else the recipient in the ledger that the original, then the final recipient names
(RFC 3464, 2.3.1 and 2.3.2). A bounce with a token that names none of them has no recipient: an
address to which our mail was forwarded is never locked. Without a token, such a bounce is not
proven. An unproven event is recorded under the address that the report claims, if that is valid,
and does not count. All functions are pure.

If our own Postfix expands an alias of this machine, the failure is that of the member that *it*
mailed: the alias may reach others. The alias fails if everything that it expands to fails;
otherwise it gets an entry that does not count, so that `explain` shows which member failed.

A recipient can only report on itself: everyone who gets a message has the proof for a bounce of it.
So it can forge a bounce of another recipient of the message, which is indistinguishable from a true
one ([known issues](docs/known-issues.md)), but not its delivery, delay or complaint.
"""

from collections.abc import Callable, Collection, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from msgspec.structs import replace

from bouncegate.classifier import limits
from bouncegate.classifier.classified import ClassifiedMessage, ClassifiedReport
from bouncegate.classifier.report import (
    COMPLAINED,
    EXPANDED,
    FEEDBACK_TYPE,
    NOT_FAILURES,
    Original,
    Reading,
    Report,
)
from bouncegate.classifier.returnpath.namedrecipients import (
    NamedRecipient,
    first_of,
    outcome_of,
    sorted_out,
)
from bouncegate.classifier.returnpath.proof import UNVERIFIED, Proof
from bouncegate.classifier.verdict import Verdict
from bouncegate.config.mailingheaders import RETURNED
from bouncegate.config.settings import Trust
from bouncegate.config.taxonomy import Category, Kind, Reason
from bouncegate.config.text import clean
from bouncegate.policy.records import Event
from bouncegate.store.address import AddressError, canonical
from bouncegate.store.recording import identity, name_of_sent

_NAMELESS: Final = 16
# Which header of the returned message names a mailing, and which a group; the first that is
# there is taken.
_MAILING: Final = RETURNED
_GROUP: Final = ("list-id",)
# Recorded for a bounce from which no recipient could be read.
_NO_FAILURE: Final = Verdict(Kind.NONE, Category.UNDEFINED, Reason.UNDEFINED, "")
_NO_RECIPIENT: Final = (ClassifiedReport(Report(action=""), _NO_FAILURE),)
# What one recipient of a message cannot report about another.
_OF_ONE_ALONE: Final = NOT_FAILURES | {COMPLAINED}


class Attribution:
    """Makes events of what was classified, under one form of addresses."""

    def __init__(
        self,
        provider_of: Callable[[str], str],
        trust: Collection[Trust] = (),
        *,
        fold_local_part: bool,
    ) -> None:
        """Fold local parts as the store does; `trust` is what the site counts.

        `provider_of` returns the provider of a canonical address as known now: the provider of an
        event never changes.
        """
        self._provider_of = provider_of
        self._trust = frozenset(trust)
        self._fold_local_part = fold_local_part

    def events_of(
        self, message: ClassifiedMessage, now: int, proof: Proof = UNVERIFIED
    ) -> tuple[Event, ...]:
        """One event for each recipient of ours, one for all others; none for what is no bounce.

        A bounce from which no recipient could be read is one event without an address, so that
        it is kept.
        """
        reports = message.reports or (_NO_RECIPIENT if message.is_bounce else ())
        claimed = _claimed_name(message.reading, message.raw)
        known = proof.sent or proof.token
        proven = name_of_sent(known.time, known.message) if known else claimed
        context = _Context(proof, proven, claimed)
        is_own = message.reading.is_of_own_postfix
        named = (self._named(classified, proof, is_own=is_own) for classified in reports)
        own, together = sorted_out(named, is_believed="unverified" in self._trust)
        events = [self._event(message.reading, one, context, now) for one in own]
        members = [(one, event) for one, event in zip(own, events, strict=True) if one.alias]
        events += (self._of_alias(one.alias, event, context) for one, event in members)
        for several in together:
            stand_in = several[0] if len(several) == 1 else first_of(several)
            event = self._event(message.reading, stand_in, context, now)
            many = len(several) if len(several) > 1 else 0
            events.append(replace(event, named=many))
        return tuple(events)

    def _of_alias(self, alias: str, member: Event, context: "_Context") -> Event:
        """The event of an alias for a member that failed."""
        event = replace(member, address=alias, provider=self._provider_of(alias))
        sent = context.proof.sent
        leads_to_one = sent is not None and sent.leads_to_one
        if leads_to_one or alias in context.proof.failed_aliases:
            return replace(event, identity=identity(context.proven, alias))
        return replace(
            event,
            kind=Kind.NONE,
            category=Category.UNDEFINED,
            reason=Reason.UNDEFINED,
            blame=None,
            action=EXPANDED,
            identity=identity(context.proven, alias, f"{EXPANDED} {member.address}"),
        )

    def _named(self, classified: ClassifiedReport, proof: Proof, *, is_own: bool) -> NamedRecipient:
        named = _named_addresses(classified.report, fold_local_part=self._fold_local_part)
        address = mailed_address(named, proof)
        if _is_proven(classified.report, address, proof):
            fails = classified.report.action not in _OF_ONE_ALONE
            if is_own and fails and len(named) > 1 and named[0] == address != named[1]:
                return NamedRecipient(classified, named[1], is_proven=True, alias=address)
            return NamedRecipient(classified, address, is_proven=True)
        return NamedRecipient(classified, next(iter(named), ""), is_proven=False)

    def _event(
        self, reading: Reading, named: NamedRecipient, context: "_Context", now: int
    ) -> Event:
        (report, verdict), address, is_proven, _ = named
        proof, message = (
            (context.proof, context.proven) if is_proven else (UNVERIFIED, context.claimed)
        )
        original, sent = reading.original, proof.sent
        known = sent or proof.token
        return Event(
            address=address,
            time=now,
            kind=verdict.kind,
            category=verdict.category,
            reason=verdict.detail,
            rule=verdict.rule,
            blame=verdict.blame,
            trust=proof.trust,
            identity=identity(message, address or report.recipient, outcome_of(report)),
            action=clean(report.action, limits.CODE),
            status=clean(report.status, limits.CODE),
            reply_code=clean(report.reply_code, limits.CODE),
            diagnostic=clean(report.diagnostic, limits.DIAGNOSTIC),
            phase=clean(report.phase, limits.CODE),
            final_recipient=clean(report.final_recipient, limits.ADDRESS),
            original_recipient=clean(report.original_recipient, limits.ADDRESS),
            reporting_mta=clean(report.reporting_mta, limits.VALUE),
            remote_mta=clean(report.remote_mta, limits.VALUE),
            message_id=clean(original.message_id, limits.VALUE),
            envelope_id=clean(original.envelope_id, limits.VALUE),
            queue_id=clean(sent.queue_id if sent else original.queue_id, limits.VALUE),
            # No bounce precedes its message: where it seems to, the clock was ahead at the sending.
            sent=min(known.time, now) if known else 0,
            sender=clean(sent.sender if sent else original.sender, limits.ADDRESS),
            mailing=clean((sent and sent.mailing) or _first(original, _MAILING), limits.VALUE),
            group=clean(_group_of(proof, original), limits.VALUE),
            provider=self._provider_of(address) if address else "",
            feedback=clean(report.extra.get(FEEDBACK_TYPE, ""), limits.CODE),
            reader=clean(report.reader or reading.reader, limits.CODE),
        )


def _group_of(proof: Proof, original: Original) -> str:
    """The group of the message; unknown where the ledger has lost a send that a token proves."""
    if proof.sent is None and proof.token is not None:
        return ""
    return (proof.sent.group if proof.sent else "") or _first(original, _GROUP)


class _Context(NamedTuple):
    """The values that all reports of one message share."""

    proof: Proof
    proven: str
    """How identities name the message that bounced."""
    claimed: str
    """How they name it where nothing is proven; never as if it were."""


def mailed_address(named: Sequence[str], proof: Proof) -> str:
    """Which of the canonical addresses that a report names we have mailed; empty for none."""
    if proof.token is not None and proof.token.is_of_one:
        # A report to its token is about this one, whatever it names: our mail may have been
        # forwarded. Where the ledger has lost the send, the report has to name it.
        known = (*named, *proof.mailed) if proof.trust == "signed" else named
        return next((address for address in known if proof.token.is_for(address)), "")
    return next((address for address in named if address in proof.mailed), "")


def _is_proven(report: Report, address: str, proof: Proof) -> bool:
    if proof.trust == "unverified" or (proof.trust == "matched" and not address):
        return False
    if report.action == COMPLAINED and len(proof.mailed) == 1:
        return True
    return proof.speaks_for_all or report.action not in _OF_ONE_ALONE


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


def _claimed_name(reading: Reading, raw: bytes) -> str:
    """What the report calls the message that bounced, or else the bounce: the same each time.

    Best is the Message-ID, since it is the one name that every system on the way knows; a queue id
    is only unique within the system that gave it. None of them can be taken for a name that the
    ledger gives: whoever makes up a report must not make the true one look known.
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
    return f"octets {blake2b(raw, digest_size=_NAMELESS).hexdigest()}"


def _first(original: Original, names: Sequence[str]) -> str:
    return next((original.headers[name] for name in names if name in original.headers), "")
