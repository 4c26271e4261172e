"""The mailboxes that a path may name, as Postfix resolves it: trivial-rewrite(8).

A path (RFC 5321, 4.1.2) is written in many ways that reach one mailbox: with a root dot, a source
route, comments, quotes, white space (RFC 5322, 4.4), an IDN in either form, and with the routing
operators that Postfix honours by default (swap_bangpath, allow_percent_hack,
resolve_dequoted_address):

    host!user               user@host
    user%host               user@host
    user%host@gateway       user@host, where the gateway is this machine
    "user@host"@gateway     the same

Only Postfix knows which domains are the machine's own, so all readings are returned, whatever is
set. Bounded, and without recursion: a path comes from strangers.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from bouncegate.store.address import AddressError, canonical_domain

LONGEST_PATH: Final = 1024
"""Octets: four times what RFC 5321, 4.5.3.1.3 allows, half of Postfix's line_length_limit."""
# Each is a step to another mailbox, and a choice; no address in use has three.
_MOST_OPERATORS: Final = 8

_ROUTING: Final = frozenset("@%!")
# White space is that of ASCII, as in tok822_parse(3) of Postfix: all else is part of a word.
_BLANKS: Final = " \t\r\n\f\v"
_WORD: Final = re.compile(r"(?:[^@%!.:;,<>\[\]()\"\\ \t\r\n\f\v]|\\.)+", re.DOTALL)
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_LITERAL: Final = re.compile(r"\[[^\[\]\\]*\]")
_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)


_NEEDS_QUOTES: Final = re.compile(r'[\x00-\x20\x7f"(),:;<>@\[\]\\]')


class Mailbox(NamedTuple):
    """One reading of a path."""

    local: str
    """Without quotes."""
    domain: str
    """Canonical, where it is a domain name; empty where the path names none."""

    def __str__(self) -> str:
        """As an address, with a local part in quotes where it needs them."""
        return _address(self.local, self.domain)


class _Token(NamedTuple):
    kind: str
    """An operator or special character, or "word", "quoted" or "literal"."""
    text: str


_Tokens = tuple[_Token, ...]
_AT: Final = _Token("@", "@")


def mailboxes_of(path: str) -> list[Mailbox]:
    """The mailboxes that a path may name, the one that is written first.

    Raises AddressError for a path that cannot be read.
    """
    found: list[Mailbox] = []
    seen: set[_Tokens] = set()
    ahead = [_without_route(_tokens_of(_unwrapped(path)))]
    while ahead:
        tokens = ahead.pop(0)
        if tokens in seen:
            continue
        seen.add(tokens)
        operators = sum(token.kind in _ROUTING for token in tokens)
        if operators > _MOST_OPERATORS or len(seen) > 2**_MOST_OPERATORS:
            raise AddressError(f"too many routing operators in {path!r}")
        local, domain = _split(tokens)
        found.append(Mailbox("".join(token.text for token in local), _domain(domain)))
        ahead += _inner(local)
    return list(dict.fromkeys(found))


def rewritten(path: str) -> str:
    """A path as cleanup(8) puts it into the queue: without comments, needless quotes and routes.

    Routing operators count where there is no @. Case and form of the domain stay. Raises
    AddressError.
    """
    tokens = _without_route(_tokens_of(_unwrapped(path)))
    if _AT not in tokens:
        tokens = next(iter(_inner(tokens)), tokens)
    local, domain = _split(tokens)
    text = "".join(token.text for token in domain).removesuffix(".")
    return _address("".join(token.text for token in local), text)


def _address(local: str, domain: str) -> str:
    if _NEEDS_QUOTES.search(local) or not local:
        local = '"{}"'.format(local.replace("\\", "\\\\").replace('"', '\\"'))
    return f"{local}@{domain}"


def _unwrapped(path: str) -> str:
    """A path without its brackets, which smtpd(8) leaves around it."""
    path = path.strip(_BLANKS)
    return path[1:-1] if path.startswith("<") and path.endswith(">") else path


def _tokens_of(text: str) -> _Tokens:
    """A path in tokens, without comments and white space; raises AddressError."""
    if len(text) > LONGEST_PATH:
        raise AddressError(f"path longer than {LONGEST_PATH} characters")
    return tuple(_scan(text))


def _scan(text: str) -> Iterator[_Token]:
    position = 0
    while position < len(text):
        character = text[position]
        if character == "(":
            position = _end_of_comment(text, position)
        elif character == '"':
            match = _matched(_QUOTED, text, position)
            yield _Token("quoted", _PAIR.sub(r"\1", match[1]))
            position = match.end()
        elif character == "[":
            match = _matched(_LITERAL, text, position)
            yield _Token("literal", match[0])
            position = match.end()
        elif word := _WORD.match(text, position):
            yield _Token("word", _PAIR.sub(r"\1", word[0]))
            position = word.end()
        elif character in "<>)]\\":
            raise AddressError(f"unexpected {character!r} in {text!r}")
        else:
            if character not in _BLANKS:
                yield _Token(character, character)
            position += 1


def _end_of_comment(text: str, start: int) -> int:
    """Where a comment ends; they nest (RFC 5322, 3.2.2)."""
    depth, position = 0, start
    while position < len(text):
        character = text[position]
        depth += (character == "(") - (character == ")")
        position += 1 + (character == "\\")
        if not depth:
            return position
    raise AddressError(f"unclosed comment in {text!r}")


def _matched(pattern: re.Pattern[str], text: str, position: int) -> re.Match[str]:
    match = pattern.match(text, position)
    if match is None:
        raise AddressError(f"unbalanced {text[position]} in {text!r}")
    return match


def _without_route(tokens: _Tokens) -> _Tokens:
    """A path without its source route (RFC 5321, appendix C)."""
    kinds = [token.kind for token in tokens]
    if kinds[:1] == ["@"] and ":" in kinds[:-1]:
        return tokens[kinds.index(":") + 1 :]
    return tokens


def _split(tokens: _Tokens) -> tuple[_Tokens, _Tokens]:
    """The parts before and after the last @."""
    kinds = [token.kind for token in tokens]
    if "@" not in kinds:
        return tokens, ()
    at = len(kinds) - 1 - kinds[::-1].index("@")
    return tokens[:at], tokens[at + 1 :]


def _domain(tokens: Sequence[_Token]) -> str:
    text = "".join(token.text for token in tokens).rstrip(".")
    try:
        return canonical_domain(text)
    except AddressError:  # no name, and so none of ours
        return text.lower()


def _inner(local: _Tokens) -> list[_Tokens]:
    """What a local part names, where the domain behind it is the machine's own."""
    while len(local) == 1 and local[0].kind == "quoted":
        try:
            local = _tokens_of(local[0].text)
        except AddressError:  # no more than the name of a mailbox
            return []
    kinds = [token.kind for token in local]
    if "@" in kinds:
        return [_without_route(local)]
    at = (_AT,)
    readings: list[_Tokens] = []
    if "!" in kinds:
        bang = kinds.index("!")
        readings.append(local[bang + 1 :] + at + local[:bang])
    if "%" in kinds:
        percent = len(kinds) - 1 - kinds[::-1].index("%")
        readings.append(local[:percent] + at + local[percent + 1 :])
    return readings
