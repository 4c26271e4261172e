"""Mail for the people of the return domain is led to a mailbox that somebody reads.

RFC 5321, 4.5.1 and RFC 2142 want postmaster and abuse of every domain that has mail to reach a
person. The return path cannot hand mail on: it reads bounces, in a sandbox without a network. So
the recipient is replaced while the message comes in (SMFIR_ADDRCPT, SMFIR_DELRCPT), and Postfix
delivers it as any other mail: with its sender, in its own queue, and never a second time.
"""

import logging
from typing import TYPE_CHECKING, Final

import milter

from bouncegate.config.settings import ReturnPathSettings
from bouncegate.daemon.ratelimitedlog import RateLimitedLog
from bouncegate.daemon.wire import for_log
from bouncegate.milter import logline
from bouncegate.milter.refusal.recipient import queued_as
from bouncegate.milter.session import QUEUE_ID, Session, macro

if TYPE_CHECKING:
    from milter import Context

_LOG: Final = logging.getLogger("bouncegate.milter")


class PostmasterStep:
    """The end-of-message step of a worker that has a return domain."""

    actions: Final = milter.ADDRCPT | milter.DELRCPT
    """What the MTA must allow."""

    def __init__(self, settings: ReturnPathSettings) -> None:
        """`[return_path] postmaster` gets the mail; Postfix completes an address without domain."""
        self._mailbox = settings.postmaster
        self._error_log = RateLimitedLog("accept", step="END-OF-MESSAGE")

    def apply(self, context: "Context", session: Session) -> None:
        """Replace the recipients. Where that fails, the return path defers the message."""
        queue_id = macro(context, QUEUE_ID) or logline.NO_QUEUE_ID
        try:
            context.addrcpt(self._mailbox)
            for written, plain in session.people:
                for path in dict.fromkeys((*queued_as(written), plain)):
                    context.delrcpt(path)
                _LOG.info(
                    "%s: redirect: to=<%s> is now to=<%s>",
                    for_log(queue_id),
                    for_log(plain),
                    for_log(self._mailbox),
                )
        except Exception as error:  # noqa: BLE001 - the boundary to C; logged and answered
            self._error_log.log(queue_id, error, expected=isinstance(error, milter.error))
        if session.recipients:
            gone = {written for written, _ in session.people}
            session.recipients = [to for to in session.recipients if to not in gone]
        session.people = []
