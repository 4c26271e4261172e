"""The scope of a lock as lists and files write it: `global`, or `group:NAME`.

All mail has the word of `[policy] scope`, and groups have a prefix: no group can be read as it.
"""

from typing import Final

from bouncegate.config.text import LONGEST_LINE, clean
from bouncegate.policy.addressstate import ALL_MAIL

GLOBAL: Final = "global"
_GROUP: Final = "group:"


def scope_text(scope: str) -> str:
    """How the scope of a lock is written."""
    return GLOBAL if scope == ALL_MAIL else f"{_GROUP}{scope}"


def scope_of(text: str) -> str:
    """The group that a text names; empty for all mail, and for no text. Raises ValueError."""
    if text.lower() in ("", GLOBAL):
        return ALL_MAIL
    group = clean(text.removeprefix(_GROUP), LONGEST_LINE)
    if not text.startswith(_GROUP) or not group:
        raise ValueError(f"invalid scope {text!r}: use global or group:NAME")
    return group
