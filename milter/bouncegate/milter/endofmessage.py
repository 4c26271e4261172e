"""Which settings need the end of a message, and what is done there, in its order.

Pending recipients, and those for a person of the return domain, come first: the ledger must not
record a recipient that was taken out. Where nothing else waits for the end of a message, DATA is
answered with ACCEPT unless it has such a recipient: only such a message pays.
"""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import milter

from bouncegate.milter.pending import PendingStep
from bouncegate.milter.postmaster import PostmasterStep
from bouncegate.milter.session import QUEUE_ID, Session, session_of

if TYPE_CHECKING:
    from milter import Context

    from bouncegate.milter.send import SendStep


class EomSteps:
    """The steps behind RCPT of a worker that needs any."""

    def __init__(
        self,
        pending: PendingStep | None,
        send: "SendStep | None",
        people: PostmasterStep | None = None,
    ) -> None:
        """At least one of them is given."""
        self._pending = pending
        self._send = send
        self._people = people
        steps = (step for step in (pending, send, people) if step is not None)
        self.actions = reduce(or_, (step.actions for step in steps))
        """What the MTA must allow."""
        self.always = send is not None
        """Whether the end of every message is needed, or only where a recipient is pending."""
        self.wants_headers = send is not None and send.wants_headers
        self.macros = QUEUE_ID
        """Those to be asked for at the end of a message."""

    def data(self, context: "Context") -> int:
        """Let the MTA go where nothing is pending; not asked where every end is needed."""
        session = context.getpriv()
        waits = isinstance(session, Session) and (session.pending or session.people)
        return milter.CONTINUE if self.always or waits else milter.ACCEPT

    def header(self, context: "Context", name: str, value: str | bytes) -> int:
        """One field of the message's header."""
        return self._send.header(context, name, value) if self._send else milter.NOREPLY

    def end(self, context: "Context") -> int:
        """The message is whole; it always passes, with what recipients are left."""
        session = session_of(context)
        if self._pending is not None and session.pending:
            self._pending.apply(context, session)
        if self._people is not None and session.people:
            self._people.apply(context, session)
        if self._send is not None:
            return self._send.end(context)
        session.forget_message()
        return milter.CONTINUE

    def abort(self, context: "Context") -> int:
        """The message, or the session, ended early."""
        session = session_of(context)
        if self._send is not None:
            self._send.abort(session)
        session.forget_message()
        return milter.CONTINUE
