"""The end of a message: its return path is signed, and the send is recorded in the ledger.

What is needed comes together on the way there: each recipient that was accepted, and, if the
settings name any, a few header fields. Only outbound mail with a sender is signed: mail with the
null sender must keep it (RFC 5321, 4.5.5), and other mail is not ours.
"""

import os
import random
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

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
    QUEUE_ID,
    RESOLVED,
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
            if self._plain_key(recipient) is None:
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
            group=self._group(known, session),
            header_seen=header_seen and self.wants_headers,
        )
        try:
            self._ledger_queue.send_refused(refused)
            self._counts.refused(recorded=len(some))
        except QueueFull as error:
            self._counts.refused(lost=len(some))
            self._error_log.log("NOQUEUE", error, expected=True)

    def _send(self, context: "Context", session: Session) -> None:
        known = facts(context, "")
        if not known.sender or not is_outbound(known, self._scope):
            return
        # Signed before: by us, by another of us, or so it says. It has its entry in the ledger
        # then, as the message that it is, or its bounces come back to nothing that is known:
        # another entry would never bounce, and look delivered.
        if self._domains.holds(known.sender_domain):
            return
        now, recorded = int(time.time()), 0
        message = self._chance.randbytes(MESSAGE_OCTETS)
        ledger_queue = None if self._probes.issuperset(session.recipients) else self._ledger_queue
        sent: Sent | None = None
        try:
            sent = self._record(context, session, known, message, now)
            if ledger_queue is not None:
                ledger_queue.send(sent)
                recorded = now
        finally:  # signed or not, a bounce unknown to the ledger locks no address
            if domain := self._domains.for_sender(known.sender_domain):
                local = sign(self._keys.ring, _only_recipient(session, sent), message, now)
                # The token holds nothing that xtext (RFC 3461, 4) would have to escape.
                context.chgfrom(f"<{local}@{domain}>", f"ENVID={local}")
            if ledger_queue is not None:
                self._counts.sent(recorded)

    def _record(
        self, context: "Context", session: Session, known: Facts, message: bytes, now: int
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
            clean(known.sender or "", _LONGEST_SENDER),
            tuple(everyone),
            queue_id=clean(macro(context, QUEUE_ID) or "", _LONGEST_QUEUE_ID),
            message_id=headers.get(_MESSAGE_ID, ""),
            mailing=self._mailing_of(session),
            group=self._group(known, session),
            unreported=len(everyone) - reported,
        )

    def _addresses(self, session: Session, recipients: Iterable[bytes]) -> dict[str, None]:
        """Their canonical addresses, each once."""
        keys = (self._key(session.resolved.get(to, to)) for to in recipients)
        return dict.fromkeys(key.decode() for key in keys if key is not None)

    def _mailing_of(self, session: Session) -> str:
        headers = session.headers
        return next((headers[name] for name in self._mailing if headers.get(name)), "")

    def _group(self, known: Facts, session: Session) -> str:
        if self._group_header:
            return session.headers.get(self._group_header, "")
        return self._group_of(known)

    def _wanted_headers(self) -> frozenset[str]:
        """Fields to be asked of the MTA: none, if tokens are the only proof that is needed."""
        wanted = {*self._mailing, self._group_header} - {""}
        if wanted or not self._domains.signs:
            wanted.add(_MESSAGE_ID)
        return frozenset(wanted)


def _only_recipient(session: Session, sent: Sent | None) -> str:
    """The canonical address of a message's one recipient; empty where there are more."""
    one = sent is not None and len(session.recipients) == len(sent.recipients) == 1
    return sent.recipients[0] if sent is not None and one else ""


def is_failure_reported(parameters: Sequence[bytes]) -> bool:
    """Whether a DSN comes for a recipient with these ESMTP parameters, if it fails.

    For `NOTIFY=NEVER`, or without FAILURE, Postfix writes none (RFC 3461, 4.1): that none comes
    then says nothing. Postfix refuses a second NOTIFY, and values that it does not know.
    """
    values = (one.upper() for one in parameters)
    notify = next((one for one in values if one.startswith(_NOTIFY)), None)
    return notify is None or b"FAILURE" in notify.removeprefix(_NOTIFY).split(b",")
