"""Makes a copy of a bounce without personal data that is classified alike, for sharing.

The copy is composed of the parts that the classifier reads, so that nothing is copied unchecked.
Fields that no reader uses keep only their name; the body of the returned message, pictures and
other attachments are omitted. Text is decoded from any encoding, pseudonymised, and written as
UTF-8.
"""

import html
import quopri
import re
from collections.abc import Collection, Iterator
from email.header import Header
from typing import Final

from bouncegate.classifier.charset import to_text
from bouncegate.classifier.fields import Fields
from bouncegate.classifier.message import PREAMBLE, Message, Part, split_header
from bouncegate.classifier.messagetype import type_of
from bouncegate.classifier.notification import RETURNED_KINDS, STATUS_KINDS
from bouncegate.classifier.pseudonyms import SUBJECT, Pseudonyms
from bouncegate.classifier.readers.failedrecipients import REASON_FIELD
from bouncegate.classifier.report import MessageType
from bouncegate.classifier.returnedmessage import cut_at_returned

_REMOVED: Final = "[removed]"
# Fields that readers use, and those with sender and recipients.
_READ: Final = frozenset({
    "auto-submitted", "cc", "date", "delivered-to", "from", "in-reply-to", "message-id",
    "mime-version", "original-rcpt-to", "precedence", "references", "reply-to", "return-path",
    "sender", "status", "to", "user-agent", "x-autoreply", "x-autorespond", "x-autoresponder",
    "x-auto-reply", "x-failed-recipients", "x-mailer", "x-mlserver", "x-vacation",
})  # fmt: skip
_NAMING: Final = ("from", "to", "cc", "reply-to", "sender", "delivered-to", "x-failed-recipients")
_STATUS: Final = frozenset(
    {*STATUS_KINDS, "message/feedback-report", "message/disposition-notification"}
)
# The subject of a notice that ends with that of the returned message: "Undeliverable: Lunch". Words
# about the failure after the colon are kept.
_OF_FAILURE: Final = (
    "transcript|return|unknown|deliver|mail|message|fail|send|sent|recipient|user|host|address"
    "|quota|full|error|reject|block|bounce"
)
_QUOTING: Final = re.compile(
    rf"([^:]{{3,60}}:)\s+(?!.*(?:{_OF_FAILURE}))\S.*", re.IGNORECASE | re.DOTALL
)
_FIELD_LINE: Final = re.compile(r"(?:> ?)?([!-9;-~]{1,128})[ \t]*:")
_LONGEST_LINE: Final = 900


def anonymized(raw: bytes, public: Collection[str] = (), words: Collection[str] = ()) -> bytes:
    """The copy of a message; `public` and `words` are those of `Pseudonyms`."""
    message = Message(raw)
    pseudonyms = Pseudonyms(public, words)
    _learn(message, pseudonyms)
    return "\n".join(_Copy(pseudonyms).message(message)).encode("utf-8", "replace")


def _learn(message: Message, pseudonyms: Pseudonyms, *, nested: bool = True) -> None:
    """Learn the personal data in all parts that are read."""
    _learn_fields(message.fields, pseudonyms)
    for part in message.parts:
        text = _text_of(part)
        pseudonyms.learn(text)
        is_returned = part.kind in RETURNED_KINDS
        returned = text if is_returned else cut_at_returned(text)[1]
        if is_returned and nested and (inner := _bounce_in(part)):
            _learn(inner, pseudonyms, nested=False)
        if returned:
            header, _ = split_header(returned.lstrip("\n").encode("utf-8", "replace"))
            fields = Fields(to_text(header))
            _learn_fields(fields, pseudonyms)
            pseudonyms.learn_subject(fields.words("subject"))


def _learn_fields(fields: Fields, pseudonyms: Pseudonyms) -> None:
    for name in fields.names:
        value = fields.words(name)
        if _is_read(name) or name == "subject":
            pseudonyms.learn(value)
        if name in _NAMING:
            pseudonyms.learn_names(value)


def _is_read(name: str) -> bool:
    """Whether a reader uses the value of the field, and not only that there is one."""
    return name in _READ or REASON_FIELD.fullmatch(name) is not None


def _text_of(part: Part) -> str:
    """A part as text, as readers read it."""
    if part.kind in RETURNED_KINDS or part.kind in _STATUS:
        return to_text(part.octets)
    return part.text


def _bounce_in(part: Part) -> Message | None:
    """The returned message, if it is a bounce, which readers may read in place of the outer one."""
    inner = Message(part.octets.lstrip(b"\n"))
    return inner if type_of(inner) is MessageType.BOUNCE else None


