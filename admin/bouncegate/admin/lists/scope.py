"""The scope of a lock as lists and files write it: `global`, or `group:NAME`.

All mail has the word of `[policy] scope`, and groups have a prefix: no group can be read as it.
"""

from typing import Final

from bouncegate.config.text import LONGEST_LINE, clean
from bouncegate.policy.addressstate import ALL_MAIL, lock_for, locks_at
from bouncegate.policy.fold import EMPTY
from bouncegate.store.address import domain_of
from bouncegate.store.store import Store

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


class CurrentScopes:
    """Which mail of an address its locks stop, of several the one that stops most."""

    def __init__(self, store: Store, now: int) -> None:
        """By the locks in force at `now`."""
        self._store: Final = store
        self._now: Final = now

    def of(self, address: str) -> str | None:
        """As lists write it; None without a lock."""
        if not address:
            return None
        locks = locks_at(self._store.addresses.get(address) or EMPTY, self._now)
        of_domain = self._store.addresses.get(f"@{domain_of(address)}") or EMPTY
        if lock_for(of_domain, self._now, ALL_MAIL) is not None:
            return GLOBAL
        return scope_text(locks[0].scope) if locks else None
