"""Recipients that are accepted at RCPT and dealt with at the end of the message.

    discard   the recipient is taken out (SMFIR_DELRCPT) and nobody is told. DISCARD at RCPT would
              drop the whole message, for the recipients that no lock holds as well.
    return    the same, of mail from sendmail(1), and the sender is told by a notice, which is on
              the disk before the recipient is taken out. Where he cannot be told, since he must
              not be (an answer to an answer) or since too many notices wait, the recipient stays:
              one bounce more is better than a message that vanishes.
    tag       the message gets a header field, one for all its locked recipients. It does not name
              them: whoever else gets the message must not learn of a blind copy.

Postfix drops by itself a message of which no recipient is left.
"""

import logging
import socket
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import milter

from bouncegate.config.settings import Settings
from bouncegate.daemon.ratelimitedlog import RateLimitedLog
from bouncegate.daemon.wire import for_log
from bouncegate.milter import logline
from bouncegate.milter.notices.localdsn import LocalDsn, Refused, may_be_answered, write
from bouncegate.milter.notices.spool import Spool, SpoolFull
from bouncegate.milter.refusal.deed import Deed
from bouncegate.milter.refusal.recipient import path_of, queued_as
from bouncegate.milter.refusal.tag import tag
from bouncegate.milter.session import HOST, QUEUE_ID, SENDER, PendingRecipient, Session, macro

if TYPE_CHECKING:
    from milter import Context

_LOG: Final = logging.getLogger("bouncegate.milter")
_EXPECTED: Final = (milter.error, SpoolFull, OSError)
# A header is returned to 100 fields of 2 KiB; Postfix's own header_size_limit is 100 KiB a field.
_MOST_FIELDS: Final = 100
_LONGEST_FIELD: Final = 2048
# smtpd(8) takes as many recipients a message (smtpd_recipient_limit); sendmail(1) any number.
_MOST_IN_A_NOTICE: Final = 1000
# Recipients that are looked for in all forms. For each form cleanup(8) reads its queue file: 2,000
# recipients in four forms took 27 s (Postfix 3.7).
_FEW: Final = 100


class PendingStep:
    """The end-of-message step of a worker whose settings hold recipients."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is opened."""
        self._tag = settings.reply.tag
        self._spool: Spool | None = None
        if settings.tells_local_senders:
            self._spool = Spool(settings.store.path, settings.local.notices_waiting)
        self._mishaps = RateLimitedLog("accept", step="END-OF-MESSAGE")
        self.actions = milter.ADDHDRS if settings.reply.action == "tag" else milter.DELRCPT
        """What the MTA must allow."""

    @property
    def wants_headers(self) -> bool:
        """Whether a notice may have to return the header of a message."""
        return self._spool is not None

    def header(self, context: "Context", name: str, value: str | bytes) -> None:
        """Keep a field, if the sender is to be told of a recipient."""
        session = context.getpriv()
        if isinstance(session, Session) and session.held and len(session.fields) < _MOST_FIELDS:
            text = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
            session.fields.append((name, text[:_LONGEST_FIELD]))

    def settle(self, context: "Context", session: Session) -> None:
        """Deal with what is held. Whatever goes wrong, the message passes."""
        try:
            for deed, deal in _DEALS.items():
                if held := [one for one in session.held if one.deed is deed]:
                    deal(self, context, session, held)
        except Exception as error:  # noqa: BLE001 - the boundary to C; told and answered
            queue_id = macro(context, QUEUE_ID) or logline.NO_QUEUE_ID
            self._mishaps.tell(queue_id, error, expected=isinstance(error, _EXPECTED))
        session.held = []

    def take_out(
        self, context: "Context", session: Session, held: Sequence[PendingRecipient]
    ) -> None:
        """Leave recipients out of the message, and out of what the ledger is told."""
        for one in held:
            for path in queued_as(one.recipient, as_given=len(held) <= _FEW):
                context.delrcpt(path)
        if session.recipients:
            gone = {one.recipient for one in held}
            session.recipients = [to for to in session.recipients if to not in gone]

    def give_back(
        self, context: "Context", session: Session, held: Sequence[PendingRecipient]
    ) -> None:
        """Tell the sender, if he may be told, and leave the recipients out."""
        sender, queue_id = macro(context, SENDER) or "", macro(context, QUEUE_ID) or ""
        if self._spool is None or not may_be_answered(sender, session.fields):
            _LOG.info("%s: pass: from=<%s> must not be told", for_log(queue_id), for_log(sender))
            return
        host, now = macro(context, HOST) or socket.getfqdn(), int(time.time())
        for start in range(0, len(held), _MOST_IN_A_NOTICE):
            some = held[start : start + _MOST_IN_A_NOTICE]
            refused = [Refused(path_of(one.recipient), one.reply) for one in some]
            notice = LocalDsn(sender, refused, host, queue_id, session.fields, now)
            self._spool.put(sender, write(notice))
            self.take_out(context, session, some)

    def mark(self, context: "Context", _session: Session, held: Sequence[PendingRecipient]) -> None:
        """Add the header field."""
        context.addheader(self._tag, tag([one.lock for one in held]))


_DEALS: Final[
    dict[Deed, Callable[[PendingStep, "Context", Session, Sequence[PendingRecipient]], None]]
] = {
    Deed.DISCARD: PendingStep.take_out,
    Deed.RETURN: PendingStep.give_back,
    Deed.TAG: PendingStep.mark,
}
