"""The end of a message: its return path is signed, and the send is recorded in the ledger.

What is needed comes together on the way there: each recipient that was accepted, and, if the
settings name any, a few header fields. Only outbound mail with a sender is signed: mail with the
null sender must keep it (RFC 5321, 4.5.5), and other mail is not ours.
"""

import os
import random
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import milter

from bouncegate.config.probe import TAKEN
from bouncegate.config.settings import Settings
from bouncegate.config.text import LONGEST_LINE, clean
from bouncegate.daemon.ratelimitedlog import RateLimitedLog
from bouncegate.milter.ledgerqueue import LedgerQueue, QueueFull
from bouncegate.milter.refusal.decision import Facts, Scope, is_outbound
from bouncegate.milter.refusal.group import group_at_rcpt
from bouncegate.milter.refusal.recipient import (
    KeyOf,
    as_resolved,
    exact_key,
    folded_key,
    no_key,
    plain_key,
)
from bouncegate.milter.session import (
    AUTHENTICATED,
    CLIENT,
    DAEMON,
    QUEUE_ID,
    RESOLVED,
    SENDER,
    RefusedAt,
    Session,
    facts,
    macro,
    session_of,
)
from bouncegate.store.entry import RECIPIENTS_A_PART, Sent
from bouncegate.store.refusals import Refused, RefusedRecipient
from bouncegate.store.tokens.keys import KeyFile
from bouncegate.store.tokens.token import MESSAGE_OCTETS, sign

if TYPE_CHECKING:
    from milter import Context

    from bouncegate.milter.counts import Counts
    from bouncegate.milter.rcpt import Rcpt

_MESSAGE_ID: Final = "message-id"
# RFC 5321, 4.5.3.1.3: a path has at most 256 octets; some clients exceed it.
_LONGEST_SENDER: Final = 512
# Long ids of Postfix have some 16 characters, those of Sendmail 14.
_LONGEST_QUEUE_ID: Final = 64
_NOTIFY: Final = b"NOTIFY="
# A sender of its own for each recipient (VERP) is never seen again.
_MOST_ORIGINS: Final = 1000


class _Origin(NamedTuple):
    """What recurs in the messages of a session: it is worked out once."""

    sender: str
    """As the ledger has it."""
    group: str
    """Unless a header names it."""
    domain: str
    """Below which the return path is signed; empty: it is not."""


