"""The patterns of a rule: how they are compiled, and which of them would match everything.

A rule that takes every bounce hides all behind it, and may lock whoever bounces once. A pattern
that matches the empty text is found by matching that; one such as `.` or `^[45]`, by replies that
have nothing in common.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import re2

# Whatever matches all of these tells nothing apart: no two are of one reason, or share a word.
# They are as long as replies are, since `.{20}` matches all that is no shorter.
_UNLIKE: Final = {
    "text": (
        "550 5.1.1 <ann@example.net>: recipient rejected, there is no such user here",
        "452-4.2.2 mailbox full: quota exceeded, delete old messages and empty your trash",
        "421 greylisted; please try again after five minutes with the same envelope",
        "554 spam found by a filter on this attempt: look at our web page to appeal",
    ),
    "mta": ("mx.example.net", "192.0.2.1", "localhost"),
}


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
        except re2.error as error:
            reason = error.args[0] if error.args else error
            reason = reason.decode() if isinstance(reason, bytes) else reason
            yield (
                f"{pattern!r} is no regular expression ({reason}); RE2 has no look-around "
                "and no back-references, so that matching takes linear time"
            )
            continue
        if compiled.search(""):
            yield f"{pattern!r} matches the empty text, and so everything"
        elif all(compiled.search(text) for text in _UNLIKE[key]):
            texts = ", ".join(map(repr, _UNLIKE[key]))
            yield f"{pattern!r} matches texts as different as {texts}, and so everything"


def take_everything(key: str, patterns: Sequence[str]) -> bool:
    """Whether together they match everything; a pattern that is none is told elsewhere."""
    try:
        compiled = [re2.compile(pattern, pattern_options()) for pattern in patterns]
    except re2.error:
        return False
    return all(any(one.search(text) for one in compiled) for text in _UNLIKE[key])
