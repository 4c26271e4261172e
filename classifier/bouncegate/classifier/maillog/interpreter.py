"""Derives from log lines the steps that the store records.

A line counts if the ledger knows its queue id and its address is a recipient of that message.
Without write access to the log nobody can forge that, and with it hardly anybody. A bounce becomes
the event that its DSN would cause, with the same identity, so that the two count once, in either
order.

A line without a time zone is corrected with the time in the ledger (`timestamp.offset_of`).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache, partial
from ipaddress import ip_address
from typing import Final

from msgspec.structs import replace

from bouncegate.classifier.classified import classify_reading
from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.maillog.line import (
    ActivationLine,
    DeliveryLine,
    Line,
    RefusalLine,
    RemovalLine,
)
from bouncegate.classifier.maillog.timestamp import offset_of
from bouncegate.classifier.report import MessageType, Original, Reading, Report
from bouncegate.classifier.returnpath.attribution import Attribution
from bouncegate.classifier.returnpath.proof import LEDGER_LAG, Proof
from bouncegate.config.settings import MaillogSettings
from bouncegate.config.values import Network
from bouncegate.policy.records import Event
from bouncegate.store.address import AddressError, canonical
from bouncegate.store.deliverylog import (
    Accepted,
    Bounced,
    Deferral,
    Deferred,
    Delivery,
    Dropped,
    Expired,
    Step,
)
from bouncegate.store.entry import QueueState, Seen, Sent, message_digests
from bouncegate.store.ledger import Ledger
from bouncegate.store.recording import identity, name_of_sent

READER: Final = "postfix-log"

# Postfix's programs that send mail to other machines. All others deliver locally, pass it to a
# filter, or discard it.
_REMOTE: Final = frozenset({"smtp", "lmtp"})
# Cached messages. Lines about one message are close together; a message of 255 parts has about
# 30 MiB of recipients.
_MESSAGES: Final = 16
# Cached relays. A mailing reaches many domains through few servers.
_RELAYS: Final = 1024
# Seconds by which the clocks of milter and log may differ.
_CLOCK_SKEW: Final = 60


_STATES: Final = {
    ActivationLine: QueueState.TAKEN,
    DeliveryLine: QueueState.TAKEN,
    RefusalLine: QueueState.REFUSED,
    RemovalLine: QueueState.DELETED,
}


class NotYetKnown(Exception):
    """The ledger lags a little behind the mail: it may not have the line's message yet."""

    def __init__(self, time: int) -> None:
        """`time` is that of the line."""
        super().__init__(time)
        self.time: Final = time


