"""The recipients that the return path accepts.

With a return domain, a return path is an address with a valid token; any other is refused at RCPT,
even if the milter has accepted it: the milter may be down, and it sees neither mail from
sendmail(1) nor expanded aliases. A refusal may lose a bounce that is late or whose key is missing,
so each is logged with its reason, and counted.
"""

import logging
from collections.abc import Sequence
from typing import Final, NamedTuple

from bouncegate.config.settings import ReturnPathSettings
from bouncegate.daemon.wire import for_log
from bouncegate.store.address import AddressError
from bouncegate.store.resolution import Mailbox, mailboxes_of
from bouncegate.store.tokens.returndomain import ReturnAddresses
from bouncegate.store.tokens.token import Finding

log: Final = logging.getLogger("bouncegate.return-path")

NO_RETURN_PATH: Final = "550 5.7.1 Not a return path of this domain [bouncegate]"
KEYS_FAILED: Final = "451 4.3.0 The keys cannot be read now, try again later"
# Such mail must not be lost or treated as a bounce; it stays in the queue, where an operator sees
# it (RFC 5321, 4.5.1).
FOR_PERSON: Final = (
    "451 4.3.5 Mail for a person came to the return path: "
    "the milter or a virtual alias must lead it to one [bouncegate]"
)
# Possibly a genuine bounce: check [return_path] lifetime and the key file.
_MAY_BE_TRUE: Final = frozenset({Finding.STALE, Finding.UNKNOWN_KEY, Finding.KEYS_UNREADABLE})


_MISDATED: Final = "taken: the clock was wrong when it was signed"


class Refusal(NamedTuple):
    """The reason why a recipient is refused, and the reply."""

    finding: Finding
    reply: str


class Recipients:
    """The recipients of a return path that has domains of its own."""

    def __init__(self, addresses: ReturnAddresses, settings: ReturnPathSettings) -> None:
        """Take those of `addresses`, and return paths elsewhere that the settings name.

        Where not all senders are signed, the others have return paths of their own, which
        Postfix alone knows.
        """
        self._addresses = addresses
        self._signs_all = bool(settings.domains.rest)
        self._mailboxes = settings.mailboxes

    def refusal(self, path: str, now: int) -> Refusal | None:
        """The reason to refuse a recipient at `now`; None if it is accepted."""
        mailboxes = self._mailboxes_of(path)
        if not mailboxes:
            is_taken = not self._signs_all or self._is_named(path)
            return None if is_taken else self._refused(path, Finding.NO_TOKEN)
        for mailbox in mailboxes:
            finding = self._addresses.check(mailbox, now)
            if not finding.is_ours:
                is_person = self._addresses.is_person(mailbox)
                return self._refused(path, finding, is_person=is_person)
            if finding is Finding.MISDATED:
                log.warning("RCPT <%s>: %s; token=%s", for_log(path), _MISDATED, finding)
        return None

    def is_person(self, path: str) -> bool:
        """Whether mail to a recipient is for a person of a return domain."""
        return any(map(self._addresses.is_person, self._mailboxes_of(path)))

    def _mailboxes_of(self, path: str) -> Sequence[Mailbox]:
        return self._addresses.mailboxes(path.encode("utf-8", "surrogateescape"))

    def _is_named(self, path: str) -> bool:
        """Whether the settings name a mailbox of another domain."""
        try:
            first = mailboxes_of(path)[0] if self._mailboxes else Mailbox("", "")
        except AddressError:
            return False
        return any(
            pattern.local.lower() in ("", first.local.lower())
            and pattern.domain.lower() in ("", first.domain)
            for pattern in self._mailboxes
        )

    def _refused(self, path: str, finding: Finding, *, is_person: bool = False) -> Refusal:
        reply = FOR_PERSON if is_person else NO_RETURN_PATH
        if finding is Finding.KEYS_UNREADABLE:
            reply = KEYS_FAILED
        weight = logging.WARNING if is_person or finding in _MAY_BE_TRUE else logging.INFO
        log.log(weight, "reject: RCPT <%s>: %s; token=%s", for_log(path), reply, finding)
        return Refusal(finding, reply)
