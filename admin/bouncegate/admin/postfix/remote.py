"""Commands that attach a Postfix on another host, whose files cannot be read from here.

They are those of `postfix enable` for a Postfix of which nothing is known. Each may run twice: a
list that names our parameter already stays as it is.
"""

import shlex
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final, NamedTuple

from msgspec.structs import replace

from bouncegate.admin.postfix.facts import SMTPD, Facts, Service
from bouncegate.admin.postfix.plan import Conflict, Edit, Tables, plan
from bouncegate.admin.postfix.sockets import OURS, RETURN_RECIPIENTS, inline
from bouncegate.config.endpoints import Endpoint, InetSocket
from bouncegate.config.settings import Settings

_VERSION: Final = "3.5.0"
_PROGRAMS: Final = {"smtp": SMTPD, "lmtp": "lmtp", "rewrite": "trivial-rewrite"}
_RECIPIENTS: Final = "relay_recipient_maps"


class Lines(NamedTuple):
    """What to run on the other host."""

    commands: tuple[str, ...]
    conflicts: tuple[Conflict, ...]
    """What prevents it; then there are no commands."""


def remote_lines(settings: Settings, tables: Tables, name: str) -> Lines:
    """The commands for another host, which reaches this one by its name."""
    conflicts = list(_unreachable(settings, tables))
    if conflicts:
        return Lines((), tuple(conflicts))
    planned = plan(_as_seen(settings, name), _unknown_postfix(), tables)
    if planned.conflicts:
        return Lines((), planned.conflicts)
    commands = [line for edit in planned.edits for line in _commands(edit)]
    return Lines((*commands, *_of_recipients(settings), "postfix check", "postfix reload"), ())


def _unreachable(settings: Settings, tables: Tables) -> Iterator[Conflict]:
    used = [("milter", settings.milter.socket, 8892)]
    if settings.return_path.domains:
        used.append(("return_path", settings.return_path.socket, 8893))
    if any(tables):
        used.append(("map", settings.map.socket, 8894))
    for name, socket, port in used:
        if not isinstance(socket, InetSocket) or _address(socket).is_loopback:
            text = f"[{name}] socket is {socket}: other hosts cannot reach it"
            example = f'"inet:192.0.2.1:{port}"'
            fix = (
                f"set it to an address of this host, {example}, and let only your Postfix reach it"
            )
            yield Conflict(text, fix)


def _address(socket: InetSocket) -> IPv4Address | IPv6Address:
    return ip_address(socket.host.strip("[]"))


def _as_seen(settings: Settings, name: str) -> Settings:
    """The settings with the sockets as another host reaches them."""
    return replace(
        settings,
        milter=replace(settings.milter, socket=_named(settings.milter.socket, name)),
        return_path=replace(settings.return_path, socket=_named(settings.return_path.socket, name)),
        map=replace(settings.map, socket=_named(settings.map.socket, name)),
    )


def _named(socket: Endpoint, name: str) -> Endpoint:
    if isinstance(socket, InetSocket) and _address(socket).is_unspecified:
        return InetSocket(name, socket.port)
    return socket


def _unknown_postfix() -> Facts:
    """A Postfix of which nothing is known."""
    services = tuple(Service(name, "inet", False, run) for name, run in _PROGRAMS.items())
    return Facts(
        folder=Path("/etc/postfix"),
        raw={},
        values={"mail_version": _VERSION},
        explicit=frozenset(),
        services=services,
        raw_options={},
        options={},
    )


def _commands(edit: Edit) -> Iterator[str]:
    if edit.name in OURS:
        yield edit.command
    else:
        yield from (_put_first(edit.name, one) for one in reversed(edit.value.split(", ")))


def _put_first(name: str, ours: str) -> str:
    """Put a parameter of ours first in a list, unless it is named there."""
    known = f"postconf -h {name} | grep -qF {shlex.quote(ours)}"
    return rf'{known} || postconf -e "{name} = \{ours} $(postconf -h {name})"'


def _of_recipients(settings: Settings) -> Iterator[str]:
    """Where Postfix lists the recipients of relay_domains, all of ours are valid."""
    if names := settings.return_path.domains.names:
        table = inline((f"@{one}", "bouncegate") for one in names)
        yield f"postconf -e {shlex.quote(f'{RETURN_RECIPIENTS}={table}')}"
        add = _put_first(_RECIPIENTS, f"${RETURN_RECIPIENTS}")
        yield f'test -z "$(postconf -h {_RECIPIENTS})" || {{ {add}; }}'
