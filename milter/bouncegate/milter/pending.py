"""Recipients that are accepted at RCPT, and discarded or tagged at the end of the message.

    discard   the recipient is removed (SMFIR_DELRCPT) and nobody is notified. DISCARD at RCPT would
              drop the whole message, also for the recipients without a lock.
    tag       the message gets a header field, one for all its locked recipients.

Postfix drops a message of which no recipient is left.
"""

from typing import TYPE_CHECKING

import milter

from bouncegate.config.settings import ReplySettings
from bouncegate.daemon.ratelimitedlog import RateLimitedLog
from bouncegate.milter import logline
from bouncegate.milter.refusal.action import tag
from bouncegate.milter.refusal.recipient import queued_as
from bouncegate.milter.session import QUEUE_ID, Session, macro

if TYPE_CHECKING:
    from milter import Context


class PendingStep:
    """The end-of-message step of a worker whose `[reply] action` is "discard" or "tag"."""

    def __init__(self, reply: ReplySettings) -> None:
        self._field = reply.tag if reply.action == "tag" else ""
        self._error_log = RateLimitedLog("accept", step="END-OF-MESSAGE")
        self.actions = milter.ADDHDRS if self._field else milter.DELRCPT
        """What the MTA must allow."""

    def apply(self, context: "Context", session: Session) -> None:
        """Do it for the pending recipients. Whatever goes wrong, the message passes."""
        try:
            if self._field:
                context.addheader(self._field, tag([one.lock for one in session.pending]))
            else:
                _remove(context, session)
        except Exception as error:  # noqa: BLE001 - the boundary to C; logged and answered
            queue_id = macro(context, QUEUE_ID) or logline.NO_QUEUE_ID
            self._error_log.log(queue_id, error, expected=isinstance(error, milter.error))
        session.pending = []


def _remove(context: "Context", session: Session) -> None:
    """Remove the pending recipients from the message, and from what the ledger records."""
    for one in session.pending:
        for path in queued_as(one.recipient):
            context.delrcpt(path)
    removed = {one.recipient for one in session.pending}
    session.recipients = [to for to in session.recipients if to not in removed]