class SendStep:
    """RCPT, header and end-of-message steps of a worker that keeps the ledger."""

    def __init__(
        self,
        settings: Settings,
        keys: KeyFile,
        ledger_queue: LedgerQueue | None,
        rcpt: "Rcpt",
        counts: "Counts",
    ) -> None:
        """`rcpt` answers recipients; `ledger_queue` is None where no ledger is kept."""
        self._domains = settings.return_path.domains
        self._scope = Scope.of(settings)
        self._keys = keys
        self._ledger_queue = ledger_queue
        self._rcpt = rcpt
        fold = settings.store.fold_local_part
        self._plain_key: KeyOf = plain_key if fold else no_key
        self._key: KeyOf = folded_key if fold else exact_key
        self._error_log = RateLimitedLog("accept", step="END-OF-MESSAGE")
        # Not a secret: the MAC makes a token one. It must only differ from worker to worker.
        self._chance = random.Random(os.urandom(16))
        self._mailing = tuple(name.lower() for name in settings.ledger.mailing_headers)
        self._group_of = group_at_rcpt(settings.ledger)
        self._group_header = settings.ledger.group_header.lower()
        self._wanted = self._wanted_headers()
        # Signed like any other message, and recorded nowhere (bouncegate.config.probe).
        self._probes = frozenset(f"<{TAKEN}@{name}>".encode() for name in self._domains.names)
        self._counts = counts
        self._origins: dict[tuple[str | None, ...], _Origin | None] = {}

    @property
    def actions(self) -> int:
        """What the MTA must allow."""
        return milter.CHGFROM if self._domains.signs else 0

    @property
    def wants_headers(self) -> bool:
        """Whether the header step is needed at all."""
        return bool(self._wanted)

    def rcpt(self, context: "Context", recipient: bytes, *parameters: bytes) -> int:
        """Answer a recipient, and remember it if it is accepted."""
        answer = self._rcpt(context, recipient, *parameters)
        if answer == milter.CONTINUE:
            session = session_of(context)
            session.recipients.append(recipient)
            if (key := self._plain_key(recipient)) is not None:
                session.keys[recipient] = key
            else:
                session.resolved[recipient] = as_resolved(recipient, macro(context, RESOLVED))
            if parameters and not is_failure_reported(parameters):
                session.unreported.append(recipient)
        return answer

    def header(self, context: "Context", name: str, value: str | bytes) -> int:
        """Remember a field that the settings name, at its first occurrence."""
        name = name.lower()
        if name in self._wanted:
            text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
            session_of(context).headers.setdefault(name, clean(text.strip(), LONGEST_LINE))
        return milter.NOREPLY

    def end(self, context: "Context") -> int:
        """Sign and record a message. Whatever goes wrong, the message passes."""
        session = session_of(context)
        if session.refused:
            self._hand_over_refused(session, header_seen=True)
        try:
            if session.recipients:
                self._send(context, session)
        except Exception as error:  # noqa: BLE001 - the boundary to C; logged and answered
            queue_id = macro(context, QUEUE_ID) or "NOQUEUE"
            self._error_log.log(queue_id, error, expected=isinstance(error, QueueFull))
        finally:
            session.forget_message()
        return milter.CONTINUE

    def abort(self, session: Session) -> None:
        """The message ended early: what it was refused is known all the same."""
        if session.refused:
            self._hand_over_refused(session, header_seen=False)

    def _hand_over_refused(self, session: Session, *, header_seen: bool) -> None:
        for start in range(0, len(session.refused), RECIPIENTS_A_PART):
            some = session.refused[start : start + RECIPIENTS_A_PART]
            self._hand_over_some(session, some, header_seen=header_seen)

    def _hand_over_some(
        self, session: Session, some: Sequence[RefusedAt], *, header_seen: bool
    ) -> None:
        if self._ledger_queue is None:
            return
        known = some[0].facts
        refused = Refused(
            int(time.time()),
            clean(known.sender or "", _LONGEST_SENDER),
            tuple(RefusedRecipient(at.recipient, at.reason, at.cause) for at in some),
            mailing=self._mailing_of(session),
            group=self._group(self._group_of(known), session),
            header_seen=header_seen and self.wants_headers,
        )
        try:
            self._ledger_queue.send_refused(refused)
            self._counts.refused(recorded=len(some))
        except QueueFull as error:
            self._counts.refused(lost=len(some))
            self._error_log.log("NOQUEUE", error, expected=True)

    def _send(self, context: "Context", session: Session) -> None:
        origin = self._origin(context)
        if origin is None:
            return
        now, recorded = int(time.time()), 0
        message = self._chance.randbytes(MESSAGE_OCTETS)
        ledger_queue = None if self._probes.issuperset(session.recipients) else self._ledger_queue
        try:
            if ledger_queue is not None:
                ledger_queue.send(self._record(context, session, origin, message, now))
                recorded = now
        finally:  # signed or not, a bounce unknown to the ledger locks no address
            if origin.domain:
                local = sign(self._keys.ring, self._only_recipient(session), message, now)
                # The token holds nothing that xtext (RFC 3461, 4) would have to escape.
                context.chgfrom(f"<{local}@{origin.domain}>", f"ENVID={local}")
            if ledger_queue is not None:
                self._counts.sent(recorded)

    def _origin(self, context: "Context") -> _Origin | None:
        """What is signed and recorded of a session's messages; None where they are not ours."""
        symbol = context.getsymval
        try:
            macros = symbol(SENDER), symbol(CLIENT), symbol(DAEMON), symbol(AUTHENTICATED)
        except UnicodeDecodeError:
            return self._origin_of(facts(context, ""))
        if macros in self._origins:
            return self._origins[macros]
        origin = self._origin_of(facts(context, ""))
        if macros[1]:  # else the client is known by its connection alone
            if len(self._origins) >= _MOST_ORIGINS:
                self._origins.clear()
            self._origins[macros] = origin
        return origin

    def _origin_of(self, known: Facts) -> _Origin | None:
        if not known.sender or not is_outbound(known, self._scope):
            return None
        domain = known.sender_domain
        # Signed before: by us, by another of us, or so it says. It has its entry in the ledger
        # then, as the message that it is, or its bounces come back to nothing that is known:
        # another entry would never bounce, and look delivered.
        if self._domains.holds(domain):
            return None
        sender = clean(known.sender, _LONGEST_SENDER)
        return _Origin(sender, self._group_of(known), self._domains.for_sender(domain))

    def _record(
        self, context: "Context", session: Session, origin: _Origin, message: bytes, now: int
    ) -> Sent:
        headers = session.headers
        # Those of whom no failure is reported come last: their number alone is kept.
        silent = frozenset(session.unreported)
        everyone = self._addresses(session, (to for to in session.recipients if to not in silent))
        reported = len(everyone)
        if silent:
            everyone |= self._addresses(session, session.recipients)
        return Sent(
            now,
            message,
            origin.sender,
            tuple(everyone),
            queue_id=clean(macro(context, QUEUE_ID) or "", _LONGEST_QUEUE_ID),
            message_id=headers.get(_MESSAGE_ID, ""),
            mailing=self._mailing_of(session),
            group=self._group(origin.group, session),
            unreported=len(everyone) - reported,
        )

    def _addresses(self, session: Session, recipients: Iterable[bytes]) -> dict[str, None]:
        """Their canonical addresses, each once."""
        plain = session.keys
        keys = (plain.get(to) or self._key(session.resolved.get(to, to)) for to in recipients)
        return dict.fromkeys([key.decode() for key in keys if key is not None])

    def _only_recipient(self, session: Session) -> str:
        """The canonical address of a message's one recipient; empty where there are more."""
        if len(session.recipients) > 1:
            return ""
        return "".join(self._addresses(session, session.recipients))

    def _mailing_of(self, session: Session) -> str:
        headers = session.headers
        return next((headers[name] for name in self._mailing if headers.get(name)), "")

    def _group(self, at_rcpt: str, session: Session) -> str:
        if self._group_header:
            return session.headers.get(self._group_header, "")
        return at_rcpt

    def _wanted_headers(self) -> frozenset[str]:
        """Fields to be asked of the MTA: none, if tokens are the only proof that is needed."""
        wanted = {*self._mailing, self._group_header} - {""}
        if wanted or not self._domains.signs:
            wanted.add(_MESSAGE_ID)
        return frozenset(wanted)


def is_failure_reported(parameters: Sequence[bytes]) -> bool:
    """Whether a DSN comes for a recipient with these ESMTP parameters, if it fails.

    For `NOTIFY=NEVER`, or without FAILURE, Postfix writes none (RFC 3461, 4.1): that none comes
    then says nothing. Postfix refuses a second NOTIFY, and values that it does not know.
    """
    values = (one.upper() for one in parameters)
    notify = next((one for one in values if one.startswith(_NOTIFY)), None)
    return notify is None or b"FAILURE" in notify.removeprefix(_NOTIFY).split(b",")
