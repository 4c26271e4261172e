"""Recipients that are accepted at RCPT and dealt with at the end of the message.

    discard   the recipient is taken out (SMFIR_DELRCPT) and nobody is told. DISCARD at RCPT would
              drop the whole message, for the recipients that no lock holds as well.
    tag       the message gets a header field, one for all its locked recipients. It does not name
              them: whoever else gets the message must not learn of a blind copy.

Postfix drops by itself a message of which no recipient is left.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import milter

from bouncegate.config.settings import Settings
from bouncegate.daemon.mishaps import Mishaps
from bouncegate.milter import logline
from bouncegate.milter.session import QUEUE_ID, Held, Session, macro
from bouncegate.refusal.deed import Deed
from bouncegate.refusal.recipient import path_of
from bouncegate.refusal.tag import tag

if TYPE_CHECKING:
    from milter import Context


class HeldStep:
    """The end-of-message step of a worker whose settings hold recipients."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is opened."""
        self._tag = settings.reply.tag
        self._mishaps = Mishaps("accept", step="END-OF-MESSAGE")
        self.actions = milter.ADDHDRS if settings.reply.action == "tag" else milter.DELRCPT
        """What the MTA must allow."""

    def settle(self, context: "Context", session: Session) -> None:
        """Deal with what is held. Whatever goes wrong, the message passes."""
        held, session.held = session.held, []
        try:
            self._take_out(context, session, [one for one in held if one.deed is Deed.DISCARD])
            self._mark(context, [one for one in held if one.deed is Deed.TAG])
        except Exception as error:  # noqa: BLE001 - the boundary to C; told and answered
            queue_id = macro(context, QUEUE_ID) or logline.NO_QUEUE_ID
            self._mishaps.tell(queue_id, error, expected=isinstance(error, milter.error))

    def _take_out(self, context: "Context", session: Session, held: Sequence[Held]) -> None:
        for one in held:
            context.delrcpt(path_of(one.recipient))
        if session.recipients:
            gone = {one.recipient for one in held}
            session.recipients = [to for to in session.recipients if to not in gone]

    def _mark(self, context: "Context", held: Sequence[Held]) -> None:
        if held:
            context.addheader(self._tag, tag([one.lock for one in held]))
