"""What libmilter's context knows about a session, read only for a recipient that has a lock.

Macros are asked for by name, the sender at MAIL (`SENDER`) and the rest at RCPT (`ASKED`); Postfix
honours that. An MTA that does not still sends its own at CONNECT and MAIL, and those are read from
the same place.
"""

import logging
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, NamedTuple

from bouncegate.milter.refusal.decision import Facts, IPAddress
from bouncegate.policy.records import Lock

if TYPE_CHECKING:
    from milter import Context

_LOG: Final = logging.getLogger("bouncegate.milter")

QUEUE_ID: Final = "i"
AUTHENTICATED: Final = "{auth_authen}"
CLIENT: Final = "{client_addr}"
DAEMON: Final = "{daemon_name}"
SENDER: Final = "{mail_addr}"
TRANSPORT: Final = "{rcpt_mailer}"
RESOLVED: Final = "{rcpt_addr}"

ASKED: Final = " ".join((QUEUE_ID, AUTHENTICATED, CLIENT, DAEMON, TRANSPORT, RESOLVED))
"""What is asked for at RCPT.

Not the sender: smtpd(8) would ask trivial-rewrite(8) for it at each recipient, since it caches the
answer by the pair of sender and recipient (Postfix 3.7). MAIL brings it once a message.
"""


def facts(context: "Context", recipient: str) -> Facts:
    """What is known about a recipient (canonical) and its session."""
    return Facts(
        recipient=recipient,
        sender=macro(context, SENDER),
        authenticated=bool(login := macro(context, AUTHENTICATED)),
        client=client_of(context),
        daemon_name=macro(context, DAEMON),
        transport=macro(context, TRANSPORT),
        login=login or "",
    )


def macro(context: "Context", name: str) -> str | None:
    """The value of a macro, or None if the MTA did not send it."""
    try:
        return context.getsymval(name)
    except UnicodeDecodeError as error:
        # Without SMTPUTF8 Postfix passes on octets of any encoding.
        return error.object.decode("utf-8", "backslashreplace")


def macros_arrive(context: "Context") -> bool:
    """Whether the MTA sends what was asked for: no MTA sends the client's address unasked."""
    return macro(context, CLIENT) is not None


class MacrosAtRcpt:
    """Whether the MTA sends at RCPT what is asked for, as the last sessions of a worker showed."""

    def __init__(self) -> None:
        """Nothing is known yet: CONNECT and MAIL are needed too."""
        self.arrive = False

    def seen(self) -> None:
        """A session has had them: RCPT alone will do for later ones."""
        self.arrive = True
        _LOG.info("the MTA sends what is asked for at RCPT: no step before it from now on")

    def missing(self) -> None:
        """A session has not had the sender: not every MTA here honours requests."""
        if self.arrive:
            self.arrive = False
            _LOG.info("an MTA does not send what is asked for at RCPT: CONNECT and MAIL as well")


class PendingRecipient(NamedTuple):
    """A locked recipient that was accepted, to be discarded or tagged at its end."""

    recipient: bytes
    """As the MTA handed it over."""
    lock: Lock


class RefusedAt(NamedTuple):
    """A recipient that was refused, and what was known then."""

    facts: Facts
    """Of the session: the recipient may be another one."""
    recipient: str
    reason: str
    cause: int


class Session:
    """What a connection must remember from one step to the next."""

    __slots__ = (
        *(
            "headers",
            "keys",
            "pending",
            "peer",
            "people",
            "recipients",
            "refused",
            "resolved",
            "unreported",
        ),
    )

    def __init__(self, peer: str = "") -> None:
        """`peer` is the client's address, if CONNECT was asked for."""
        self.peer = peer
        self.recipients: list[bytes] = []
        self.unreported: list[bytes] = []
        """Those recipients of whom no failure is reported."""
        self.keys: dict[bytes, bytes] = {}
        """The keys of those that can be written in one way alone."""
        self.resolved: dict[bytes, bytes] = {}
        """What the MTA makes of recipients that it may take for others than they look."""
        self.headers: dict[str, str] = {}
        self.pending: list[PendingRecipient] = []
        self.refused: list[RefusedAt] = []
        """Whom the ledger is to know as refused."""
        self.people: list[tuple[bytes, str]] = []
        """People of the return domain: as the MTA handed them over, and in plain form."""

    def forget_message(self) -> None:
        """The next message of the connection begins with nothing."""
        self.recipients = []
        self.unreported = []
        self.keys = {}
        self.resolved = {}
        self.headers = {}
        self.pending = []
        self.refused = []
        self.people = []


def session_of(context: "Context") -> Session:
    """The memory of a connection, made when it is first needed."""
    session = context.getpriv()
    if not isinstance(session, Session):
        session = Session()
        context.setpriv(session)
    return session


def client_of(context: "Context") -> IPAddress | None:
    """The client's address, by macro or as CONNECT gave it."""
    session = context.getpriv()
    return _address(
        macro(context, CLIENT) or (session.peer if isinstance(session, Session) else "")
    )


@lru_cache(maxsize=1024)
def _address(text: str) -> IPAddress | None:
    """An address, read once for all messages of a client: ipaddress takes some microseconds."""
    try:
        address = ip_address(text.removeprefix("IPv6:"))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
