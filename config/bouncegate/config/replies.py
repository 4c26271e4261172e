"""The words of a refusal as the config file has them: templates, and what may stand in them.

A template is checked when the file is read, at its longest: a reply that is cut in the middle
of its URL would help nobody.
"""

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from bouncegate.config.taxonomy import BY_NAME, GENERAL, Category, Kind, Reason
from bouncegate.config.text import text_of

# RFC 5321, 4.5.3.1.5: a reply line has at most 512 octets with its code and CRLF.
LONGEST_LINE: Final = 512
UNMARKED: Final = "[bouncegate]"
"""Says who refuses, and not which installation: what it ends is never known as our own."""

_TAG: Final = re.compile(r"[0-9a-f]{8}")

_LONGEST_STATUS: Final = "5.999.999"
_LONGEST_MARK: Final = f" {UNMARKED} 01234567"
_LONGEST_TEXT: Final = LONGEST_LINE - len(f"550 {_LONGEST_STATUS} {_LONGEST_MARK}\r\n")
# RFC 5322, 2.2: printable ASCII but for the colon. 64 leaves room for the value in a line.
_HEADER_NAME: Final = re.compile(r"[!-9;-~]{1,64}")
# The name of {ref} in earlier versions.
_CASE: Final = re.compile(r"(?<!\{)\{case\}(?!\})")
_URL: Final = re.compile(r"https?://[^\s<>\"\\^`|]+")


class Cause(NamedTuple):
    """What has locked a recipient, for the client."""

    words: str
    """They go behind "locked after"."""
    status: str
    """The enhanced status that fits (RFC 3463)."""


# What says enough alone, whoever made the lock.
_BY_REASON: Final = {
    Reason.COMPLAINT: Cause("a complaint of the recipient", "5.7.1"),
    Reason.UNSUBSCRIBED: Cause("an unsubscription of the recipient", "5.7.1"),
    Reason.INVALID: Cause("a check of the address: it is invalid", "5.1.3"),
    Reason.STALE: Cause("a long time without mail (stale)", "5.7.1"),
    Reason.PREDICTED: Cause("a bounce for another group, or a dead domain (predicted)", "5.7.1"),
}
_BY_ORIGIN: Final = {"manual": "an operator's decision", "imported": "an import of locks"}
_DEAD_DOMAIN: Final = "a check of the domain: it takes no mail ({reason})"
# Of bounces, by the general reason, else by the category.
_STATUS: Final[dict[str, str]] = {
    Reason.HOST_UNKNOWN: "5.1.2",
    Reason.NO_MX: "5.1.2",
    Reason.MAILBOX_MOVED: "5.1.6",
    Reason.MAILBOX_DISABLED: "5.2.1",
    Reason.MAILBOX_FULL: "5.2.2",
    Category.SECURITY: "5.7.1",
    Category.MAILBOX: "5.2.1",
    Category.NETWORK: "5.4.1",
    Category.LIMIT: "5.2.1",
}
_UNKNOWN: Final = "5.1.1"


def cause(kind: str, category: str, reason: Reason, origin: str = "automatic") -> Cause:
    """What has locked a recipient: a bounce, an operator, a complaint, an import or a check."""
    general = reason.general
    if (known := _BY_REASON.get(reason) or _BY_REASON.get(general)) is not None:
        return known
    who = _BY_ORIGIN.get(origin)
    status = _STATUS.get(general) or _STATUS.get(category, _UNKNOWN)
    if who is not None:
        named = "" if reason is Reason.OPERATOR else f" ({general})"
        by_hand = origin == "manual" or not named
        return Cause(f"{who}{named}", "5.7.1" if by_hand else status)
    if general in BY_NAME:
        return Cause(_DEAD_DOMAIN.format(reason=general), status)
    return Cause(f"a {kind} bounce ({category}, {general})", status)


def _longest_cause() -> str:
    kind, category = max(Kind, key=len), max(Category, key=len)
    origins = ("automatic", *_BY_ORIGIN)
    found = (cause(kind, category, r, origin).words for r in Reason for origin in origins)
    return max(found, key=len)