class _Copy:
    """Writes the copy of one message, line by line."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._applied: Final = pseudonyms.applied
        self._boundaries = 0

    def message(self, message: Message, *, nested: bool = True) -> Iterator[str]:
        """A message with its parts, all at one level.

        `nested`: whether the body of a returned bounce is part of it.
        """
        yield from self._fields(message.fields)
        parts, kind = message.parts, message.root.kind
        if parts == [message.root] or (len(parts) == 1 and not kind.startswith("multipart/")):
            yield from self._leaf(parts[0], nested=nested)
            return
        self._boundaries += 1
        boundary = f"=_part_{self._boundaries}"
        report = re.search(r"report-type\s*=\s*\"?([\w-]+)", message.root.type_field, re.IGNORECASE)
        type_ = f"; report-type={report[1]}" if report else ""
        yield f'Content-Type: {kind or "multipart/mixed"}{type_}; boundary="{boundary}"'
        yield ""
        is_over = False
        for part in parts:
            if part.kind == PREAMBLE:
                yield from self._words(part.text)
                continue
            yield f"--{boundary}"
            # Parts after the returned message belong to it: no reader uses them.
            if is_over and part.kind not in _STATUS:
                yield from (f"Content-Type: {part.kind or 'text/plain'}", "", _REMOVED)
            else:
                yield from self._leaf(part, nested=nested)
            is_over = is_over or part.kind in RETURNED_KINDS
        yield f"--{boundary}--"
        yield ""

    def _fields(self, fields: Fields) -> Iterator[str]:
        for name in reversed(list(fields.names)):
            if not name.startswith("content-"):
                yield f"{_capitalized(name)}: {self._value(name, fields.words(name))}"

    def _value(self, name: str, value: str) -> str:
        if name == "subject":
            value = _QUOTING.sub(rf"\1 {SUBJECT}", self._applied(value))
        elif _is_read(name):
            value = self._applied(value)
        else:
            return _REMOVED
        return value if value.isascii() else Header(value, "utf-8", 900).encode(linesep="\n")

    def _leaf(self, part: Part, *, nested: bool) -> Iterator[str]:
        kind = part.kind
        if kind in RETURNED_KINDS:
            yield from (f"Content-Type: {kind}", "")
            bounce = _bounce_in(part) if nested else None
            yield from self.message(bounce, nested=False) if bounce else self._returned(part)
        elif kind in _STATUS:
            yield from self._encoded(kind, self._applied(_text_of(part)))
        elif kind == "text/html":
            words = html.escape("\n".join(self._words(part.text)), quote=False)
            yield from self._encoded(kind, f"<html><body><pre>{words}</pre></body></html>")
        elif kind.startswith(("text", "multipart")) or "/" not in kind or _is_status(part):
            yield from self._encoded(kind, "\n".join(self._words(part.text)))
        else:
            yield from (f"Content-Type: {kind}", "", _REMOVED)

    def _words(self, text: str) -> Iterator[str]:
        """The text of a notice, which may contain a returned message."""
        before, after = cut_at_returned(text)
        end = len(text) - len(after)
        yield self._applied(before)
        if text[len(before) : end].strip():
            yield self._applied(text[len(before) : end])
        if after.strip():
            yield from self._quoted(after)

    def _returned(self, part: Part) -> Iterator[str]:
        """A returned message without its body."""
        header, body = split_header(part.octets.lstrip(b"\n"))
        fields = Fields(to_text(header))
        for name in reversed(list(fields.names)):
            value = SUBJECT if name == "subject" else self._value(name, fields.words(name))
            yield f"{_capitalized(name)}: {value}"
        if body.strip():
            yield from ("", _REMOVED)

    def _quoted(self, text: str) -> Iterator[str]:
        """A message returned within the text: its header line by line, without its body."""
        lines = text.strip("\n").split("\n")
        keep = False
        for line in lines:
            if not line.strip("> \t"):
                break
            field = _FIELD_LINE.match(line)
            if field is not None:
                name = field[1].lower()
                keep = _is_read(name)
                value = Fields(line.removeprefix("> ").removeprefix(">")).words(name)
                shown = SUBJECT if name == "subject" else self._value(name, value)
                yield f"{line[: field.end()]} {shown}"
            elif not line.startswith((" ", "\t", ">")):
                break
            elif keep:
                yield self._applied(line)
        yield from ("", _REMOVED)

    def _encoded(self, kind: str, text: str) -> Iterator[str]:
        """A part with its header; unencoded if it consists of short ASCII lines."""
        kind = kind or "text/plain"
        if text.isascii() and max(map(len, text.split("\n"))) < _LONGEST_LINE:
            yield from (f"Content-Type: {kind}; charset=us-ascii", "", text)
            return
        yield f"Content-Type: {kind}; charset=utf-8"
        yield "Content-Transfer-Encoding: quoted-printable"
        yield ""
        yield quopri.encodestring(text.encode("utf-8", "replace")).decode()


def _is_status(part: Part) -> bool:
    """Whether a part of no type of its own has fields for machines."""
    return (
        re.match(r"\s*(?:reporting-mta|final-recipient)\s*:", part.text, re.IGNORECASE) is not None
    )


def _capitalized(name: str) -> str:
    return "-".join(map(str.capitalize, name.split("-")))
