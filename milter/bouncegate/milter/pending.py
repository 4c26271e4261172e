"""Recipients that are accepted at RCPT and handled at the end of the message.

    discard   the recipient is taken out (SMFIR_DELRCPT) and nobody is told. DISCARD at RCPT would
              drop the whole message, also for the recipients without a lock.
    tag       the message gets a header field, one for all its locked recipients. It does not name
              them: whoever else gets the message must not learn of a blind copy.

Postfix drops a message of which no recipient is left.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import milter

from bouncegate.config.settings import Settings
from bouncegate.daemon.ratelimitedlog import RateLimitedLog
from bouncegate.milter import logline
from bouncegate.milter.refusal.deed import Deed
from bouncegate.milter.refusal.recipient import queued_as
from bouncegate.milter.refusal.tag import tag
from bouncegate.milter.session import QUEUE_ID, PendingRecipient, Session, macro

if TYPE_CHECKING:
    from milter import Context


class PendingStep:
    """The end-of-message step of a worker whose settings hold recipients."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is opened."""
        self._tag = settings.reply.tag
        self._mishaps = RateLimitedLog("accept", step="END-OF-MESSAGE")
        self.actions = milter.ADDHDRS if settings.reply.action == "tag" else milter.DELRCPT
        """What the MTA must allow."""

    def settle(self, context: "Context", session: Session) -> None:
        """Deal with what is held. Whatever goes wrong, the message passes."""
        try:
            for deed, deal in _DEALS.items():
                if held := [one for one in session.held if one.deed is deed]:
                    deal(self, context, session, held)
        except Exception as error:  # noqa: BLE001 - the boundary to C; told and answered
            queue_id = macro(context, QUEUE_ID) or logline.NO_QUEUE_ID
            self._mishaps.tell(queue_id, error, expected=isinstance(error, milter.error))
        session.held = []

    def take_out(
        self, context: "Context", session: Session, held: Sequence[PendingRecipient]
    ) -> None:
        """Leave recipients out of the message, and out of what the ledger is told."""
        for one in held:
            for path in queued_as(one.recipient):
                context.delrcpt(path)
        if session.recipients:
            gone = {one.recipient for one in held}
            session.recipients = [to for to in session.recipients if to not in gone]

    def mark(self, context: "Context", _session: Session, held: Sequence[PendingRecipient]) -> None:
        """Add the header field."""
        context.addheader(self._tag, tag([one.lock for one in held]))


_DEALS: Final[
    dict[Deed, Callable[[PendingStep, "Context", Session, Sequence[PendingRecipient]], None]]
] = {
    Deed.DISCARD: PendingStep.take_out,
    Deed.TAG: PendingStep.mark,
}
