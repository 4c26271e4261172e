"""The record of a change: what, to whom, by whom, from where, and why.

Each face says who asks (`Who`): the command by its process, the page by its login, the HTTP
interface by its token. All that comes from outside is on one line: what is not printable is
escaped.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from msgspec import Struct

from bouncegate.admin.lists.scope import scope_text
from bouncegate.config.structs import struct_from
from bouncegate.config.text import printable
from bouncegate.policy.records import MOST_TARGETS, Audit
from bouncegate.store.audit import new_key

_LONGEST: Final = 1000


class Who(Struct, frozen=True):
    """Who asks for a change, and from where."""

    by: str
    """The person that the change is told to be of."""
    user: str = ""
    """Of the process; of the page, the one who has logged in."""
    uid: int = 0
    login: str = ""
    sudo: str = ""
    tty: str = ""
    client: str = ""
    """The address of the client."""
    host: str = ""
    via: Literal["cli", "web", "api"] = "cli"
    token: str = ""
    """The name of the token, never the token."""


def one_line(text: str) -> str:
    """A text from outside, on one line and not too long."""
    return printable(text)[:_LONGEST]


def audit_of(  # noqa: PLR0913 - what a record says
    command: str,
    now: int,
    who: Who,
    *,
    why: str = "",
    targets: Sequence[str] = (),
    count: int | None = None,
    scopes: Iterable[str] = (),
    changed: str = "",
) -> Audit:
    """The record of a change that is about to be made.

    `count` where it is not that of the targets; `scopes` are those of the locks it is about;
    `changed` is what it changes other than addresses.
    """
    names = ("by", "user", "login", "sudo", "tty", "client", "host", "token")
    return struct_from(
        who,
        Audit,
        key=new_key(now),
        time=now,
        command=one_line(command),
        why=one_line(why),
        targets=tuple(sorted(targets)) if len(targets) <= MOST_TARGETS else (),
        count=len(targets) if count is None else count,
        scope=_scope_of(set(scopes)),
        changed=one_line(changed),
        **{name: one_line(getattr(who, name)) for name in names},
    )


def _scope_of(scopes: set[str]) -> str:
    if len(scopes) > 1:
        return "several"
    return "".join(scope_text(scope) for scope in scopes)
