"""The check of recipients below the return domains: without a valid token they are refused.

Mail to a return domain is judged at RCPT, before any DATA. A good token passes whatever the
envelope sender is, since some systems bounce without the null sender; anything else is refused,
but for the recipients that are always exempt, such as postmaster (RFC 5321, 4.5.1), whose mail
goes to a person at the end of the message. The return path checks again what passes here.
"""

import logging
import time
from typing import TYPE_CHECKING, Final

import milter

from bouncegate.config.probe import ASKED, TAKEN
from bouncegate.config.settings import Settings
from bouncegate.daemon.wire import for_log
from bouncegate.milter import logline
from bouncegate.milter.session import QUEUE_ID, TRANSPORT, client_of, macro, session_of
from bouncegate.store.resolution import Mailbox
from bouncegate.store.tokens.returndomain import ReturnAddresses
from bouncegate.store.tokens.token import Finding

if TYPE_CHECKING:
    from milter import Context

    from bouncegate.milter.counts import Counts
    from bouncegate.milter.rcpt import Rcpt

_LOG: Final = logging.getLogger("bouncegate.milter")
_CODE: Final = "550"
_STATUS: Final = "5.7.1"
# Without the key file no token can be checked, and no DSN may be lost.
_NOT_NOW: Final = ("450", "4.3.0", "Recipient address cannot be checked now, try again later")
_TEXT: Final = "Recipient address rejected: not a return path of this domain [bouncegate]"


class ReturnPathCheck:
    """The RCPT step in front of the one that looks for locks."""

    __slots__ = ("_addresses", "_counts", "_observe", "_rcpt")

    def __init__(
        self,
        settings: Settings,
        addresses: ReturnAddresses,
        rcpt: "Rcpt",
        counts: "Counts",
    ) -> None:
        """`rcpt` answers for recipients of other domains than those of `addresses`."""
        self._addresses = addresses
        self._observe = settings.milter.mode == "observe"
        self._rcpt = rcpt
        self._counts = counts

    def __call__(self, context: "Context", recipient: bytes, *parameters: bytes) -> int:
        """The answer to one recipient."""
        mailboxes = self._addresses.mailboxes(recipient)
        if not mailboxes:
            return self._rcpt(context, recipient, *parameters)
        answers = (self._answer(context, one, recipient) for one in mailboxes)
        return next((answer for answer in answers if answer != milter.CONTINUE), milter.CONTINUE)

    def _answer(self, context: "Context", mailbox: Mailbox, recipient: bytes) -> int:
        """The answer to a recipient that may be a mailbox of a return domain."""
        finding = self._addresses.check(mailbox, int(time.time()))
        self._counts.token_found(finding)
        if finding.is_ours:
            return milter.CONTINUE
        if self._addresses.is_person(mailbox):
            session_of(context).people.append((recipient, f"{mailbox.local}@{mailbox.domain}"))
            return milter.CONTINUE
        if _is_of_this_machine(context):
            if not macro(context, TRANSPORT):
                # cleanup(8) asks, for sendmail(1): a refusal would leave the message in maildrop
                # for ever ("can't reject recipient in non-smtpd(8) submission", Postfix 3.7).
                return milter.CONTINUE
            if mailbox.local in (ASKED, TAKEN):
                return self._answer_probe(context) if mailbox.local == ASKED else milter.CONTINUE
        if finding is Finding.KEYS_UNREADABLE and not self._observe:
            context.setreply(*_NOT_NOW)
            return milter.TEMPFAIL
        return self._refuse(context, recipient, finding)

    def _answer_probe(self, context: "Context") -> int:
        """Say that the milter is asked, and how it stands: `bouncegate postfix enable` reads it."""
        mode = "observe" if self._observe else "enforce"
        context.setreply(_CODE, _STATUS, f"Probe: the milter is asked, mode {mode} [bouncegate]")
        return milter.REJECT

    def _refuse(self, context: "Context", recipient: bytes, finding: Finding) -> int:
        _LOG.info(
            "%s: %s: RCPT from [%s]: %s %s <%s>: %s; token=%s",
            for_log(macro(context, QUEUE_ID) or logline.NO_QUEUE_ID),
            "would-reject" if self._observe else "reject",
            client_of(context) or "unknown",
            _CODE,
            _STATUS,
            for_log(recipient.decode("utf-8", "replace").strip("<>")),
            _TEXT,
            finding,
        )
        if self._observe:
            return milter.CONTINUE
        context.setreply(_CODE, _STATUS, _TEXT)
        return milter.REJECT


def _is_of_this_machine(context: "Context") -> bool:
    client = client_of(context)
    return client is not None and client.is_loopback
