"""What Bouncegate costs a Postfix from end to end: messages a second, and processor time of each.

    postfix   bare, with the yardstick in C that only looks up, with the milter alone, with the
              ledger, with the signed return path, and with both; queue and store on a tmpfs,
              where the disk hides nothing
    disk      the same with queue, store and ledger in the folder for temporary files (TMPDIR),
              which must be on a disk: each message waits for a sync
    recipients
              the same systems as `postfix`, by 1, 10 and 50 recipients a message, all different:
              figures of a recipient, in which a question of Postfix's own for each would show
    planes    each way to refuse: milter, map, native table, policy service. No two recipients are
              the same: Postfix remembers the route of the last one, and would not ask the map
    refused   the same planes under a load that goes on after a refusal (`bench/refusals.c`):
              locked recipients, each in a transaction of its own that ends with RSET, and a new
              session after 20 of them. An smtpd(8) takes refusals for errors of the client, waits
              from the 10th on and hangs up at the 20th; these limits are raised for all alike

Each system in turn gets the same mail over 8 sessions, delivers it to nowhere, and rests until its
queue is empty. All look up the same 100,000 locks. A round goes through all of them once there and
once back, so that what the machine does besides falls on all alike, and gives one ratio.

The processor time is that of Postfix and of what stands beside it, from the first connection until
the queue is empty; the load is left out. Unlike a rate it hardly knows of what else the machine
does. A rate above 1 and a time below 1 are better.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple, Self

from bench import processor
from bench.daemons import yardstick
from bench.figures import spread
from bench.lockedstore import LockedStore, locked_store
from bench.native import compiled
from bench.output import arguments, show
from lab.system import RETURN_DOMAIN, MailSystem

_SESSIONS: Final = 8
_OCTETS: Final = 2000
_SYNCS: Final = 50
_TMPFS: Final = "/dev/shm"
_IN_MEMORY: Final = ("tmpfs", "ramfs")
_SENDER: Final = "newsletter@sender.test"
_RECIPIENT: Final = "reader@recipients.example"
# As many as a native table, which postmap(1) has to write, can have in good time.
_LOCKS: Final = 100_000
# Above the 20 refusals of a session, so that none is slowed down.
_MANY_ERRORS: Final = "1001"
_BARE: Final = "bare"
_YARDSTICK: Final = "yardstick in C"
_MILTER: Final = "milter"
_LEDGER: Final = "milter, ledger"
_SIGNED: Final = "milter, signed"
_RECORDED: Final = "milter, signed, ledger"


class Spell(NamedTuple):
    """What was measured of one system in one round."""

    messages: int
    """Or recipients."""
    seconds: float
    """From the first connection to the last answer."""
    processor: float
    """Seconds of all its processes."""
    ours: float
    """Those of the daemons beside Postfix."""

    def __add__(self, other: tuple[Any, ...]) -> Self:
        """Both together."""
        return type(self)(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def cost(self) -> float:
        """Processor time of a message, in us."""
        return self.processor / self.messages * 1e6


class System:
    """A Postfix with one way to refuse, or none; a load takes so many messages to it."""

    load: tuple[str, ...] = ()
    """More options of smtp-source(1)."""

    def __init__(self, name: str, base: str, store: LockedStore, stack: ExitStack) -> None:
        """Start it below `base`; `stack` takes it down."""
        sections: dict[str, dict[str, object]] = {"store": {"path": str(store.settings.path)}}
        if name in (_SIGNED, _RECORDED):
            sections["return_path"] = {"domain": RETURN_DOMAIN}
        if name == _LEDGER:
            sections["ledger"] = {"enabled": True}
        if name == _SIGNED:
            sections["ledger"] = {"keep": "0 days"}
        self.name = name
        self._mail = stack.enter_context(MailSystem(sections=sections, base=base))
        self._mail.postfix.set(default_transport="discard:", relayhost="")
        self._mail.postfix.start()
        self._beside = _ATTACH[name](self._mail, store, stack)
        self._mail.postfix.reload()

    def take(self, messages: int, recipients: int = 1) -> Spell:
        """Let it take so many messages of so many recipients, and deliver them."""
        postfix, ours = self._used()
        seconds = self._send(messages, recipients)
        self._mail.postfix.wait_until_empty(600)
        postfix_after, ours_after = self._used()
        ours = ours_after - ours
        return Spell(messages * recipients, seconds, postfix_after - postfix + ours, ours)

    def _send(self, messages: int, recipients: int) -> float:
        """Seconds from the first connection to the last answer."""
        argv = ["smtp-source", "-s", _SESSIONS, "-m", messages, "-l", _OCTETS, "-f", _SENDER]
        argv += [*self.load, "-r", recipients, "-t", _RECIPIENT]
        argv.append(f"127.0.0.1:{self._mail.postfix.submission_port}")
        start = time.perf_counter()
        subprocess.run([str(word) for word in argv], check=True, timeout=600)
        return time.perf_counter() - start

    def _used(self) -> tuple[float, float]:
        """Processor time of Postfix, and of what stands beside it, in seconds."""
        master = int((self._mail.postfix.queue / "pid/master.pid").read_text())
        return processor.used(master), sum(map(processor.used, self._beside))


class _Numbered(System):
    load = ("-N",)


class _Refusing(System):
    """A Postfix that is offered none but locked recipients."""

    def __init__(self, name: str, base: str, store: LockedStore, stack: ExitStack) -> None:
        super().__init__(name, base, store, stack)
        folder = self._mail.folder.path
        self._program = compiled("refusals.c", folder)
        self._addresses = folder / "locked.txt"
        self._addresses.write_text("\n".join(store.locked) + "\n")
        self._mail.postfix.set(
            default_transport="smtp:",  # mail that is discarded here is not ours to refuse
            smtpd_soft_error_limit=_MANY_ERRORS,
            smtpd_hard_error_limit=_MANY_ERRORS,
        )
        self._mail.postfix.reload()

    def _send(self, messages: int, recipients: int) -> float:
        argv = [self._program, self._mail.postfix.submission_port, _SESSIONS, messages]
        words = [str(word) for word in (*argv, _SENDER, self._addresses)]
        found = json.loads(subprocess.check_output(words, timeout=600))
        if found["refused"] != messages:
            sys.exit(f"bench: {self.name}: not all recipients were refused: {found}")
        return float(found["seconds"])


def _bare(_mail: MailSystem, _store: LockedStore, _stack: ExitStack) -> list[int]:
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


_ATTACH: Final[Mapping[str, Callable[[MailSystem, LockedStore, ExitStack], list[int]]]] = {
    _BARE: _bare,
    _YARDSTICK: _yardstick,
    _MILTER: _milter,
    _LEDGER: _milter,
    _SIGNED: _milter,
    _RECORDED: _milter,
    "map": _map,
    "native table": _table,
    "policy service": _policy,
}


class _Comparison(NamedTuple):
    """One of the benchmarks."""

    systems: tuple[str, ...]
    bases: tuple[str, ...]
    """The systems with which the others are compared."""
    messages: int
    kind: type[System] = System
    recipients: tuple[int, ...] = (1,)
    """Of a message; each number is measured for itself, with as many recipients in all."""


_OURS: Final = (_BARE, _YARDSTICK, _MILTER, _LEDGER, _SIGNED, _RECORDED)
_PLANES: Final = tuple(name for name in _ATTACH if name not in (_LEDGER, _SIGNED))
_COMPARISONS: Final = {
    "postfix": _Comparison(_OURS, (_BARE, _YARDSTICK, _SIGNED), 1500),
    "recipients": _Comparison(
        _OURS, (_BARE, _YARDSTICK, _SIGNED), 1500, _Numbered, recipients=(1, 10, 50)
    ),
    "disk": _Comparison(_OURS, (_BARE, _YARDSTICK, _SIGNED), 500),
    "planes": _Comparison(_PLANES, (_BARE,), 1500, _Numbered),
    "refused": _Comparison(_PLANES[1:], (_YARDSTICK,), 4000, _Refusing),
}


def main() -> None:
    """Run one of them and print the figures."""
    options = arguments(__doc__, _COMPARISONS)
    systems, bases, each, kind, shapes = _COMPARISONS[options.name]
    base, where = _disk() if options.name == "disk" else _memory()
    with ExitStack() as stack:
        store = stack.enter_context(locked_store(min(options.locks, _LOCKS), base))
        running = [kind(name, base, store, stack) for name in systems]
        for recipients in shapes:
            _round(running, each, recipients)  # warms every process up
            rounds = [_round(running, each, recipients) for _ in range(options.rounds)]
            shape = f" with {recipients} a message" if len(shapes) > 1 else ""
            show(
                f"{options.name} end to end, on {where}, {options.rounds} rounds of "
                f"{2 * each:,}{shape}",
                [dict(_row(name, rounds, bases)) for name in systems],
                as_json=options.json,
            )


def _memory() -> tuple[str, str]:
    if not Path(_TMPFS).is_dir():
        sys.exit(f"bench: no tmpfs at {_TMPFS}")
    return _TMPFS, "tmpfs"


def _disk() -> tuple[str, str]:
    """The folder for temporary files, and its disk by what a sync of some kilobytes takes."""
    base = tempfile.gettempdir()
    kind = subprocess.check_output(["stat", "-f", "-c", "%T", base], text=True).strip()
    if kind in _IN_MEMORY:
        sys.exit(f"bench: {base} is no disk but a {kind}: set TMPDIR")
    took: list[float] = []
    with tempfile.TemporaryFile(dir=base) as file:
        for _ in range(_SYNCS):
            file.write(bytes(_OCTETS))
            file.flush()
            start = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - start)
    return base, f"a disk ({kind}, {median(took) * 1e6:,.0f} us a sync)"


def _round(systems: list[System], each: int, recipients: int) -> dict[str, Spell]:
    messages = each // recipients
    there = {system.name: system.take(messages, recipients) for system in systems}
    return {one.name: there[one.name] + one.take(messages, recipients) for one in reversed(systems)}


def _row(
    name: str, rounds: list[dict[str, Spell]], bases: tuple[str, ...]
) -> Iterator[tuple[str, Any]]:
    mine = [spells[name] for spells in rounds]
    yield "postfix", name
    yield "a second", round(median(spell.rate for spell in mine))
    for base in bases:
        yield f"of {base}", spread([spells[name].rate / spells[base].rate for spells in rounds])
    yield "us each", round(median(spell.cost for spell in mine))
    yield "ours of it", round(median(spell.ours / spell.messages * 1e6 for spell in mine))
    for base in bases:
        costs = [spells[name].cost / spells[base].cost for spells in rounds]
        yield f"time, of {base}", spread(costs)


if __name__ == "__main__":
    main()
