"""`[milter] mode` in bouncegate.toml: the one line of our own config that enabling may change."""

import re
from typing import Final

from msgspec.structs import replace

from bouncegate.config.loading import loads
from bouncegate.config.problems import ConfigError

_SECTION: Final = re.compile(r"^[ \t]*\[[ \t]*milter[ \t]*\][ \t]*(?:#.*)?$", re.MULTILINE)
_NEXT: Final = re.compile(r"^[ \t]*\[", re.MULTILINE)
_MODE: Final = re.compile(
    r"""^([ \t]*mode[ \t]*=[ \t]*)(["'])(?:enforce|observe)\2""", re.MULTILINE
)


def with_mode(octets: bytes | None, mode: str) -> bytes | None:
    """A config file with this mode, and nothing else changed; None where that is not clear."""
    try:
        text = (octets or b"").decode("utf-8")
        changed = _changed(text, mode)
        wanted = loads(text)
        wanted = replace(wanted, milter=replace(wanted.milter, mode=mode))
        return changed.encode() if loads(changed) == wanted else None
    except (UnicodeDecodeError, ConfigError):
        return None


def _changed(text: str, mode: str) -> str:
    section = _SECTION.search(text)
    if section is None:
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        return f'{text}{gap}[milter]\nmode = "{mode}"\n'
    following = _NEXT.search(text, section.end())
    end = following.start() if following else len(text)
    body = text[section.end() : end]
    if _MODE.search(body):
        body = _MODE.sub(rf'\1"{mode}"', body, count=1)
    else:
        body = f'\nmode = "{mode}"{body}'
    return text[: section.end()] + body + text[end:]
