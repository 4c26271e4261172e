"""Text from the wire made safe for one line of a log or of an SMTP reply."""

from typing import Final

# RFC 5321, 4.5.3.1.3: a path has at most 256 octets. What is longer is cut, and says so.
_LONGEST: Final = 256
_CUT: Final = "..."


def for_log(text: str, longest: int = _LONGEST) -> str:
    """The text with every character that does not print as `?`, as Postfix's own log has it."""
    if len(text) <= longest and text.isprintable():
        return text
    shown = "".join(c if c.isprintable() else "?" for c in text[: longest + 1])
    return shown if len(shown) <= longest else shown[: longest - len(_CUT)] + _CUT


def for_field(text: str, longest: int = _LONGEST) -> str:
    """The same as a value of `key=value`: without spaces, which begin the next; `-` for none."""
    return for_log(text, longest).replace(" ", "?") or "-"


def for_reply(text: str, longest: int = _LONGEST) -> str:
    """The same in ASCII, as a client without SMTPUTF8 needs it."""
    return for_log(text, longest).encode("ascii", "replace").decode("ascii")
