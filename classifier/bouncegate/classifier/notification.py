"""A message seen as a notification: words for people, fields for machines, and what it returns.

RFC 6522 names the three parts of a report; a notice without MIME has the same three one below
the other. Nothing behind the point where the returned message begins is taken for the words
of the notice: what an innocent message says must not accuse anybody.
"""

import re
from functools import cached_property
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.message import Fields, Message, Part, split_header

STATUS_KINDS: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RETURNED_KINDS: Final = frozenset(
    {
        "message/rfc822",
        "text/rfc822-headers",
        "message/global",
        "message/global-headers",
        "text/rfc822",
    }
)
# A notice that has its fields for machines among its words, or in a part of the wrong type.
_STATUS_BLOCK: Final = re.compile(
    r"^(?:Reporting-MTA|Final-Recipient|Original-Recipient)[ \t]*:.*\n(?:.*\n){0,12}?(?:Action|Status)[ \t]*:"
    r"|^Action[ \t]*:[ \t]*(?:failed|error|delayed)\b.*\n(?:.*\n){0,6}?Final-Recipient[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_HEADER_NAMES: Final = (
    "received|return-path|message-id|mime-version|from|to|cc|date|subject|sender|reply-to|x-[\\w-]+"
    "|content-[\\w-]+|delivered-to|dkim-signature|domainkey-signature|arc-[\\w-]+|list-[\\w-]+"
    "|references|in-reply-to|authentication-results|received-spf|importance|user-agent|precedence|resent-[\\w-]+"
)
# Three fields of a message header in a row, at the margin: nobody writes so in a notice.
_RETURNED_HEADER: Final = re.compile(
    rf"(?:^(?:{_HEADER_NAMES})[ \t]*:(?![/]).*\n(?:[ \t]+\S.*\n)*){{3}}",
    re.IGNORECASE | re.MULTILINE,
)
_SEPARATOR: Final = re.compile(
    r"^[ \t>*=_#|-]*(?:"
    r"(?:below (?:this line )?(?:is|follows)|this is|included is|here (?:is|follows)|attached is) (?:a|the) copy of (?:the|your)\b.*"
    r"|(?:your |the )?(?:original|unsent|returned|undelivered|unsent) (?:message|mail|e-?mail)(?: (?:follows|below|headers?|text|begins?|is (?:following|attached|below|included)))?[ .:-]*[-=_*]*"
    r"|(?:the )?(?:message )?headers?(?: of the original message)?(?: lines?)? (?:follow|is following).*"
    r"|(?:the )?headers? of (?:the|your) (?:original )?(?:message|mail)\b.*"
    r"|original mail info.*|(?:first |the )?\d* ?lines of the (?:original )?message.*"
    r"|urspr(?:ü|ue)ngliche (?:nachricht|mail)\b.*|der header der (?:ursprünglichen|originalen)\b.*"
    r"|mensaje original\b.*|message d'origine\b.*|message original\b.*|messaggio originale\b.*|mensagem original\b.*"
    r"|исходное (?:сообщение|письмо)\b.*|oryginalna wiadomość\b.*|元のメッセージ.*|原始邮件.*"
    r")$",
    re.IGNORECASE | re.MULTILINE,
)
_HARMLESS: Final = re.compile(
    r"^[ \t]*(?:message|your message|original message)[ \t:.]*$", re.IGNORECASE
)


class Notification:
    """The three parts of a report, wherever they stand in the message."""

    __slots__ = ("__dict__", "message")

    def __init__(self, message: Message) -> None:
        """Look at a message as a notification."""
        self.message: Final = message

    @cached_property
    def _sorted(self) -> tuple[list[Part], list[Part], list[Part], list[Part]]:
        """Parts with words, with HTML, with status fields, and with what is returned."""
        words: list[Part] = []
        markup: list[Part] = []
        status: list[Part] = []
        returned: list[Part] = []
        for part in self.message.parts:
            kind = part.kind
            if kind in STATUS_KINDS:
                status.append(part)
            elif kind in _RETURNED_KINDS:
                returned.append(part)
            elif kind == "text/html":
                markup.append(part)
            elif kind.startswith("text") or not kind or "/" not in kind:
                # What came behind the returned message is part of it, or a footer.
                (returned or words).append(part)
        return words, markup, status, returned

    @cached_property
    def _cut(self) -> tuple[str, str]:
        """The words of the notice, and what of the returned message stands among them."""
        words, markup, _, _ = self._sorted
        texts: list[str] = []
        for part in (
            [p for p in words if p.kind != "text/x-preamble" and p.body.strip()] or markup or words
        ):
            before, after = cut_at_returned(part.text)
            texts.append(before)
            if after:
                return "\n\n".join(texts), after
        return "\n\n".join(texts), ""

    @property
    def notice(self) -> str:
        """The words for people, up to where the returned message begins."""
        return self._cut[0]

    @cached_property
    def markup(self) -> str:
        """The words of the HTML parts, which may say more than the plain ones."""
        return "\n\n".join(cut_at_returned(part.text)[0] for part in self._sorted[1])

    @cached_property
    def status(self) -> list[bytes]:
        """The fields for machines (RFC 3464, 2), `[]` without any."""
        parts = [part.octets for part in self._sorted[2]]
        if parts:
            return parts
        block = _STATUS_BLOCK.search(self.notice)
        return [self.notice[block.start() :].encode("utf-8", "replace")] if block else []

    @cached_property
    def returned(self) -> bytes:
        """The returned message, or its header alone; `b""` if nothing is returned."""
        for part in self._sorted[3]:
            if part.body.strip():
                return part.octets.lstrip(b"\n")
        return self._cut[1].encode("utf-8", "replace").lstrip(b"\n")

    @cached_property
    def returned_fields(self) -> Fields:
        """The header of the returned message."""
        return Fields(split_header(self.returned[: limits.HEADER_BLOCK])[0])


def cut_at_returned(text: str) -> tuple[str, str]:
    """The words before the returned message, and that message."""
    header = _RETURNED_HEADER.search(text)
    separator = _SEPARATOR.search(text, 0, header.start() if header else len(text))
    while separator and _HARMLESS.match(separator[0]):
        separator = _SEPARATOR.search(
            text, separator.end(), header.start() if header else len(text)
        )
    if separator and text[: separator.start()].strip():
        return text[: separator.start()], text[header.start() if header else separator.end() :]
    if header:
        return text[: header.start()], text[header.start() :]
    return text, ""
