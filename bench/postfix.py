"""What Bouncegate costs a Postfix from end to end: messages a second, and processor time of each.

Instances with their queues on a tmpfs, where the disk hides nothing: bare, with the yardstick in C
that only looks up, with the milter alone, with the signed return path, and with that and the
ledger of sends. Each in turn gets the same mail from `smtp-source` over 8 sessions, delivers it to
nowhere, and rests until its queue is empty. A round goes through all of them once there and once
back, so that what the machine does besides falls on all alike, and gives one ratio.

The processor time is that of Postfix, milter, return-path handler and ledger writer together, from
the first connection until the queue is empty; the load is left out. Unlike a rate it hardly knows
of what else the machine does. A rate above 1 and a time below 1 are better.
"""

import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple, Self

from bench import processor
from bench.daemons import yardstick
from bench.output import arguments, show
from bouncegate.config.settings import StoreSettings
from lab.system import RETURN_DOMAIN, MailSystem

_MESSAGES: Final = 1500
_SESSIONS: Final = 8
_OCTETS: Final = 2000
TMPFS: Final = "/dev/shm"
_SENDER: Final = "newsletter@sender.test"
_RECIPIENT: Final = "reader@recipients.example"
_LOCKED: Final = "gone@recipients.example"
_BARE, _YARDSTICK, _PLAIN, _SIGNED, _RECORDED = (
    "bare",
    "yardstick in C",
    "milter",
    "milter, signed",
    "milter, signed, ledger",
)
_SECTIONS: Final[Mapping[str, Mapping[str, Mapping[str, object]]]] = {
    _BARE: {},
    _YARDSTICK: {},
    _PLAIN: {},
    _SIGNED: {"return_path": {"domain": RETURN_DOMAIN}, "ledger": {"keep": "0 days"}},
    _RECORDED: {"return_path": {"domain": RETURN_DOMAIN}},
}


class Spell(NamedTuple):
    """What was measured of one system in one round."""

    messages: int
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


Rounds = Mapping[str, Sequence[Spell]]


class System:
    """A Postfix and what stands beside it."""

    load: tuple[str, ...] = ()
    """More options of smtp-source(1)."""

    def __init__(self, name: str, base: str, stack: ExitStack) -> None:
        """Start it below `base`; `stack` takes it down."""
        self._mail = stack.enter_context(MailSystem(sections=_SECTIONS[name], base=base))
        self._mail.start()
        self._mail.gate.run("lock", _LOCKED)
        self._beside = [process.pid for process in self._mail.gate.processes()]
        if name in (_BARE, _YARDSTICK):
            self._mail.gate.stop()
            self._mail.postfix.reset("smtpd_milters")
            self._beside = []
        if name == _YARDSTICK:
            store = StoreSettings(path=self._mail.gate.store)
            milter = stack.enter_context(yardstick(store, self._mail.folder.path))
            milter.socket.chmod(0o666)  # Postfix runs as another user
            self._mail.postfix.set(smtpd_milters=f"unix:{milter.socket}")
            self._beside = [milter.pid]
        self._mail.postfix.set(default_transport="discard:", relayhost="")
        self._mail.postfix.reload()

    def take(self, messages: int) -> Spell:
        """Let it take so many messages, and deliver them."""
        postfix, ours = self.used()
        argv = ["smtp-source", "-s", _SESSIONS, "-m", messages, "-l", _OCTETS, "-f", _SENDER]
        argv += [*self.load, "-t", _RECIPIENT, f"127.0.0.1:{self._mail.postfix.submission_port}"]
        start = time.perf_counter()
        subprocess.run([str(word) for word in argv], check=True, timeout=600)
        seconds = time.perf_counter() - start
        self._mail.postfix.wait_until_empty(600)
        postfix_after, ours_after = self.used()
        ours = ours_after - ours
        return Spell(messages, seconds, postfix_after - postfix + ours, ours)

    def used(self) -> tuple[float, float]:
        """Processor time of Postfix, and of what stands beside it, in seconds."""
        master = int((self._mail.postfix.queue / "pid/master.pid").read_text())
        return processor.used(master), sum(map(processor.used, self._beside))


def main() -> None:
    """Run it and print the figures."""
    if not Path(TMPFS).is_dir():
        sys.exit(f"bench: no tmpfs at {TMPFS}")
    compare(arguments(__doc__), "tmpfs", TMPFS, _MESSAGES)


def compare(options: Namespace, where: str, base: str, messages: int) -> None:
    """Let every system take so many messages, there and back, in each round; print the figures."""
    with ExitStack() as stack:
        systems = {name: System(name, base, stack) for name in _SECTIONS}
        _round(systems, messages)  # warms every process up
        rounds = [_round(systems, messages) for _ in range(options.rounds)]
    spells = {name: [spells[name] for spells in rounds] for name in systems}
    show(
        f"Postfix end to end, queue on {where}, {options.rounds} rounds of {2 * messages:,} mails",
        [_row(name, spells) for name in spells],
        as_json=options.json,
    )


def _round(systems: Mapping[str, System], messages: int) -> dict[str, Spell]:
    there = {name: system.take(messages) for name, system in systems.items()}
    back = {name: system.take(messages) for name, system in reversed([*systems.items()])}
    return {name: there[name] + back[name] for name in systems}


def _row(name: str, spells: Rounds) -> dict[str, Any]:
    mine = spells[name]
    return {
        "postfix": name,
        "messages/s": round(median(spell.rate for spell in mine)),
        "of bare": _rates(mine, spells[_BARE]),
        "of C's": _rates(mine, spells[_YARDSTICK]),
        "of signed": _rates(mine, spells[_SIGNED]),
        "us a message": round(median(spell.cost for spell in mine)),
        "ours of it": round(median(spell.ours / spell.messages * 1e6 for spell in mine)),
        "time of C's": _costs(mine, spells[_YARDSTICK]),
        "time of signed": _costs(mine, spells[_SIGNED]),
    }


def _rates(mine: Sequence[Spell], others: Sequence[Spell]) -> str:
    return _spread([a.rate / b.rate for a, b in zip(mine, others, strict=True)])


def _costs(mine: Sequence[Spell], others: Sequence[Spell]) -> str:
    return _spread([a.cost / b.cost for a, b in zip(mine, others, strict=True)])


def _spread(ratios: Sequence[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


if __name__ == "__main__":
    main()
