"""Where a text names an address, and the text without it."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Collection
from typing import Final

# What may stand before and behind an address that is not part of another one.
_BEFORE: Final = rb"(?<![A-Za-z0-9._%+\-])"
_BEFORE_TAG: Final = rb"(?<![A-Za-z0-9._%])"
_BEHIND: Final = rb"(?![A-Za-z0-9\-]|\.[A-Za-z0-9])"
_BLANK: Final = b"x"


class Redaction:
    """The forms of some addresses: as they are, and as return paths and xtext write them."""

    def __init__(self, addresses: Collection[str]) -> None:
        """`addresses` are canonical, or as a report has them."""
        forms = [form for address in sorted(addresses) for form in _forms(address)]
        self._pattern = re.compile(b"|".join(forms), re.IGNORECASE)

    def names(self, text: str | bytes) -> bool:
        """Whether a text names one of them."""
        return self._pattern.search(_octets(text)) is not None

    def blanked(self, text: str) -> str:
        """The text with an `x` for each octet of theirs."""
        return self.blanked_octets(_octets(text)).decode("utf-8", "replace")

    def blanked_octets(self, octets: bytes) -> bytes:
        """The same of octets."""
        return self._pattern.sub(lambda match: _BLANK * len(match[0]), octets)

    def blanked_message(self, raw: bytes) -> bytes | None:
        """A message without them; None where a part that is encoded names one of them."""
        blanked = self.blanked_octets(raw)
        try:
            message = email.message_from_bytes(blanked, policy=email.policy.compat32)
            parts = [part for part in message.walk() if not part.is_multipart()]
            encoded = [part.get_payload(decode=True) for part in parts]
        except Exception:  # noqa: BLE001 - whatever fails, the message is not kept
            return None
        hidden = any(isinstance(text, bytes) and self.names(text) for text in encoded)
        return None if hidden else blanked


def _forms(address: str) -> list[bytes]:
    """The address itself; `local=domain` (VERP); `local+40domain` (xtext, RFC 3461, 4)."""
    octets = address.encode("utf-8", "replace")
    local, _, domain = octets.rpartition(b"@")
    tagged = [re.escape(local) + sign + re.escape(domain) for sign in (b"=", rb"\+40", b"=40")]
    return [
        _BEFORE + re.escape(octets) + _BEHIND,
        *(_BEFORE_TAG + form + _BEHIND for form in tagged),
    ]


def _octets(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "replace")
