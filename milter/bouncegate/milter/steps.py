"""Which steps of the milter protocol are asked for, and which macros: as few as will do.

RCPT alone decides. The macros that its scope needs are asked for (setsymlist), the sender at MAIL
and the rest at RCPT, and an MTA that honours that is asked for no other step but DATA: Postfix
sends the macros of MAIL to a milter that has opted out of it (Postfix 3.7). At DATA, ACCEPT ends
the message for us: without that word Postfix reads its queue file again for a milter that wants
none of it, which cost a tenth of its messages a second (`python -m bench postfix`). One that
does not sends its own macros at CONNECT and MAIL; these two steps are kept until the asked-for
macros were seen to arrive, and come back as soon as they do not.

What the settings need more than that:

    [reply] action discard or tag        abort and end of message too, but DATA is still answered
                                         with ACCEPT if none is pending; DELRCPT or ADDHDRS, `i`
    return path signed, or ledger kept   abort and end of message instead of DATA; `i`, and CHGFROM
                                         where it is signed
    ... and mailing, list or Message-ID  headers too, which need no reply

CONNECT and MAIL decide nothing and need no reply; over a unix socket none is sent. Over TCP
every step is answered, and DATA is asked for as well: Postfix sends the macros of DATA whether
or not the milter wants that step, and where nothing answers them, Nagle's algorithm holds the
end of the message back until our kernel's delayed acknowledgement. That cost 44 ms a message
(Postfix 3.7, median of 300); with the answer to DATA, none of it is left.
"""

from typing import TYPE_CHECKING, Final

import milter

from bouncegate.config.endpoints import Endpoint, UnixSocket
from bouncegate.milter.endofmessage import EomSteps
from bouncegate.milter.rcpt import Rcpt
from bouncegate.milter.session import ASKED, SENDER, MacrosAtRcpt, Session, macros_arrive

if TYPE_CHECKING:
    from milter import Context

_NEVER_NEEDED: Final = (
    milter.P_NOHELO
    | milter.P_NODATA
    | milter.P_NOHDRS
    | milter.P_NOEOH
    | milter.P_NOBODY
    | milter.P_NOUNKNOWN
)
_RCPT_ALONE: Final = _NEVER_NEEDED | milter.P_NOCONNECT | milter.P_NOMAIL
_WITHOUT_REPLY: Final = milter.P_NR_CONN | milter.P_NR_MAIL


class Steps:
    """The callbacks of one worker, and how much of the protocol they ask for."""

    def __init__(
        self,
        rcpt: Rcpt,
        endpoint: Endpoint,
        eom: EomSteps | None = None,
        macros: MacrosAtRcpt | None = None,
    ) -> None:
        """`rcpt` answers the one step that decides; `eom` acts at the end of a message.

        `macros` says whether RCPT alone will do.
        """
        quiet = isinstance(endpoint, UnixSocket)
        self._rcpt = rcpt
        # pymilter reads a callback before it takes the GIL: one that is replaced must live on.
        self._first_rcpt = self.first_rcpt
        self._answer = milter.NOREPLY if quiet else milter.CONTINUE
        self._eom = eom
        self._headers = milter.P_NOHDRS if eom is not None and eom.wants_headers else 0
        waits = eom is not None and not eom.always
        self._answered = milter.P_NODATA if waits or not quiet else 0
        self._quiet_headers = milter.P_NR_HDR if quiet else 0
        self._cautious = self._adjusted(_NEVER_NEEDED | (_WITHOUT_REPLY if quiet else 0))
        accepts = milter.P_NODATA if eom is None else 0
        self._settled = self._adjusted(_RCPT_ALONE & ~accepts)
        self._macros = macros or MacrosAtRcpt()

    def register(self, name: str) -> None:
        """Hand the callbacks to libmilter."""
        milter.set_flags(self._actions)
        milter.set_connect_callback(self.connect)
        milter.set_envfrom_callback(self.mail)
        milter.set_envrcpt_callback(self._first_rcpt)
        if self._eom is not None:
            milter.set_eom_callback(self._eom.end)
            milter.set_abort_callback(self._eom.abort)
            if self._eom.wants_headers:
                milter.set_header_callback(self._eom.header)
        milter.register(name, data=self.data, negotiate=self.negotiate)

    def negotiate(self, context: "Context", options: list[int]) -> int:
        """Say what is wanted of a session; `options` are actions, steps, and two unused."""
        actions, offered = options[0], options[1]
        options[:] = [self._actions & actions, self._wanted & offered, 0, 0]
        if actions & milter.SETSYMLIST:
            context.setsymlist(milter.M_ENVFROM, SENDER)
            context.setsymlist(milter.M_ENVRCPT, ASKED)
            if self._eom is not None:
                context.setsymlist(milter.M_EOM, self._eom.macros)
        return milter.CONTINUE

    def connect(self, context: "Context", _host: str, _family: int, peer: object) -> int:
        """Keep the client's address; the MTA sends its macros along."""
        if isinstance(peer, tuple):
            context.setpriv(Session(peer[0]))
        return self._answer

    def mail(self, _context: "Context", *_arguments: bytes) -> int:
        """Nothing but the macros that the MTA sends along."""
        return self._answer

    def data(self, context: "Context") -> int:
        """The last step of a message whose end is not needed."""
        return milter.ACCEPT if self._eom is None else self._eom.data(context)

    def first_rcpt(self, context: "Context", recipient: bytes, *parameters: bytes) -> int:
        """Find out, on a worker's first recipient, whether RCPT alone will do from now on."""
        if macros_arrive(context):
            self._macros.seen()
        milter.set_envrcpt_callback(self._rcpt)
        return self._rcpt(context, recipient, *parameters)

    @property
    def _wanted(self) -> int:
        return self._settled if self._macros.arrive else self._cautious

    @property
    def _actions(self) -> int:
        return milter.SETSYMLIST | (self._eom.actions if self._eom is not None else 0)

    def _adjusted(self, steps: int) -> int:
        """The steps without the opt-out of headers, where they are wanted, and of DATA over TCP."""
        steps &= ~(self._headers | self._answered)
        return steps | (self._quiet_headers if self._headers else 0)
