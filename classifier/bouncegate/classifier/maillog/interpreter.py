"""From a line of the log to what the store is to take in.

A line counts when the ledger knows its queue id and the address that was mailed is a recipient of
that message: so much nobody can make up who may not write to the log, and hardly anybody who may.
A bounce becomes the event that its DSN would make, with the same identity, so that the two count
once, whichever comes first.

A line's time counts as its own zone tells it; where it tells none, the ledger does (`zone`).
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
from bouncegate.classifier.maillog.zone import offset_of
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

# The programs of Postfix that hand mail to other machines. All others deliver on this one, hand
# it to a filter, or throw it away.
_REMOTE: Final = frozenset({"smtp", "lmtp"})
# Lines about one message lie close together; one of 255 parts has some 30 MiB of recipients.
_MESSAGES: Final = 16
# A mailing goes to many domains by few servers.
_RELAYS: Final = 1024
# So much may the clocks of milter and log differ, in seconds.
_CLOCKS: Final = 60


_STATES: Final = {
    ActivationLine: QueueState.TAKEN,
    DeliveryLine: QueueState.TAKEN,
    RefusalLine: QueueState.REFUSED,
    RemovalLine: QueueState.DELETED,
}


class NotYetKnown(Exception):
    """The ledger may learn of the line's message yet: it is written a little behind the mail."""

    def __init__(self, time: int) -> None:
        """The time of the line."""
        super().__init__(time)
        self.time: Final = time