# Each field at its longest; a recipient is cut to the room that the others leave.
_LONGEST_FIELDS: Final[dict[str, str]] = {
    "recipient": "",
    "kind": max(Kind, key=len),
    "category": max(Category, key=len),
    "reason": max(GENERAL, key=len),
    "detail": max(Reason, key=len),
    "cause": _longest_cause(),
    "since": "2026-11-25",
    "until": "until 2026-11-25",
    "ref": "9" * 20,
    "url": "",
}
REPLY_FIELDS: Final = tuple(_LONGEST_FIELDS)
URL_FIELDS: Final = ("kind", "category", "reason", "detail", "ref")
"""What a URL may name: words and numbers that need no escaping in it (RFC 3986, 2.3)."""


def mark_with(tag: str) -> str:
    """What ends every reply, whatever the template says: a refusal of ours is known by it.

    `tag`: 8 hexadecimal digits that name an installation.
    """
    assert _TAG.fullmatch(tag)
    return f"{UNMARKED[:-1]} {tag}]"


@dataclass(frozen=True, slots=True)
class ReplyText:
    """The text of a refusal, with fields in braces out of `REPLY_FIELDS`."""

    template: str

    def __str__(self) -> str:
        """As the config file writes it."""
        return self.template


@dataclass(frozen=True, slots=True)
class ReplyUrl:
    """Where a refused sender can read more, with fields out of `URL_FIELDS`; empty for nowhere."""

    template: str

    def __str__(self) -> str:
        """As the config file writes it."""
        return self.template


class HeaderName(str):
    """The name of a header field (RFC 5322, 2.2)."""

    __slots__ = ()


def parse_reply_text(value: object) -> ReplyText:
    """Read a reply template and make sure that it can be filled in and sent."""
    text = _CASE.sub("{ref}", text_of(value, f"use the fields {_listed(REPLY_FIELDS)}"))
    if not (text.isascii() and text.isprintable() and 0 < len(text) <= _LONGEST_TEXT):
        raise ValueError(f"expected one line of printable ASCII, 1 to {_LONGEST_TEXT} characters")
    _check_fields(text, REPLY_FIELDS, "a reply")
    return ReplyText(text)


def parse_reply_url(value: object) -> ReplyUrl:
    """Read a URL with fields, or the empty text for none."""
    hint = 'write a URL such as "https://www.example.com/locked/{ref}"'
    text = _CASE.sub("{ref}", text_of(value, hint))
    if not text:
        return ReplyUrl(text)
    if not (text.isascii() and _URL.fullmatch(text)):
        raise ValueError(
            f'{text!r} is no URL: write one such as "https://www.example.com/locked/{{ref}}", '
            "in ASCII and without blanks"
        )
    _check_fields(text, URL_FIELDS, "a URL")
    return ReplyUrl(text)


def parse_header_name(value: object) -> HeaderName:
    """Read the name of a header field."""
    hint = 'write a name such as "X-Bouncegate-Locked"'
    text = text_of(value, hint)
    if _HEADER_NAME.fullmatch(text) is None:
        raise ValueError(f"invalid header field name {text!r}: {hint}")
    return HeaderName(text)


def faults(text: ReplyText, url: ReplyUrl) -> Iterator[str]:
    """What is wrong with a text and a URL that are each right alone."""
    if "{url}" in text.template and not url.template:
        yield "the text uses {url}, but url is not set: set url, or remove {url}"
        return
    longest = text.template.format(**{**_LONGEST_FIELDS, "url": filled_longest(url)})
    if len(longest) > _LONGEST_TEXT:
        yield (
            f"filled in, the reply may have {len(longest)} characters and the line of a reply has "
            f"room for {_LONGEST_TEXT} (RFC 5321, 4.5.3.1.5): shorten the text or the URL"
        )


def filled_longest(url: ReplyUrl) -> str:
    """A URL with each field at its longest."""
    return url.template.format(**{name: _LONGEST_FIELDS[name] for name in URL_FIELDS})


def _check_fields(template: str, known: tuple[str, ...], what: str) -> None:
    hint = f"use the fields {_listed(known)}"
    try:
        fields = [(name, spec, conv) for _, name, spec, conv in string.Formatter().parse(template)]
    except ValueError as error:
        raise ValueError(f"invalid template ({error}): {hint}") from None
    for name, spec, conversion in fields:
        if name is not None and (name not in known or spec or conversion):
            raise ValueError(f"unknown field {{{name}}} in {what}: {hint}")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)
