"""The return domain: which addresses it has, and what each of them proves.

Two ask: the milter at RCPT, so that junk is refused before its DATA, and the return path, which
takes nothing else whatever way it came. Both go by the mailbox that a path names, not by its
spelling.
"""

import re
from collections.abc import Sequence
from typing import Final

from bouncegate.config.settings import Settings
from bouncegate.store.address import AddressError
from bouncegate.store.resolution import mailboxes_of
from bouncegate.store.tokens.keys import KeyFile
from bouncegate.store.tokens.token import Finding, check_latest

# Almost every path is of these and one @, and has no root dot: its domain is what it seems to be.
# Taking them away shows that in 0.2 us; the milter asks for every recipient.
_PLAIN: Final = b"abcdefghijklmnopqrstuvwxyz0123456789.-_+='*/?{}|$&#`~^"
_NO_NAME: Final = re.compile(r"[^a-z0-9.-]")
_SIGNED: Final = frozenset({Finding.GOOD, Finding.KEYS_UNREADABLE})
UNREADABLE: Final = ""
"""The local part of a path that cannot be read and mentions the domain: it proves nothing."""


class ReturnDomain:
    """The domain by the settings and keys of a machine."""

    def __init__(self, settings: Settings, keys: KeyFile) -> None:
        """`[return_path] domain` is set; tokens of `keys` are good below it."""
        self.name: Final = settings.return_path.domain
        self._end = f"@{self.name}".encode()
        self._lifetime = settings.return_path.lifetime.after(0)
        self._keys = keys
        self._persons = frozenset(
            pattern.local.lower()
            for pattern in settings.exempt.recipients
            if pattern.local and pattern.domain.lower() in ("", self.name)
        )

    def local_parts(self, recipient: bytes) -> Sequence[str]:
        """The local parts, in lower case, that a recipient may name below the domain.

        None where it leads elsewhere. Most paths name one mailbox; one with routing operators
        names another for each domain that Postfix may hold to be its own.
        """
        path = recipient.strip(b"<>").lower()
        if path.translate(None, _PLAIN) == b"@" and not path.endswith(b"."):
            is_here = path.endswith(self._end)
            return (path[: -len(self._end)].decode(),) if is_here else ()
        text = path.decode("utf-8", "replace")
        try:
            mailboxes = mailboxes_of(text)
        except AddressError:
            mentioned = self.name in _NO_NAME.sub("", text)
            return (UNREADABLE,) if mentioned else ()
        return tuple(m.local.lower() for m in mailboxes if m.domain == self.name)

    def look_at(self, local_part: str, now: int) -> Finding:
        """What a local part proves."""
        return check_latest(self._keys, local_part, now, self._lifetime).finding

    def has_signed(self, sender: str, now: int) -> bool:
        """Whether an envelope sender (without brackets) is a token that we gave to a message.

        While the keys cannot be read nobody can tell, and such a message passes.
        """
        local_parts = self.local_parts(sender.encode("utf-8", "surrogateescape"))
        findings = {self.look_at(local, now) for local in local_parts}
        return bool(findings) and findings <= _SIGNED

    def is_person(self, local_part: str) -> bool:
        """Whether a local part is for a person: postmaster, abuse (RFC 5321, 4.5.1; RFC 2142)."""
        return local_part in self._persons
