"""Parses a diagnostic: reply code, enhanced status, phase, and the text alone.

A diagnostic is a server's reply (RFC 5321, 4.2), often wrapped in the text of the client that
quotes it: `host mx.example.com[192.0.2.1] said: 550 5.1.1 no such user (in reply to RCPT TO
command)`.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from bouncegate.classifier.addresses import ADDRESS, BEGINNING
from bouncegate.classifier.phrases import Phrases

# RFC 3463, 2, with up to three digits for subject and detail. Neighbouring digits, dots or
# letters would make it part of an IP address, a version or a host name; a hyphen before it is that
# of a line of several (RFC 5321, 4.2.1).
STATUS: Final = re.compile(
    r"[245](?:(?<![\w.-].)|(?<=\b[245]\d\d-.))"
    r"\.\d{1,3}\.\d{1,3}(?![\d-]|\.\d|\.?\w*\.(?:com|net|org))"
)
# RFC 5321, 4.2.1: three digits, followed by a space, a hyphen or the end.
_CODE: Final = re.compile(r"[245][0-5]\d(?=[ \-:;,\"'\])>#.]|$)")
# A code may follow nothing, or words and characters that introduce a quotation.
_BEFORE_CODE: Final = re.compile(
    r"(?:^|[:>=;(\[\"'<] ?"
    r"|\b(?:said|says|code|error|reply|response|returned|replied(?: with)?|received|reason|by|err)"
    r":? ?)[\"'<\[]{0,2}(?:smtp;? ?)?$",
    re.IGNORECASE,
)
_STATUS_BEHIND: Final = re.compile(r"[ -]#?[245]\.\d{1,3}\.\d")
_LONGEST_QUOTE: Final = 24
# A temporary reply within another: the last attempt of a message that expired, a callout.
_TEMPORARY: Final = re.compile(r"[:;(<\[\"'=>] ?4[0-5]\d[ -]#?4\.\d{1,3}\.\d")

_PHASES: Final = (
    ("end-of-data", r"end of (?:data|message)|final data|after i sent the message"),
    ("rcpt", (r"in (?:reply|response) to rcpt|(?:after|following|in|during|sending) rcpt"
              r"|smtp:rcpt|does not like recipient|rejected recipient")),
    ("mail", (r"in (?:reply|response) to mail|(?:after|following|in|during|sending) mail from"
              r"|(?:like our|after pipelined) mail from|smtp:mail|but sender was rejected")),
    ("data", r"in (?:reply|response) to data|(?:after|following|during|sending|like our) data\b"),
    ("helo", (r"in (?:reply|response) to (?:helo|ehlo)|(?:after|following|during) (?:helo|ehlo)"
              r"|but my name was rejected")),
    ("connect", (r"refused to talk to me|after initial connection|receiving the initial"
                 r"|performing the (?:ehlo|helo) handshake|greeting (?:wait|failed)")),
    ("rcpt", r"(?:like our|after pipelined) rcpt to"),
)  # fmt: skip
_PHASE_NAMES: Final = tuple(name for name, _ in _PHASES)
_PHASE_WORDS: Final = Phrases(pattern for _, pattern in _PHASES)
_HOST: Final = re.compile(
    r"host (\S{1,255}?) ?\[[^\]\s]{2,60}\](?::\d+)?:? ?(?:said:|refused|smtp error|[245]\d\d[ -])",
    re.IGNORECASE,
)
_MASKED: Final = re.compile(BEGINNING + ADDRESS)
_URL: Final = re.compile(r"(?:https?://|www\.)[^\s<>\"']{1,500}", re.IGNORECASE)


class Reply(NamedTuple):
    """A diagnostic taken apart; `""` for what it does not tell."""

    code: str
    status: str
    phase: str
    host: str
    text: str
    """One line, in lower case, addresses, URLs and the name of the server masked: what the rules
    are matched against."""
    page: str = ""
    """The URLs, in lower case: a page explains many replies, so its name says less than words."""
    temporary: bool = False
    """Whether a temporary reply is quoted, in whatever other reply."""


# Cached because the reader and the classifier both parse the same diagnostic.
@lru_cache(maxsize=64)
def dissect(diagnostic: str) -> Reply:
    """Take a diagnostic apart."""
    line = " ".join(diagnostic.split())
    if not line:
        return Reply("", "", "", "", "")
    status = STATUS.search(line)
    host = _HOST.search(line) if "ost " in line else None
    code = _code(line)
    # Prose names a page where it could name itself.
    pages = _URL.findall(line) if (code or status) and ("://" in line or "www." in line) else []
    words = f"{line[: host.start(1)]}<>{line[host.end(1) :]}" if host else line
    if code:
        words = _as_one(words, code, status[0]) if status else _without_codes(words, code)
    return Reply(
        code,
        status[0] if status else "",
        phase_of(line),
        host[1] if host else "",
        _searchable(_URL.sub("<>", words) if pages else words),
        " ".join(pages).lower(),
        "4." in line and _TEMPORARY.search(line) is not None,
    )


def _as_one(line: str, code: str, status: str) -> str:
    """A reply of several lines (RFC 5321, 4.2.1) without the codes that each line repeats."""
    marks = (f"{code}-{status} ", f"{code} {status} ")
    starts = [start for start in (line.find(mark) for mark in marks) if start >= 0]
    if not starts:
        return line
    end = min(starts) + len(marks[0])
    rest = line[end:]
    for mark in marks:
        rest = rest.replace(mark, "")
    return line[:end] + rest


def _without_codes(line: str, code: str) -> str:
    """The same for a reply without a status, whose words may break at the end of any line."""
    start = line.find(f"{code}-")
    if start < 0:
        return line
    end = start + len(code) + 1
    return line[:end] + line[end:].replace(f" {code}-", " ").replace(f" {code} ", " ")


def _code(line: str) -> str:
    """The reply code: one before an enhanced status, else the first that is quoted."""
    quoted = ""
    for match in _CODE.finditer(line):
        start, end = match.span()
        if _STATUS_BEHIND.match(line, end):
            return match[0]
        if not quoted and _BEFORE_CODE.search(line[max(0, start - _LONGEST_QUOTE) : start]):
            quoted = match[0]
    return quoted


def phase_of(line: str) -> str:
    """The phase of the dialogue that a diagnostic names, `""` if none."""
    found = _PHASE_WORDS.found(line)
    return _PHASE_NAMES[found[0]] if found else ""


def searchable(text: str) -> str:
    """Text as the rules see it: one line, lower case, addresses masked as `<>`.

    An address may be called spam@example.com or full@example.net: it says nothing.
    """
    return _searchable(" ".join(text.split()))


def _searchable(line: str) -> str:
    return _masked(line).lower() if "@" in line else line.lower()


def _masked(line: str) -> str:
    """The line with each address as `<>`. Only words with an @ are searched, which saves time.

    A quoted local part may have white space (RFC 5322, 3.2.4): then the whole line is searched.
    """
    if '"' in line:
        return _MASKED.sub("<>", line).replace("<<>>", "<>")
    at = line.find("@")
    pieces: list[str] = []
    begin = 0
    while at >= 0:
        start = line.rfind(" ", begin, at) + 1 or begin
        end = line.find(" ", at)
        if end < 0:
            end = len(line)
        pieces.append(line[begin:start])
        pieces.append(_MASKED.sub("<>", line[start:end]))
        begin = end
        at = line.find("@", end)
    pieces.append(line[begin:])
    return "".join(pieces).replace("<<>>", "<>")
