r"""The patterns of a rule: how they are compiled, and which of them would match everything.

A rule that takes every bounce hides all behind it, and may lock whoever bounces once. A pattern
that matches the empty text is found by matching that; one such as `.`, `^[45]` or
`[45]\.`, by replies that have nothing in common but their form.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import re2

# Failures of which no two are of one reason, or share a word.
_FAILURES: Final = (
    ("550", "5.1.1", "unknown user", "RCPT TO"),
    ("452", "4.2.2", "mailbox full", "end of DATA"),
    ("421", "4.7.0", "try later", "MAIL FROM"),
    ("554", "5.7.1", "spam rejected", "DATA"),
    ("552", "5.3.4", "message too large", "MAIL FROM"),
    ("450", "4.1.8", "cannot find your domain", "RCPT TO"),
)
# As long as replies are, since `.{20}` matches all that is no shorter.
_LONG: Final = (
    "550 5.1.1 <ann@example.net>: recipient rejected, there is no such user here",
    "452-4.2.2 mailbox full: quota exceeded, delete old messages and empty your trash",
    "421 greylisted; please try again after five minutes with the same envelope",
    "554 spam found by a filter on this attempt: look at our web page to appeal",
)
# Octets: RE2 takes no repetition beyond {1000}.
_LONGEST_REPETITION: Final = 1000
# What matches all of one row tells nothing apart: each has one form that replies come in.
_UNLIKE: Final = {
    "text": (
        _LONG,
        tuple(text * (_LONGEST_REPETITION // len(text) + 1) for text in _LONG),
        tuple(f"{code} {status} {words}" for code, status, words, _ in _FAILURES),
        tuple(f"{code}-{status} {words}" for code, status, words, _ in _FAILURES),
        tuple(f"{code} {words}" for code, _, words, _ in _FAILURES),
        tuple(f"{status} {words}" for _, status, words, _ in _FAILURES),
        tuple(
            f"host {code}.example.net[192.0.2.1] said: {code} {status} {words} "
            f"(in reply to {command} command)"
            for code, status, words, command in _FAILURES
        ),
    ),
    "mta": (
        ("mx.example.net", "192.0.2.1", "localhost"),
        ("mx1.example.net", "mail-4.office.test", "aspmx.l.big.example", "inbound.firm.invalid"),
    ),
}
_MOST_SHOWN: Final = 4
_LONGEST_SHOWN: Final = 80


LETTERS: Final = "a-z\u00b5\u00df-\u02af\u0370-\u052f"
"""Letters of the scripts that set words apart by spaces: Latin, Greek, Cyrillic. `\\b` knows ASCII
only, and `\\pL` compiles to so many states that the shipped rules would take twice as long."""
# Texts are in lower case. RE2 would add the other case to these sets for each pattern anew, which
# made compiling the shipped rules take a fifth longer.
_NO_LETTER: Final = f"(?-i:[^{LETTERS}])"
_LETTER: Final = re.compile(r"(?<![\[^\\])\\pL")
_ENDINGS: Final = "(?:e?[sd]|ing)?"


def whole_words(pattern: str) -> str:
    """The pattern of a text, not found within words: "locked" is no part of "blocked".

    A word may have an ending: "reject" is found in "rejects", "rejected" and "rejecting".
    """
    pattern = _LETTER.sub(lambda _: f"[{LETTERS}]", pattern)
    return rf"(?:^|{_NO_LETTER})((?:{pattern}){_ENDINGS})(?:{_NO_LETTER}|$)"


def pattern_options() -> re2.Options:
    """How every pattern of a rule is compiled."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    return options


def pattern_faults(key: str, patterns: Sequence[str]) -> Iterator[str]:
    """What is wrong with the patterns of a key, `text` or `mta`."""
    for pattern in patterns:
        try:
            compiled = re2.compile(pattern, pattern_options())
            # A quotation that does not end, `\Q(a`, is sound alone, and not as part of another.
            re2.compile(whole_words(pattern), pattern_options())
        except re2.error as error:
            reason = error.args[0] if error.args else error
            reason = reason.decode() if isinstance(reason, bytes) else reason
            yield (
                f"invalid regular expression {pattern!r} ({reason}); RE2 has no look-around "
                "and no back-references, so that matching takes linear time"
            )
            continue
        if compiled.search(""):
            yield f"{pattern!r} matches the empty string, and so everything"
        elif row := _all_taken(key, [compiled]):
            texts = ", ".join(repr(text[:_LONGEST_SHOWN]) for text in row[:_MOST_SHOWN])
            yield (
                f"{pattern!r} matches texts as different as {texts}, and so practically "
                "everything: use words that only these replies contain"
            )


def take_everything(key: str, patterns: Sequence[str]) -> bool:
    """Whether together they match everything; a pattern that is none is told elsewhere."""
    try:
        compiled = [re2.compile(pattern, pattern_options()) for pattern in patterns]
    except re2.error:
        return False
    return bool(_all_taken(key, compiled))


def _all_taken(key: str, patterns: "Sequence[re2._Regexp]") -> tuple[str, ...]:
    """The first row of texts that the patterns match together; empty: they tell some apart."""
    rows = (
        row
        for row in _UNLIKE[key]
        if all(any(one.search(text) for one in patterns) for text in row)
    )
    return next(rows, ())
