"""Matches a report with a send by what it knows of it, if return paths are not signed.

Queue ids, senders, times and most Message-IDs can be guessed, or are seen by all who get the mail.
So a report is believed if it names a recipient of the send, and also either

- has its Message-ID, and that cannot be guessed (`bouncegate.classifier.messageid`); or
- has its queue id, its time of arrival and its sender, and came from no SMTP client. Others
  who write a DSN cannot know our queue ids: only DSNs of our own Postfix contain them.

docs/evidence.md explains how hard these are to guess. All functions are pure.
"""

from email.utils import parsedate_to_datetime
from typing import Final

from bouncegate.classifier.addresses import find_addresses
from bouncegate.classifier.messageid import is_unguessable
from bouncegate.classifier.report import Original, Reading
from bouncegate.store.entry import Sent

ARRIVAL_TOLERANCE: Final = 60
"""By so many seconds a message may have arrived before or after the ledger's time of it.

Postfix takes the time when its queue file is made, the ledger that of the end of the message, which
a slow client reaches later; the milter may run on another machine."""


def arrival_of(reading: Reading) -> int | None:
    """The time of arrival that the report gives for the message; None if no date gives it.

    One date speaks for the whole message (RFC 3464, 2.2.5): that of ten thousand is not read.
    """
    text = next((report.arrival for report in reading.reports if report.arrival), "")
    try:
        return int(parsedate_to_datetime(text).timestamp()) if text else None
    except (ValueError, OverflowError):
        return None


def is_named_in_secret(sent: Sent, original: Original) -> bool:
    """Whether the report has the send's Message-ID, and that cannot be guessed."""
    # Digests find an entry: that of another name may lead to it as well.
    return sent.message_id == original.message_id and is_unguessable(sent.message_id)


def agrees(sent: Sent, original: Original, arrival: int | None) -> bool:
    """Whether queue id, arrival and sender are those of the send."""
    return (
        sent.queue_id == original.queue_id
        and arrival is not None
        and abs(arrival - sent.time) <= ARRIVAL_TOLERANCE
        and any(_is_sender(sent, address) for address in _senders(original))
    )


def _senders(original: Original) -> list[str]:
    """X-Postfix-Sender or Return-Path; the author only where neither is there."""
    return (
        [original.sender] if original.sender else find_addresses(original.headers.get("from", ""))
    )


def _is_sender(sent: Sent, address: str) -> bool:
    known, reported = sent.sender.lower(), address.lower()
    # cleanup(8) completes a sender without a domain behind the milter (append_at_myorigin).
    return reported == known or ("@" not in known and reported.rpartition("@")[0] == known)
