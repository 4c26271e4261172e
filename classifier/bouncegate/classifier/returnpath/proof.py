"""Proves that a bounce is about one of our messages, and finds that message.

If senders are signed, the only proof is our token in the return path that the bounce came to
(`signed`). If they are not, the report must have two facts of one send in the ledger, and name a
recipient of it (`matched`): see `bouncegate.classifier.returnpath.match`. Any other bounce is
`unverified`, since anyone may have written it. So is a message that a user of this machine submits
with sendmail(1), because mailq(1) shows senders, queue ids and recipients.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from bouncegate.classifier.origin import Origin
from bouncegate.classifier.report import MessageType, Reading
from bouncegate.classifier.returnpath.match import agrees, arrival_of, is_named_in_secret
from bouncegate.config.settings import ReturnPathSettings, Trust
from bouncegate.store.entry import Sent
from bouncegate.store.ledger import Ledger
from bouncegate.store.tokens.keys import KeyFile, KeyFileError
from bouncegate.store.tokens.token import Finding, Token, check_latest

# The ledger is written some milliseconds behind the mail; a bounce can be faster. Until a token
# is so old, in seconds, a message that the ledger does not know may still be on its way there.
LEDGER_LAG: Final = 60


class NotYetKnown(Exception):
    """The message may be ours and is young, and the ledger does not know it yet.

    A good token is worth a minute's wait; a mere name, which anyone can write, the rest of the
    second in which the message is said to have arrived.
    """


class Proof(NamedTuple):
    """The trust in a bounce, and the message that it is about."""

    trust: Trust
    sent: Sent | None = None
    """The ledger's entry; None where nothing is proven, or the ledger has lost it."""
    mailed: frozenset[str] = frozenset()
    """Whom the bounce may be about: the recipients of that message."""
    token: Token | None = None
    """That of the message, where it is known."""
    speaks_for_all: bool = False
    """Whether any outcome it reports for them counts, not only a bounce: a recipient of a message
    must not be able to report that another one got it."""
    failed_aliases: frozenset[str] = frozenset()
    """Recipients that our Postfix expanded, and whose members have all failed."""


UNVERIFIED: Final = Proof("unverified")


class Prover:
    """Proves bounces by the keys and the ledger of this machine."""

    def __init__(self, settings: ReturnPathSettings, keys: KeyFile, ledger: Ledger) -> None:
        """Tokens of `keys` are good below the return domains of `settings`."""
        self._domains = settings.domains
        self._signs = settings.signs
        self._lifetime = settings.lifetime.after(0)
        self._complaint_lifetime = settings.longest_lifetime
        self._keys = keys
        self._ledger = ledger

    def prove(self, reading: Reading, recipients: Sequence[str], now: int) -> Proof:
        """The proof for a bounce that was delivered to these return paths.

        Raises NotYetKnown; StoreError or KeyFileError where ledger or keys cannot be read.
        """
        if reading.origin is Origin.SENDMAIL:
            return UNVERIFIED
        is_complaint = reading.type is MessageType.COMPLAINT
        lifetime = self._complaint_lifetime if is_complaint else self._lifetime
        tokens = self._tokens(recipients, now, lifetime)
        named = self._token(reading.original.envelope_id, now, lifetime)
        if not tokens and is_complaint:
            tokens = self._tokens_of_complaint(reading.original.sender, now)
        if tokens:
            return self._signed(reading, tokens, named, now)
        return UNVERIFIED if self._signs else self._matched(reading, named, now)

    def _signed(self, reading: Reading, tokens: set[Token], named: Token | None, now: int) -> Proof:
        """A report that came to the return path of one message, and names no other one."""
        token = next(iter(tokens))
        if len(tokens) > 1 or named not in (None, token):
            return UNVERIFIED
        return _proof("signed", reading, self._sent(token, now), token)

    def _matched(self, reading: Reading, token: Token | None, now: int) -> Proof:
        original = reading.original
        if token is not None and (sent := self._sent(token, now)) is not None:
            return _proof("matched", reading, sent, token)
        sent = self._ledger.by_name((original.message_id,))
        if sent is not None and is_named_in_secret(sent, original):
            return _proof("matched", reading, sent)
        arrival = arrival_of(reading)
        if original.queue_id and reading.origin is Origin.LOCAL:
            sent = self._ledger.by_name((original.queue_id,))
            if sent is not None and agrees(sent, original, arrival):
                return _proof("matched", reading, sent)
        if arrival == now and (original.message_id or original.queue_id):
            raise NotYetKnown
        return UNVERIFIED

    def _tokens(self, recipients: Sequence[str], now: int, lifetime: int) -> set[Token]:
        tokens: set[Token] = set()
        for recipient in recipients:
            local, _, domain = recipient.strip("<>").rpartition("@")
            if self._domains.holds(domain.lower().rstrip(".")):
                token = self._token(local, now, lifetime)
                if token is not None:
                    tokens.add(token)
        return tokens

    def _tokens_of_complaint(self, sender: str, now: int) -> set[Token]:
        """The token of the message that it is about.

        A feedback loop sends reports to an address of its own, and quotes the envelope sender: our
        return path, which whoever got the message knows. It speaks for its only recipient. Loops
        report late, so a token proves a complaint for longer than a bounce.
        """
        tokens = self._tokens((sender,), now, self._complaint_lifetime)
        return {token for token in tokens if token.is_of_one}

    def _token(self, text: str, now: int, lifetime: int) -> Token | None:
        checked = check_latest(self._keys, text, now, lifetime)
        if checked.finding is Finding.KEYS_UNREADABLE:
            raise KeyFileError("the key file cannot be read: no return path can be known again")
        return checked.token

    def _sent(self, token: Token, now: int) -> Sent | None:
        sent = self._ledger.by_message(token.time, token.message)
        if sent is None and abs(now - token.time) < LEDGER_LAG:
            raise NotYetKnown
        return sent


def _proof(trust: Trust, reading: Reading, sent: Sent | None, token: Token | None = None) -> Proof:
    mailed = frozenset(sent.recipients) if sent is not None else frozenset[str]()
    is_of_one = token is not None and token.is_of_one
    return Proof(trust, sent, mailed, token, is_of_one or reading.origin is Origin.LOCAL)
