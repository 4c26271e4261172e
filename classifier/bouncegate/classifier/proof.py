"""What proves that a bounce is about a message of ours, and which message that was.

In the order of their strength: the return path to which it was delivered carries our token
(`signed`); the report names an envelope id, queue id or Message-ID that stands in the ledger
of sends (`matched`); or nothing does (`unverified`), and anyone may have written it.
"""

from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from bouncegate.classifier.report import Reading
from bouncegate.config.settings import ReturnPathSettings, Trust
from bouncegate.provenance.keys import KeyFile
from bouncegate.provenance.token import Checked, Token, check_latest
from bouncegate.store.entry import Sent
from bouncegate.store.ledger import Ledger

# The ledger is written some milliseconds behind the mail; a bounce can be faster. Until a token
# is so old, in seconds, a message that the ledger does not know may still be on its way there.
LEDGER_LAG: Final = 60


class NotYetKnown(Exception):
    """The message may be ours and is young, and the ledger does not know it yet.

    A good token is worth a minute's wait; a mere name, which anyone can write, the rest of the
    second in which the message is said to have arrived.
    """


class Proof(NamedTuple):
    """How far a bounce is to be trusted, and the message that it is about."""

    trust: Trust
    sent: Sent | None = None
    """The ledger's entry; None where nothing is proven, or the ledger has lost it."""


UNVERIFIED: Final = Proof("unverified")


class Prover:
    """Proves bounces by the keys and the ledger of this machine."""

    def __init__(self, settings: ReturnPathSettings, keys: KeyFile, ledger: Ledger) -> None:
        """Tokens of `keys` are good below `settings.domain`."""
        self._domain = settings.domain
        self._lifetime = settings.lifetime.after(0)
        self._keys = keys
        self._ledger = ledger

    def prove(self, reading: Reading, recipients: Sequence[str], now: int) -> Proof:
        """What proves a bounce that was delivered to these return paths.

        Raises NotYetKnown, and StoreError where the ledger cannot be read.
        """
        for recipient in recipients:
            local, _, domain = recipient.strip("<>").rpartition("@")
            if self._domain and domain.lower().rstrip(".") == self._domain:
                token = self._check(local, now).token
                if token is not None:
                    return Proof("signed", self._sent(token, now))
        return self._match(reading, now)

    def _match(self, reading: Reading, now: int) -> Proof:
        original = reading.original
        token = self._check(original.envelope_id, now).token
        sent = self._sent(token, now) if token else None
        if sent is None:
            names = (original.envelope_id, original.message_id, original.queue_id)
            sent = self._ledger.by_name(names)
            if sent is None and any(names) and _has_just_arrived(reading, now):
                raise NotYetKnown
        return UNVERIFIED if sent is None else Proof("matched", sent)

    def _check(self, local_part: str, now: int) -> Checked:
        return check_latest(self._keys, local_part, now, self._lifetime)

    def _sent(self, token: Token, now: int) -> Sent | None:
        sent = self._ledger.by_message(token.time, token.message)
        if sent is None and now - token.time < LEDGER_LAG:
            raise NotYetKnown
        return sent


def _has_just_arrived(reading: Reading, now: int) -> bool:
    """Whether the message that bounced is said to have arrived within this second.

    One date speaks for the whole message (RFC 3464, 2.2.5): that of ten thousand is not read.
    """
    arrival = next((report.arrival for report in reading.reports if report.arrival), "")
    try:
        return bool(arrival) and int(parsedate_to_datetime(arrival).timestamp()) == now
    except (ValueError, OverflowError):
        return False
