"""Who asks, and what they may do: roles of people, scopes of tokens, one table of rights."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from bouncegate.config.websettings import Role


class Right(StrEnum):
    """One thing that a request may do."""

    CHECK = "check"
    """Judge addresses before a mailing."""
    READ = "read"
    EXPORT = "export"
    REQUEST = "request"
    """Ask somebody else to unlock."""
    LOCK = "lock"
    UNLOCK = "unlock"
    UNLOCK_HARD = "unlock-hard"
    UNLOCK_MANUAL = "unlock-manual"
    """Lift what was locked by hand or imported: complaints, people who opted out."""
    CORRECT = "correct"
    ALIVE = "alive"
    SETTLE = "settle"
    """Confirm or dismiss an incident."""
    DECIDE = "decide"
    """Approve or decline what others asked for."""
    AUDIT = "audit"
    IMPORT = "import"
    PURGE = "purge"
    EVENTS = "events"
    ADMIN = "admin"
    """Tokens, accounts, endpoints."""


ROLES: Final[tuple[Role, ...]] = ("view", "operate", "admin")
"""Each includes those before it."""

_VIEW: Final = frozenset({Right.CHECK, Right.READ, Right.EXPORT, Right.REQUEST})
_OPERATE: Final = _VIEW | {
    Right.LOCK,
    Right.UNLOCK,
    Right.CORRECT,
    Right.ALIVE,
    Right.SETTLE,
    Right.DECIDE,
    Right.AUDIT,
    Right.EVENTS,
}
RIGHTS_OF_ROLE: Final[dict[Role, frozenset[Right]]] = {
    "view": _VIEW,
    "operate": _OPERATE,
    "admin": frozenset(Right),
}

RIGHTS_OF_SCOPE: Final[dict[str, frozenset[Right]]] = {
    "check": frozenset({Right.CHECK}),
    "read": frozenset({Right.READ, Right.EXPORT}),
    "lock": frozenset({Right.LOCK}),
    "unlock": frozenset({Right.UNLOCK, Right.DECIDE}),
    "unlock-hard": frozenset({Right.UNLOCK, Right.UNLOCK_HARD}),
    "unlock-manual": frozenset({Right.UNLOCK, Right.UNLOCK_MANUAL}),
    "correct": frozenset({Right.CORRECT}),
    "alive": frozenset({Right.ALIVE}),
    "request": frozenset({Right.REQUEST}),
    "events": frozenset({Right.EVENTS}),
    "settle": frozenset({Right.SETTLE}),
    "audit": frozenset({Right.AUDIT}),
    "purge": frozenset({Right.PURGE}),
    "admin": frozenset(Right),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks."""

    name: str = ""
    """Empty: nobody knows."""
    rights: frozenset[Right] = frozenset()
    role: Role | None = None
    groups: frozenset[str] = frozenset()
    """The recipient groups that it is about; none: all, and what is about all mail."""
    via: Literal["web", "api"] = "web"
    token: str = ""
    """The id of the token, of a program."""
    session: bytes = b""
    """The key of the session, of somebody who has logged in."""

    @property
    def is_known(self) -> bool:
        """Whether anybody has said who it is."""
        return bool(self.name)


NOBODY: Final = Person()


def rights_of(role: Role, *, view_exports: bool) -> frozenset[Right]:
    """What a role may do; `[web] view_exports` decides about the least one."""
    if role == "view" and not view_exports:
        return RIGHTS_OF_ROLE[role] - {Right.EXPORT}
    return RIGHTS_OF_ROLE[role]


def may(who: Person, right: Right, group: str | None = None) -> bool:
    """Whether somebody may do it; `group`: with what belongs to it, "" with what is for all mail.

    Without a group the question is whether there is anything that they may do it with.
    """
    return right in who.rights and (group is None or not who.groups or group in who.groups)


def lesser(one: Role, other: Role) -> Role:
    """The role of two that may do less."""
    return one if ROLES.index(one) <= ROLES.index(other) else other
