"""What each way to refuse costs a Postfix from end to end: milter, map, table, policy service.

As `bench.postfix`, whose load and figures these are: the same mail from `smtp-source` over 8
sessions, the queue on a tmpfs, delivered to nowhere; each round goes through all of them there
and back. All look up the same 100,000 locks; no recipient of the load is locked, and no two are the
same, since Postfix remembers the route of the last one and would not ask the map again. The native
table is an lmdb: table that `bouncegate map export` has written; the policy service is
`bench/policyservice.py`. Processor time is that of Postfix and of what stands beside it.
"""

import os
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.daemons import yardstick
from bench.figures import spread
from bench.lockedstore import LockedStore, locked_store
from bench.output import arguments, show
from bench.postfix import TMPFS, Spell, System
from lab.system import RETURN_DOMAIN, MailSystem

_MESSAGES: Final = 1500
BARE: Final = "bare"
YARDSTICK: Final = "yardstick in C"
_SIGNED: Final = "milter, signed, ledger"
_FEW: Final = 100_000


class Plane(System):
    """A Postfix with one way to refuse, or none."""

    load = ("-N",)

    def __init__(self, name: str, store: LockedStore, stack: ExitStack) -> None:
        """Start it; `stack` takes it down."""
        sections = {"store": {"path": str(store.settings.path)}}
        if name == _SIGNED:
            sections["return_path"] = {"domain": RETURN_DOMAIN}
        self._mail = stack.enter_context(MailSystem(sections=sections, base=TMPFS))
        self._mail.postfix.set(default_transport="discard:", relayhost="")
        self._mail.postfix.start()
        self._beside = ATTACH[name](self._mail, store, stack)
        self._mail.postfix.reload()


def _nothing(_mail: MailSystem, _store: LockedStore, _stack: ExitStack) -> list[int]:
    return []


def _yardstick(mail: MailSystem, store: LockedStore, stack: ExitStack) -> list[int]:
    milter = stack.enter_context(yardstick(store.settings, mail.folder.path))
    milter.socket.chmod(0o666)  # Postfix runs as another user
    mail.postfix.set(smtpd_milters=f"unix:{milter.socket}")
    return [milter.pid]


def _milter(mail: MailSystem, _store: LockedStore, _stack: ExitStack) -> list[int]:
    mail.postfix.set(smtpd_milters="unix:bouncegate/milter.sock")
    return [mail.gate.start_milter().pid]


def _map(mail: MailSystem, _store: LockedStore, _stack: ExitStack) -> list[int]:
    route = f"inline:{{ {RETURN_DOMAIN}=discard: }}"
    mail.postfix.set(transport_maps=f"{route} socketmap:unix:bouncegate/map.sock:transport")
    return [mail.gate.start_map().pid]


def _table(mail: MailSystem, _store: LockedStore, _stack: ExitStack) -> list[int]:
    table = f"lmdb:{mail.postfix.config}/locks"
    os.environ["MAIL_CONFIG"] = str(mail.postfix.config)  # whose postmap(1) writes it
    mail.postfix.set(lmdb_map_size=str(2**30))
    done = mail.gate.run("map", "export", table)
    if done.returncode:
        sys.exit(f"bench: {done.stderr.decode()}")
    mail.postfix.set(smtpd_recipient_restrictions=f"check_recipient_access {table}")
    return []


def _policy(mail: MailSystem, store: LockedStore, stack: ExitStack) -> list[int]:
    socket = mail.postfix.queue / "bouncegate" / "policy.sock"
    argv = [sys.executable, "-m", "bench.policyservice", str(socket), str(store.settings.path)]
    process = subprocess.Popen(argv, cwd=Path(__file__).parents[1])
    stack.callback(process.wait)
    stack.callback(process.terminate)
    while not socket.exists():
        time.sleep(0.05)
    time.sleep(0.2)
    mail.postfix.set(
        smtpd_recipient_restrictions="check_policy_service unix:bouncegate/policy.sock"
    )
    return [process.pid]


ATTACH: Final[Mapping[str, Callable[[MailSystem, LockedStore, ExitStack], list[int]]]] = {
    BARE: _nothing,
    YARDSTICK: _yardstick,
    "milter": _milter,
    _SIGNED: _milter,
    "map": _map,
    "native table": _table,
    "policy service": _policy,
}


def some_locks(options: Namespace) -> AbstractContextManager[LockedStore]:
    """As many locks as a native table, which postmap(1) has to write, can have in good time."""
    return locked_store(min(options.locks, _FEW))


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    with ExitStack() as stack:
        store = stack.enter_context(some_locks(options))
        planes = {name: Plane(name, store, stack) for name in ATTACH}
        _round(planes)  # warms every process up
        rounds = [_round(planes) for _ in range(options.rounds)]
    show(
        f"planes end to end, queue on tmpfs, {options.rounds} rounds of {2 * _MESSAGES:,} mails",
        [_row(name, [(spells[name], spells[BARE]) for spells in rounds]) for name in planes],
        as_json=options.json,
    )


def _round(planes: Mapping[str, Plane]) -> dict[str, Spell]:
    there = {name: plane.take(_MESSAGES) for name, plane in planes.items()}
    back = {name: plane.take(_MESSAGES) for name, plane in reversed([*planes.items()])}
    return {name: there[name] + back[name] for name in planes}


def _row(name: str, spells: list[tuple[Spell, Spell]]) -> dict[str, Any]:
    return {
        "postfix": name,
        "messages/s": round(median(mine.rate for mine, _ in spells)),
        "of bare": spread([mine.rate / bare.rate for mine, bare in spells]),
        "us a message": round(median(mine.cost for mine, _ in spells)),
        "ours of it": round(median(mine.ours / mine.messages * 1e6 for mine, _ in spells)),
        "time, of bare": spread([mine.cost / bare.cost for mine, bare in spells]),
    }


if __name__ == "__main__":
    main()