class Interpreter:
    """Derives steps from lines, and counts the lines by outcome."""

    def __init__(
        self,
        settings: MaillogSettings,
        ledger: Ledger,
        classifier: Classifier,
        attribution: Attribution,
        *,
        fold_local_part: bool,
    ) -> None:
        """Look up messages in `ledger`, classify bounces with `classifier` and attribute them with
        `attribution`.

        The queue state of each message is written to the ledger, which must be open for writing,
        unless the settings count nothing: then anybody may have written the log.
        """
        self._settings = settings
        self._delayed = settings.delayed.after(0)
        self._ledger = ledger
        self._classifier = classifier
        self._attribution = attribution
        self._fold = fold_local_part
        self._is_elsewhere = lru_cache(_RELAYS)(partial(_is_outside, settings.own_relays))
        self._seen: dict[tuple[int, bytes], Seen] = {}
        self._failed: defaultdict[tuple[int, bytes, str], set[str]] = defaultdict(set)
        """The members of an alias that failed in this run."""
        self._known: dict[str, tuple[Sent, frozenset[str]]] = {}
        self.counts: Final[Counter[str]] = Counter()
        """Lines by outcome: accepted, deferred, bounced or expired; `refused` by cleanup(8) or a
        milter; `unknown` for a message that is not in the ledger; `stranger` for an address that is
        not a recipient of the message."""
        self.offset = 0
        """Seconds by which times without a zone are behind, according to the last line."""

    def begin(self, offset: int) -> None:
        """Begin a run: clear the caches and counts of the last one.

        Postfix reuses short queue ids for other messages. `offset` is the zone offset that the
        inspection of the file found.
        """
        self._known.clear()
        self._seen.clear()
        self._failed.clear()
        self.counts.clear()
        self.offset = offset

    def steps(self, line: Line, now: int) -> Sequence[Step]:
        """The steps that follow from a line.

        Raises NotYetKnown, and StoreError if the ledger cannot be read.
        """
        known = self._message(line.queue_id)
        time = self._time(line, known[0] if known else None)
        if time != line.time:
            line = line._replace(time=time)
        # Postfix reuses short queue ids: an older line is about another message.
        if known is None or line.time < known[0].time - _CLOCK_SKEW:
            self._skip_unknown(line, now)
            return ()
        self._note_state(line, *known)
        sent, recipients = self._known[line.queue_id]
        if isinstance(line, ActivationLine):
            return ()
        if isinstance(line, RefusalLine):
            self.counts["refused"] += 1
            return ()
        if isinstance(line, DeliveryLine):
            return self._delivery(line, sent, recipients, now)
        deliveries = [Delivery(address, sent.time, sent.message) for address in sorted(recipients)]
        if isinstance(line, RemovalLine) or "expired" not in self._settings.count:
            return (Dropped(deliveries),)
        self.counts["expired"] += 1
        time = _within(line.time, sent, now)
        return (
            Expired(deliveries, lambda mailed, last: self._expiry_event(sent, mailed, last, time)),
        )

    def flush(self) -> None:
        """Write the queue states found since the last call to the ledger; raises StoreError."""
        self._ledger.note_queue(self._seen)
        self._seen = {}

    def _note_state(self, line: Line, sent: Sent, recipients: frozenset[str]) -> None:
        """Note the queue state of a message if it has advanced.

        Postfix reuses short queue ids: that of a refused message may soon be the id of the next
        message, which is then delivered.
        """
        state = _STATES.get(type(line), sent.queue)
        if self._settings.count and state > sent.queue:
            # Only the first activation counts all recipients; later ones count the remaining.
            expanded = line.recipients if isinstance(line, ActivationLine) else sent.expanded
            self._seen[sent.time, sent.message] = Seen(state, expanded)
            self._known[sent.queue_id] = replace(sent, queue=state, expanded=expanded), recipients

    def _skip_unknown(self, line: Line, now: int) -> None:
        may_be_ours = isinstance(line, RefusalLine) or (
            isinstance(line, DeliveryLine) and (line.outcome != "sent" or self._is_remote(line))
        )
        if may_be_ours:
            # Sends are written in order: one older than the newest is in the ledger, or not ours.
            is_young = -_CLOCK_SKEW < now - line.time < LEDGER_LAG
            if is_young and self._ledger.times()[1] <= line.time:
                raise NotYetKnown(line.time)
            self.counts["unknown"] += 1

    def _time(self, line: Line, sent: Sent | None) -> int:
        """When a line was written."""
        if line.has_zone:
            return line.time
        if sent is not None and isinstance(line, DeliveryLine) and line.delay is not None:
            # Either the client was slow to send the message, or the message waited in the queue.
            delays = (line.delay, line.delay - line.queued)
            expected = [sent.time + delay for delay in delays]
            self.offset = offset_of(line.time, expected, self.offset)
        return line.time + self.offset

    def _message(self, queue_id: str) -> tuple[Sent, frozenset[str]] | None:
        known = self._known.get(queue_id)
        if known is None:
            sent = self._ledger.by_name((queue_id,))
            # A Message-ID may look like a queue id: its author chooses it.
            if sent is None or sent.queue_id != queue_id:
                return None
            known = sent, frozenset(sent.recipients)
            if len(self._known) >= _MESSAGES:
                del self._known[next(iter(self._known))]
            self._known[queue_id] = known
        return known

    def _delivery(
        self, line: DeliveryLine, sent: Sent, recipients: frozenset[str], now: int
    ) -> Sequence[Step]:
        address = self._recipient(line, recipients)
        if address is None:
            self.counts["stranger"] += 1
            return ()
        member = self._member(line, address)
        mailed = Delivery(member or address, sent.time, sent.message)
        time = _within(line.time, sent, now)
        if line.outcome == "deferred":
            self.counts["deferred"] += 1
            attempt = Deferral(sent.queue_id, 1, time, time, line.status, line.text)
            late = 0 < self._delayed <= time - sent.time
            event = self._attempt_events(line, sent, address, "delayed", time)[0] if late else None
            return (Deferred(mailed, attempt, event),)
        if line.outcome not in self._settings.count:
            return (Dropped([mailed]),)
        if line.outcome == "bounced":
            self.counts["bounced"] += 1
            if member:
                self._failed[sent.time, sent.message, address].add(member)
            return (Bounced(mailed, self._attempt_events(line, sent, address, "failed", time)),)
        if not self._is_remote(line):
            return (Dropped([mailed]),)
        self.counts["accepted"] += 1
        # A message that arrives at the member of an alias has also arrived at the alias.
        return [self._accepted(sent, one, time) for one in filter(None, (member, address))]

    def _accepted(self, sent: Sent, address: str, time: int) -> Accepted:
        bounce = identity(name_of_sent(sent.time, sent.message), address)
        mailed = Delivery(address, sent.time, sent.message)
        return Accepted(mailed, time, bounce, tuple(message_digests(sent)))

    def _member(self, line: DeliveryLine, address: str) -> str:
        """The member that Postfix mailed if the recipient is an alias, else empty."""
        if line.original:
            with suppress(AddressError):
                final = canonical(line.recipient, fold=self._fold)
                return final if final != address else ""
        return ""

    def _recipient(self, line: DeliveryLine, recipients: frozenset[str]) -> str | None:
        """The recipient of the message that a line is about, None if there is none."""
        for text in filter(None, (line.original, line.recipient)):
            try:
                address = canonical(text, fold=self._fold)
            except AddressError:
                continue
            if address in recipients:
                return address
        return None

    def _is_remote(self, line: DeliveryLine) -> bool:
        """Whether the line's relay is another machine, and not one of `own_relays`."""
        return line.program in _REMOTE and self._is_elsewhere(line.relay)

    def _attempt_events(
        self, line: DeliveryLine, sent: Sent, address: str, action: str, time: int
    ) -> Sequence[Event]:
        """The events that a DSN with the content of the line would cause for a recipient."""
        report = Report(
            final_recipient=line.recipient,
            original_recipient=line.original,
            action=action,
            status=line.status,
            diagnostic=line.text,
            remote_mta=line.relay.partition("[")[0] if "[" in line.relay else "",
            reader=READER,
        )
        return self._events(report, sent, address, time)

    def _expiry_event(self, sent: Sent, mailed: Delivery, last: Deferral, time: int) -> Event:
        """The event of a message that was deferred until it expired."""
        report = Report(
            final_recipient=mailed.address, status=last.status, diagnostic=last.text, reader=READER
        )
        return self._events(report, sent, mailed.address, time)[0]

    def _events(self, report: Report, sent: Sent, address: str, time: int) -> Sequence[Event]:
        original = Original(message_id=sent.message_id, queue_id=sent.queue_id)
        reading = Reading(MessageType.BOUNCE, (report,), original)
        message = classify_reading(reading, self._classifier)
        # Postfix itself logs the outcome for each recipient.
        mailed = frozenset((address,))
        failed = self._failed.get((sent.time, sent.message, address), ())
        has_failed = len(sent.recipients) == 1 and len(failed) == sent.expanded
        proof = Proof(
            "matched",
            sent,
            mailed,
            speaks_for_all=True,
            failed_aliases=mailed if has_failed else frozenset(),
        )
        return self._attribution.events_of(message, time, proof)


def _within(time: int, sent: Sent, now: int) -> int:
    """The time of a line, not before its message and not in the future."""
    return min(max(time, sent.time), now)


def _is_outside(networks: Sequence[Network], relay: str) -> bool:
    """Whether a relay, as Postfix logs it, has an address outside all of the networks."""
    try:
        address = ip_address(relay.partition("[")[2].partition("]")[0])
    except ValueError:  # a socket, or no server
        return False
    return not any(address in network for network in networks)
