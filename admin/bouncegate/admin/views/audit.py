"""What operators changed, who they were, from where, and why."""

from collections.abc import Iterator

from msgspec import Struct

from bouncegate.admin.views.values import iso
from bouncegate.config.structs import struct_from
from bouncegate.policy.records import Audit
from bouncegate.store.store import Store


class AuditView(Struct):
    """One change as scripts read it; the time in UTC, ISO 8601."""

    time: str | None
    command: str
    by: str
    """Who asked for it, by the option --by."""
    why: str
    addresses: tuple[str, ...]
    """Whom it was about; empty where they were too many to name."""
    count: int
    """How many addresses, or events of an undo."""
    scope: str
    """Which mail the locks stop that it made or lifted: `global`, `group:NAME` or `several`."""
    changed: str
    """What it changed other than addresses: lines of files, a key."""
    user: str
    uid: int
    login: str
    """Who had logged in, as the kernel knows it."""
    sudo: str
    tty: str
    client: str
    """The address of the SSH client."""
    host: str
    via: str
    """By the command (`cli`), the page (`web`) or the HTTP interface (`api`)."""
    token: str
    """The name of the token of the HTTP interface."""


def audits_of(
    store: Store, address: str, first: int, end: int, *, oldest_first: bool
) -> Iterator[Audit]:
    """Changes of a period, the latest first, of one address or of all."""
    if not address:
        return store.audits.entries(first, end, oldest_first=oldest_first)
    done = store.audits.of_address(address)
    digest = store.purged.digest_of(address)
    if digest:
        done += (one for one in store.audits.entries() if one.has_purged(digest))
    some = (one for one in done if first <= one.time and (not end or one.time < end))
    return iter(sorted(some, key=lambda one: one.key, reverse=not oldest_first))


def names_of(audit: Audit) -> tuple[str, ...]:
    """Who made a change, under each name that is known."""
    return (audit.by, audit.user, audit.login, audit.sudo)


def audit_view(audit: Audit) -> AuditView:
    """A record as scripts read it."""
    return struct_from(audit, AuditView, time=iso(audit.time), addresses=audit.targets)


def place_of(view: AuditView) -> str:
    """Who did it where: `root (ann) pts/3 192.0.2.7 mail.example.com`, `ann web 192.0.2.7`."""
    login = view.login or view.sudo
    who = f"{view.user} ({login})" if login not in ("", view.user) else view.user
    way = () if view.via == "cli" else (view.via, view.token)
    return " ".join(filter(None, (who, *way, view.tty, view.client, view.host)))
