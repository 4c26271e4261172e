"""A message seen as a notification: words for people, fields for machines, and what it returns.

RFC 6522 names the three parts of a report; a notice without MIME has the same three one below
the other. Each is looked for when it is first asked for.
"""

import re
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.charset import to_text
from bouncegate.classifier.fields import Fields
from bouncegate.classifier.message import PREAMBLE, Message, Part, split_header
from bouncegate.classifier.returnedmessage import cut_at_returned

STATUS_KINDS: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
RETURNED_KINDS: Final = frozenset(
    {
        "message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers",
        "text/rfc822", "message/rfc822-headers", "message/partial",
    }
)  # fmt: skip
# How gateways that do not know the type of a status part attach it.
_UNTYPED: Final = frozenset({"application/octet-stream", "application/x-unknown"})
_STATUS_FIRST: Final = re.compile(rb"\s*(?:Reporting-MTA|Final-Recipient)[ \t]*:", re.IGNORECASE)
# A multipart among the leaves is one whose boundary was not found.
_WORDS: Final = ("text", "multipart")
# A notice that has its fields for machines among its words, or in a part of the wrong type.
_STATUS_BLOCK: Final = re.compile(
    r"^(?:Reporting-MTA|(?:Final|Original)-Recipient)[ \t]*:.*\n(?:.*\n){0,12}?(?:Action"
    r"|Status)[ \t]*:"
    r"|^Action[ \t]*:[ \t]*(?:failed|error|delayed)\b.*\n(?:.*\n){0,6}?Final-Recipient[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)


class Notification:
    """The three parts of a report, wherever they stand in the message."""

    __slots__ = (
        "_line", "_markup_parts", "_notice", "_returned", "_returned_fields", "_returned_part",
        "_status", "_status_parts", "_word_parts", "message",
    )  # fmt: skip

    def __init__(self, message: Message) -> None:
        """Look at a message as a notification."""
        self.message: Final = message
        self._word_parts: list[Part] = []
        self._markup_parts: list[Part] = []
        self._status_parts: list[Part] = []
        self._returned_part: Part | None = None
        self._notice: str | None = None
        self._line: str | None = None
        self._status: list[str] | None = None
        self._returned: bytes | None = None
        self._returned_fields: Fields | None = None
        for part in message.parts:
            self._sort(part)

    def _sort(self, part: Part) -> None:
        kind = part.kind
        if kind in STATUS_KINDS:
            self._status_parts.append(part)
        elif kind in RETURNED_KINDS:
            if self._returned_part is None and part.body and not part.body.isspace():
                self._returned_part = part
        elif kind == "text/html":
            self._markup_parts.append(part)
        # What comes behind the returned message is part of it, or a footer.
        elif self._returned_part is None and (kind.startswith(_WORDS) or "/" not in kind):
            self._word_parts.append(part)
        elif kind in _UNTYPED and _STATUS_FIRST.match(part.body):
            self._status_parts.append(part)

    @property
    def notice(self) -> str:
        """The words for people, up to where the returned message begins."""
        if self._notice is None:
            self._notice, after = self._cut()
            if self._returned_part is None:
                self._returned = after.encode("utf-8", "replace").lstrip(b"\n")
        return self._notice

    @property
    def line(self) -> str:
        """The words for people on one line, with single spaces."""
        if self._line is None:
            self._line = " ".join(self.notice.split())
        return self._line

    def _cut(self) -> tuple[str, str]:
        """The words of the notice, and what of the returned message stands among them."""
        plain = [
            part for part in self._word_parts if part.kind != PREAMBLE and not part.body.isspace()
        ]
        parts = plain or self._markup_parts or self._word_parts
        if self._status_parts and self._returned_part is not None and len(parts) == 1:
            # All three parts of the standard are there (RFC 6522, 3): nothing is to be cut off.
            return parts[0].text, ""
        texts: list[str] = []
        left = limits.PROSE
        for part in parts:
            before, after = cut_at_returned(part.text)
            texts.append(before[:left])
            left -= len(before)
            if after or left <= 0:
                return "\n\n".join(texts), after
        return "\n\n".join(texts), ""

    @property
    def status(self) -> list[str]:
        """The fields for machines (RFC 3464, 2), `[]` without any."""
        if self._status is None:
            self._status = [
                to_text(p.octets) for p in self._status_parts
            ] or self._status_in_words()
        return self._status

    def _status_in_words(self) -> list[str]:
        notice = self.notice
        if "-recipient" not in notice.lower():
            return []
        block = _STATUS_BLOCK.search(notice)
        if block is None:
            return []
        self._notice = notice[: block.start()]
        return [notice[block.start() :]]

    @property
    def returned(self) -> bytes:
        """The returned message, or its header alone; `b""` if nothing is returned."""
        if self._returned is None:
            if self._returned_part is not None:
                self._returned = self._returned_part.octets.lstrip(b"\n")
            else:
                _ = self.notice
        return self._returned or b""

    @property
    def returned_fields(self) -> Fields:
        """The header of the returned message."""
        if self._returned_fields is None:
            header, _ = split_header(self.returned[: limits.HEADER_BLOCK])
            self._returned_fields = Fields(to_text(header))
        return self._returned_fields
