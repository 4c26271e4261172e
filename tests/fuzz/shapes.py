"""Hostile messages: whatever a reader knows, repeated, wherever a message may have it.

A step that takes the square of what it is given shows in a message of one line that comes again
and again: the line of a pattern, a field, a boundary, or half of one of them.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Final

import bouncegate.classifier

# Pieces of messages that are no words of a pattern: structure, white space, codings.
_PIECES: Final = (
    "\n", " ", "\t", "\n\n", "\n \n", "\n\t", "\r", "a", "@", "a@", "a@b.", "a@b.cd", "<a@b.cd>",
    "<a@b.cd>:\n", "  a@b.cd\n", "a@b.cd: x\n  b@c.de y\n", "<", "(", '"', "\\", '"\\x', "[",
    "[::1]", "{", '{"Message":"', ".", "1.", "a.", "5.1.1 ", "550 ", "550 5.1.1 ", "421-", "-",
    "--", "=", "_", "--b", "\n--b", "\n--bb", "\n--b--",
    "\n--b\nContent-Type: multipart/mixed; boundary=b\n\n", "=?", "=?utf-8?q?a?=",
    "=?utf-8?q?a?= ", "=?utf-8?b?YQ==?=\n ", "?= =?", "=3D", "=\n", "&", "&amp;", "&#", "<style>",
    "</style>", "<style", "<br", "<p x", "</", "<!", "From ", "From x\n", ">From x\n", "From :\n",
    "x:", "X-A: b\n", "X-A: b\n c\n", "Final-Recipient: rfc822; a@b.cd\n",
    "Final-Recipient: rfc822; a@b.cd\n\n", "Original-Recipient:\n", "Reporting-MTA: x\n\n",
    "Action: failed\n", "Action: failed\n\n", "Status: 5.1.1\n\n",
    "Diagnostic-Code: smtp; 550 x\n", ">>> RCPT TO:<a@b.cd>\n<<< 550 x\n", "RCPT TO:<a@b.cd>",
    "(reason: x)", "host a[b]: ", "\x1b$B", "+AGE-", "\\x{41}", "To: a@b.cd\n", "please send ",
    "a*0=b; ", "boundary=b; ", "charset=x; ",
)  # fmt: skip
# What a pattern begins with, before it goes on for as long as it likes.
_OPENINGS: Final = (
    "---- The following addresses had ", "---- Transcript of session ", "please send", "(reason: ",
    "\n<a@b.cd>: (expanded from ", "Recipient address: ", "was not delivered to: x ", "recipients",
    "\nUNDELIVERABLE MAIL", "|--- Failed addresses follow: ---|\n", "your message to ", "host a ",
    "Content-Type: text/html; charset=", "delivered to x:\n", "a@b.cd #", "x" * 127 + " ",
)  # fmt: skip
_GOES_ON: Final = (" ", "-", ".", "\n", "x ", "a@b.cd ", ")")
# Stretches of a pattern that match themselves.
_WORDS: Final = re.compile(r"[\w<>@:;=()'\u3040-\u9fff -]{4,60}")
_SHORTEST: Final = 4


def _patterns() -> Iterator[str]:
    """The patterns of the classifier's modules, for octets those too."""
    folder = bouncegate.classifier.__path__
    for found in pkgutil.walk_packages(folder, "bouncegate.classifier."):
        for name, value in vars(importlib.import_module(found.name)).items():
            if isinstance(value, re.Pattern):
                pattern: str | bytes = value.pattern
                yield pattern if isinstance(pattern, str) else pattern.decode("latin-1")
            elif name == "PATTERN":
                yield value


def tokens() -> list[str]:
    """Everything that a reader knows, once."""
    words = (word for pattern in _patterns() for word in _WORDS.findall(pattern))
    known = (word.strip("?:()=") for word in words)
    return list(dict.fromkeys([*_PIECES, *(word for word in known if len(word) >= _SHORTEST)]))


def repetitions() -> Iterator[tuple[str, str, str]]:
    """What stands before, what is repeated, and what stands behind."""
    known = tokens()
    for token in known:
        yield "", token, ""
    for token in _PIECES:
        yield "", f"{token}\n", "!"
    for opening in _OPENINGS:
        for unit in _GOES_ON:
            yield opening, unit, "!"
            yield "", f"{opening}{unit * 60}\n", ""


def shape(before: str, unit: str, behind: str, size: int) -> bytes:
    """A message that has the unit again and again in all its parts, each of that size.

    The message that it returns has eight times as much.
    """

    def fill(size: int) -> str:
        return f"{before}{unit * (size // max(len(unit.encode('utf-8', 'replace')), 1))}{behind}"

    parts, returned = _EVERYWHERE.split("%%")
    whole = f"{parts.replace('%', fill(size))}{fill(8 * size)}{returned.replace('%', fill(size))}"
    return whole.encode("utf-8", "replace")


_EVERYWHERE: Final = """\
From: MAILER-DAEMON@x.example
Subject: failure notice %
X-MLServer: fml
X-Failed-Recipients: %
Content-Type: multipart/report; boundary=o

--o
Content-Type: text/plain

Your message could not be delivered to the following address:
%

--o
Content-Type: text/html

%
--o
Content-Type: multipart/mixed; boundary=b

--b
%
--b--
--o
Content-Type: message/delivery-status

%

Final-Recipient: %
Diagnostic-Code: smtp; %

--o
Content-Type: message/rfc822

%%
From: a@b.cd
To: %

--o--
"""
