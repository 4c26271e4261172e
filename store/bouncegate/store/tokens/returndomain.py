"""The addresses below the return domains: which there are, and what each of them proves.

Two ask: the milter at RCPT, so that junk is refused before its DATA, and the return path, which
takes nothing else whatever way it came. Both go by the mailbox that a path names, not by its
spelling.

A token is good below every return domain, and not only below the one that it was made for. Who
knows one has seen that message and may bounce it; by which of our domains he does so adds nothing
to what he can do, since the token names the entry of the ledger. So senders may be given another
return domain while bounces to the earlier one are still under way.
"""

import re
from collections.abc import Sequence
from typing import Final

from bouncegate.config.settings import Settings
from bouncegate.store.address import AddressError
from bouncegate.store.resolution import Mailbox, mailboxes_of
from bouncegate.store.tokens.keys import KeyFile
from bouncegate.store.tokens.token import Finding, check_latest

# Almost every path is of these and one @, and has no root dot: its domain is what it seems to be.
# Taking them away shows that in 0.2 us; the milter asks for every recipient.
_PLAIN: Final = b"abcdefghijklmnopqrstuvwxyz0123456789.-_+='*/?{}|$&#`~^"
_NO_NAME: Final = re.compile(r"[^a-z0-9.-]")
_SIGNED: Final = frozenset({Finding.GOOD, Finding.KEYS_UNREADABLE})
UNREADABLE: Final = Mailbox("", "")
"""Of a path that cannot be read and mentions a return domain: it proves nothing."""


class ReturnAddresses:
    """The addresses of a machine, by its settings and keys."""

    def __init__(self, settings: Settings, keys: KeyFile) -> None:
        """There is a return domain; tokens of `keys` are good below it."""
        self._domains = settings.return_path.domains
        self._ends = {f"@{name}".encode(): name for name in self._domains.names}
        self._lifetime = settings.return_path.lifetime.after(0)
        self._keys = keys
        self._people = frozenset(
            (pattern.local.lower(), pattern.domain.lower())
            for pattern in settings.exempt.recipients
            if pattern.local
        )

    def mailboxes(self, recipient: bytes) -> Sequence[Mailbox]:
        """The mailboxes below a return domain, in lower case, that a recipient may name.

        None where it leads elsewhere. Most paths name one mailbox; one with routing operators
        names another for each domain that Postfix may hold to be its own.
        """
        path = recipient.strip(b"<>").lower()
        if path.translate(None, _PLAIN) == b"@" and not path.endswith(b"."):
            at = path.find(b"@")
            name = self._ends.get(path[at:])
            return () if name is None else (Mailbox(path[:at].decode(), name),)
        text = path.decode("utf-8", "replace")
        try:
            mailboxes = mailboxes_of(text)
        except AddressError:
            bare = _NO_NAME.sub("", text)
            return (UNREADABLE,) if any(name in bare for name in self._domains.names) else ()
        return tuple(
            Mailbox(m.local.lower(), m.domain) for m in mailboxes if self._domains.holds(m.domain)
        )

    def check(self, mailbox: Mailbox, now: int) -> Finding:
        """What a mailbox proves."""
        return check_latest(self._keys, mailbox.local, now, self._lifetime).finding

    def has_signed(self, sender: str, now: int) -> bool:
        """Whether an envelope sender (without brackets) is a token that we gave to a message.

        While the keys cannot be read, such a message passes.
        """
        mailboxes = self.mailboxes(sender.encode("utf-8", "surrogateescape"))
        findings = {self.check(mailbox, now) for mailbox in mailboxes}
        return bool(findings) and findings <= _SIGNED

    def is_person(self, mailbox: Mailbox) -> bool:
        """Whether a mailbox is a person's: postmaster, abuse (RFC 5321, 4.5.1; RFC 2142)."""
        return any((mailbox.local, domain) in self._people for domain in ("", mailbox.domain))
