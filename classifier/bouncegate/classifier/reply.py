"""A diagnostic taken apart: reply code, enhanced status, phase, and the words alone.

A diagnostic is what a server replied (RFC 5321, 4.2), often wrapped in the words of the client
that quotes it: `host mx.example.com[192.0.2.1] said: 550 5.1.1 no such user (in reply to RCPT
TO command)`.
"""

import re
from typing import Final, NamedTuple

from bouncegate.classifier.addresses import ADDRESS

# RFC 3463, 2, with up to three digits for subject and detail. Neighbouring digits or dots
# would make it part of an IP address or a version.
STATUS: Final = re.compile(
    r"(?<![\w.-])(?:#\s?)?([245]\.\d{1,3}\.\d{1,3})(?![\d-]|\.\d|\.?\w*\.(?:com|net|org))"
)
# RFC 5321, 4.2.1: three digits, and a space, a hyphen or the end behind them. It begins the
# text, or stands behind words that quote.
_CODE: Final = re.compile(
    r"(?:^|said: ?|says: ?|[:>=;(\[\"'] ?|\b(?:code|error|reply|response|returned|replied(?: with)?|received|reason|by|err):? )"
    r"[\"'<\[]{0,2}(?:smtp;? ?)?([245][0-5]\d)(?=[ \-:;,\"'\])>#.]|$)",
    re.IGNORECASE,
)
_CODE_BEFORE_STATUS: Final = re.compile(r"(?<![\d.])([245][0-5]\d)[ -](?=#?[245]\.\d{1,3}\.\d)")
_PHASES: Final = (
    (
        "connect",
        r"refused to talk to me|after initial connection|while (?:receiving|performing) the initial|greeting|\bconnect to\b|\bbanner\b",
    ),
    (
        "end-of-data",
        r"end of data|after i sent the message|final data|message body|after end of|\bend of message\b",
    ),
    ("rcpt", r"\brcpt\b|does not like recipient|rejected recipient|recipient command"),
    ("mail", r"\bmail from\b|but sender was rejected|sender command"),
    ("helo", r"\b(?:helo|ehlo)\b"),
    ("data", r"\bdata\b(?: command| reply)?"),
)
_PHASE: Final = re.compile(
    "|".join(f"(?P<{n.replace('-', '_')}>{p})" for n, p in _PHASES[:1]), re.IGNORECASE
)
_PHASE_CUES: Final = re.compile(
    r"in (?:reply|response) to ((?:end of )?[a-z]{4}\b(?: from| to)?)"
    r"|(?:remote mail server|lmtp error|smtp error|error|failed|error following|sending|failure) (?:after|in|following|during|while sending) (?:the )?(initial connection|end of data|mail from|rcpt(?: to)?|data|helo|ehlo|pipelined [a-z ]{4,9})"
    r"|did not like our (final data|data|rcpt to|mail from)"
    r"|(refused to talk to me|but sender was rejected|does not like recipient|after i sent the message)"
    r"|smtp:(rcpt|mail|data|helo|ehlo)\b"
    r"|in (rcpt to|mail from|data)$",
    re.IGNORECASE,
)
_PHASE_NAMES: Final = (
    ("end of", "end-of-data"), ("final data", "end-of-data"), ("after i sent", "end-of-data"),
    ("rcpt", "rcpt"), ("does not like", "rcpt"), ("mail", "mail"), ("sender was", "mail"),
    ("data", "data"), ("helo", "helo"), ("ehlo", "helo"), ("refused", "connect"), ("initial", "connect"),
)  # fmt: skip
_SAID: Final = re.compile(
    r"\bhost (\S{1,255}?) ?\[([^\]\s]{2,60})\](?::\d+)?:? ?(?:said:|refused|smtp error)",
    re.IGNORECASE,
)
_MASKED: Final = re.compile(rf"<?{ADDRESS}>?")
_SPACE: Final = re.compile(r"\s+")
_CONTINUED: Final = re.compile(r" ([245]\d\d)[- ](?:#?[245]\.\d{1,3}\.\d{1,3} )?(?=.)")


class Reply(NamedTuple):
    """A diagnostic taken apart; `""` for what it does not tell."""

    code: str
    status: str
    phase: str
    host: str
    text: str
    """One line, in lower case, addresses masked: what the rules are matched against."""


def dissect(diagnostic: str) -> Reply:
    """Take a diagnostic apart."""
    line = _SPACE.sub(" ", diagnostic).strip()
    code = _CODE_BEFORE_STATUS.search(line) or _CODE.search(line)
    status = STATUS.search(line)
    host = _SAID.search(line)
    return Reply(
        code[1] if code else "",
        status[1] if status else "",
        phase_of(line),
        host[1] if host else "",
        searchable(line),
    )


def phase_of(line: str) -> str:
    """The phase of the dialogue that a diagnostic names, `""` if none."""
    match = _PHASE_CUES.search(line)
    if match is None:
        return ""
    cue = next(filter(None, match.groups())).lower()
    return next((name for word, name in _PHASE_NAMES if word in cue), "")


def searchable(line: str) -> str:
    """Text as the rules see it: one line, lower case, addresses masked as `<>`.

    An address may be called spam@example.com or full@example.net: it says nothing.
    """
    line = _SPACE.sub(" ", line)
    if "@" in line:
        line = _MASKED.sub("<>", line)
    return line.lower()