class Interpreter:
    """Makes steps of lines, and counts what it made them of."""

    def __init__(
        self,
        settings: MaillogSettings,
        ledger: Ledger,
        classifier: Classifier,
        attribution: Attribution,
        *,
        fold_local_part: bool,
    ) -> None:
        """Know messages by `ledger`; classify bounces by `classifier` and attribute
        them by `attribution`.

        The ledger is told what became of its messages, and is open to write then; not where
        nothing in the log is to count, since anybody may have written it.
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
        """The members of an alias that failed, in this run."""
        self._known: dict[str, tuple[Sent, frozenset[str]]] = {}
        self.counts: Final[Counter[str]] = Counter()
        """How many lines told what: accepted, deferred, bounced or expired; `refused`, that a
        message was not taken after all; `unknown`, of a message that the ledger does not know;
        `stranger`, of a recipient that it was not sent to."""
        self.offset = 0
        """Seconds by which times that tell no zone are behind, as the last line has shown."""

    def begin(self, offset: int) -> None:
        """Begin a run: forget what the last one knew and counted.

        Postfix gives a queue id of its short form again, which is then another message. `offset` is
        what the file shows of the zone in which it is written.
        """
        self._known.clear()
        self._seen.clear()
        self._failed.clear()
        self.counts.clear()
        self.offset = offset

    def steps(self, line: Line, now: int) -> Sequence[Step]:
        """What follows from a line.

        Raises NotYetKnown, and StoreError where the ledger cannot be read.
        """
        known = self._message(line.queue_id)
        time = self._time(line, known[0] if known else None)
        if time != line.time:
            line = line._replace(time=time)
        # An id of Postfix's short form comes again; then this is not the message that it named.
        if known is None or line.time < known[0].time - _CLOCKS:
            self._pass_over(line, now)
            return ()
        self._note(line, *known)
        sent, recipients = self._known[line.queue_id]
        if isinstance(line, ActivationLine):
            return ()
        if isinstance(line, RefusalLine):
            self.counts["refused"] += 1
            return ()
        if isinstance(line, DeliveryLine):
            return self._delivery(line, sent, recipients, now)
        everyone = [Delivery(address, sent.time, sent.message) for address in sorted(recipients)]
        if isinstance(line, RemovalLine) or "expired" not in self._settings.count:
            return (Dropped(everyone),)
        self.counts["expired"] += 1
        time = _within(line.time, sent, now)
        return (Expired(everyone, lambda mailed, last: self._given_up(sent, mailed, last, time)),)

    def mark(self) -> None:
        """Let the ledger know what the lines since the last call told of its messages.

        Raises StoreError.
        """
        self._ledger.note_queue(self._seen)
        self._seen = {}

    def _note(self, line: Line, sent: Sent, recipients: frozenset[str]) -> None:
        """Note what becomes of a message, where that is news.

        Postfix gives a queue id of its short form again: that of a message that was refused may
        soon name the next one, which then is delivered.
        """
        state = _STATES.get(type(line), sent.queue)
        if self._settings.count and state > sent.queue:
            # Only the first time are all in the queue: later those that are left.
            expanded = line.recipients if isinstance(line, ActivationLine) else sent.expanded
            self._seen[sent.time, sent.message] = Seen(state, expanded)
            self._known[sent.queue_id] = replace(sent, queue=state, expanded=expanded), recipients

    def _pass_over(self, line: Line, now: int) -> None:
        may_be_ours = isinstance(line, RefusalLine) or (
            isinstance(line, DeliveryLine) and (line.outcome != "sent" or self._is_remote(line))
        )
        if may_be_ours:
            # Sends are written in their order: what is older than the newest is there, or not ours.
            is_young = -_CLOCKS < now - line.time < LEDGER_LAG
            if is_young and self._ledger.times()[1] <= line.time:
                raise NotYetKnown(line.time)
            self.counts["unknown"] += 1

    def _time(self, line: Line, sent: Sent | None) -> int:
        """When a line was written."""
        if line.tells_zone:
            return line.time
        if sent is not None and isinstance(line, DeliveryLine) and line.delay is not None:
            # The client took its time to send the message, or it waited in the queue.
            delays = (line.delay, line.delay - line.queued)
            expected = [sent.time + delay for delay in delays]
            self.offset = offset_of(line.time, expected, self.offset)
        return line.time + self.offset

    def _message(self, queue_id: str) -> tuple[Sent, frozenset[str]] | None:
        known = self._known.get(queue_id)
        if known is None:
            sent = self._ledger.by_name((queue_id,))
            # A Message-ID may look like a queue id: who writes mail chooses it.
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
            event = self._told(line, sent, address, "delayed", time)[0] if late else None
            return (Deferred(mailed, attempt, event),)
        if line.outcome not in self._settings.count:
            return (Dropped([mailed]),)
        if line.outcome == "bounced":
            self.counts["bounced"] += 1
            if member:
                self._failed[sent.time, sent.message, address].add(member)
            return (Bounced(mailed, self._told(line, sent, address, "failed", time)),)
        if not self._is_remote(line):
            return (Dropped([mailed]),)
        self.counts["accepted"] += 1
        # By way of an alias a message has arrived there, and at the member.
        return [self._accepted(sent, one, time) for one in filter(None, (member, address))]

    def _accepted(self, sent: Sent, address: str, time: int) -> Accepted:
        bounce = identity(name_of_sent(sent.time, sent.message), address)
        mailed = Delivery(address, sent.time, sent.message)
        return Accepted(mailed, time, bounce, tuple(message_digests(sent)))

    def _member(self, line: DeliveryLine, address: str) -> str:
        """Whom Postfix mailed in place of a recipient that is an alias; empty where it is none."""
        if line.original:
            with suppress(AddressError):
                final = canonical(line.recipient, fold=self._fold)
                return final if final != address else ""
        return ""

    def _recipient(self, line: DeliveryLine, recipients: frozenset[str]) -> str | None:
        """Which recipient of the message a line is about: the one that was named, if it is one."""
        for text in filter(None, (line.original, line.recipient)):
            try:
                address = canonical(text, fold=self._fold)
            except AddressError:
                continue
            if address in recipients:
                return address
        return None

    def _is_remote(self, line: DeliveryLine) -> bool:
        """Whether a line's server is another machine, and not one of ours that hands mail on."""
        return line.program in _REMOTE and self._is_elsewhere(line.relay)

    def _told(
        self, line: DeliveryLine, sent: Sent, address: str, action: str, time: int
    ) -> Sequence[Event]:
        """The events of a recipient that a DSN would make which tells what the line does."""
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

    def _given_up(self, sent: Sent, mailed: Delivery, last: Deferral, time: int) -> Event:
        """The event of a message that was put off until its time was up."""
        report = Report(
            final_recipient=mailed.address, status=last.status, diagnostic=last.text, reader=READER
        )
        return self._events(report, sent, mailed.address, time)[0]

    def _events(self, report: Report, sent: Sent, address: str, time: int) -> Sequence[Event]:
        original = Original(message_id=sent.message_id, queue_id=sent.queue_id)
        reading = Reading(MessageType.BOUNCE, (report,), original)
        message = classify_reading(reading, self._classifier)
        # Postfix itself tells of each recipient what became of him.
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
    """The time of a line, which cannot lie before its message, nor ahead."""
    return min(max(time, sent.time), now)


def _is_outside(networks: Sequence[Network], relay: str) -> bool:
    """Whether a relay, as Postfix logs it, has an address that lies in none of the networks."""
    try:
        address = ip_address(relay.partition("[")[2].partition("]")[0])
    except ValueError:  # a socket, or no server at all
        return False
    return not any(address in network for network in networks)
