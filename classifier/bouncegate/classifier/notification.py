"""A message as a notification: the notice, the delivery-status fields, and the returned message.

RFC 6522 defines the three parts of a report; a notice without MIME has the same three one below the
other. Each is located on first use.
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
# Types under which gateways attach a status part whose type they do not know.
_UNTYPED: Final = frozenset({"application/octet-stream", "application/x-unknown"})
_STATUS_FIRST: Final = re.compile(rb"\s*(?:Reporting-MTA|Final-Recipient)[ \t]*:", re.IGNORECASE)
# A leaf of type multipart is one whose boundary was not found.
_WORDS: Final = ("text", "multipart")
# A notice with delivery-status fields within its text, or in a part of the wrong type.
_STATUS_BLOCK: Final = re.compile(
    r"^(?:Reporting-MTA|(?:Final|Original)-Recipient)[ \t]*:.*\n(?:.*\n){0,12}?(?:Action"
    r"|Status)[ \t]*:"
    r"|^Action[ \t]*:[ \t]*(?:failed|error|delayed)\b.*\n(?:.*\n){0,6}?Final-Recipient[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)


class Notification:
    """The three parts of a report, at any position in the message."""

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
        # Parts after the returned message belong to it, or are a footer.
        elif self._returned_part is None and (kind.startswith(_WORDS) or "/" not in kind):
            self._word_parts.append(part)
        elif kind in _UNTYPED and _STATUS_FIRST.match(part.body):
            self._status_parts.append(part)

    @property
    def notice(self) -> str:
        """The text for people, up to the start of the returned message."""
        if self._notice is None:
            self._notice, after = self._cut()
            if self._returned_part is None:
                self._returned = after.encode("utf-8", "replace").lstrip(b"\n")
        return self._notice

    @property
    def line(self) -> str:
        """The text for people on one line, with single spaces."""
        if self._line is None:
            self._line = " ".join(self.notice.split())
        return self._line

    def _cut(self) -> tuple[str, str]:
        """The text of the notice, and the part of the returned message within it."""
        plain = [
            part for part in self._word_parts if part.kind != PREAMBLE and not part.body.isspace()
        ]
        parts = plain or self._markup_parts or self._word_parts
        if self._status_parts and self._returned_part is not None and len(parts) == 1:
            # All three parts of the standard are present (RFC 6522, 3): there is nothing to cut.
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
        """The delivery-status fields (RFC 3464, 2), `[]` if there are none."""
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
