"""What comes of `kill -9` at random moments, while mail, questions and DSNs come in.

All daemons run behind a real Postfix: milter (two workers and the ledger writer), return path (two
workers, each with a process whose children read large messages), map and maintain, which
follows the log. Again and again one of their processes is killed. A daemon whose supervisor was
killed is started anew, as systemd does it; supervisors replace their workers themselves.

Meanwhile, and at the end, when all that waits has come in:

- each DSN that was acknowledged is in the journal exactly once, and so is each bounce of mail that
  left signed, which a DSN and the log tell. A send that the ledger writer had in hand when it was
  killed is lost to the ledger: of its bounce there is one entry, which proves nothing;
- no good recipient is refused, and each message that was accepted arrives;
- exactly those are locked whom such a bounce locks, and `store verify` finds nothing.
"""

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any, Final, NamedTuple

from bench import output
from bench.processor import children
from bench.traffic import GONE, LOCKED, Dsns, Mail, Questions, running
from bouncegate.config.settings import LedgerSettings, StoreSettings
from bouncegate.policy.records import Event
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store
from bouncegate.store.tokens.keys import KEY_FILE, KeyRing
from bouncegate.store.tokens.token import check
from lab.bouncegate import Sections
from lab.folder import Process
from lab.system import RETURN_DOMAIN, MailSystem
from lab.waiting import wait_for

_VERIFY_EVERY: Final = 100
_LONGEST_PAUSE: Final = 0.5
# Of the kills of a daemon, those of its first process: the others are there for it to replace, and
# stay away longer each time (bouncegate.daemon.backoff).
_FIRST: Final = 0.4
_PATIENCE: Final = 180.0


class _Daemon(NamedTuple):
    """One to be killed."""

    name: str
    weight: int
    start: Callable[[], object]
    process: Callable[[], Process | None]
    kinds: tuple[str, ...]
    """What its process is, and those that descend from it, by generation."""


def main() -> None:
    """Run it and print what was killed, what came in, and what is wrong."""
    options = output.arguments(__doc__)
    with MailSystem() as system:
        system.gate.configure(_sections(system))
        _begin(system)
        daemons = _daemons(system)
        mail, dsns, questions = Mail(system), Dsns(system.gate), Questions(system.gate)
        killed: Counter[str] = Counter()
        chance = random.Random(options.seed)
        with running(mail), running(dsns), running(dsns), running(questions):
            for number in range(1, options.kills + 1):
                time.sleep(chance.uniform(0.0, _LONGEST_PAUSE))
                killed[_kill_one(daemons, chance)] += 1
                if number % _VERIFY_EVERY == 0:
                    _verify(system, number)
        _settle(system)
        lost = _lost(system, mail)
        wrong = [*mail.wrong, *questions.wrong, *_wrong(system, mail, dsns, lost)]
        bounced = len(mail.bounced())
    rows = [{"killed": kind, "times": times} for kind, times in sorted(killed.items())]
    rows.append({"killed": "all", "times": killed.total()})
    output.show(_title(mail, (bounced, len(lost)), dsns, questions), rows, as_json=options.json)
    print(*(wrong or ["nothing is wrong"]), sep="\n")
    sys.exit(bool(wrong))


def _sections(system: MailSystem) -> Sections:
    return {
        "store": {"map_size": "4 GiB"},
        "guard": {"enabled": False},
        "dns": {"enabled": False},
        "ledger": {"enabled": True},
        "retention": {"unproven_reports": 1_000_000, "unproven_size": "2 GiB"},
        "return_path": {
            "domain": RETURN_DOMAIN,
            "count": ["signed", "matched"],
            "workers": 2,
        },
        "maillog": {
            "source": "file",
            "file": str(system.postfix.log),
            "own_relays": [],
            "settling": "0 days",
            "every": "1 second",
        },
    }


def _begin(system: MailSystem) -> None:
    if (done := system.gate.run("lock", LOCKED)).returncode:
        sys.exit(f"bench: {done.stderr.decode()}")
    system.remote.refuse(dict.fromkeys(GONE, "550 5.1.1 User unknown"))
    system.start()
    system.postfix.set(minimal_backoff_time="2s", maximal_backoff_time="5s", queue_run_delay="2s")
    system.postfix.reload()
    for start in (system.gate.start_map, system.gate.start_maintain):
        start()


def _daemons(system: MailSystem) -> list[_Daemon]:
    gate = system.gate
    back = ("return path", "its workers", "their readers", "a message's reader")
    return [
        _Daemon("milter", 4, gate.start_milter, lambda: gate.milter, ("milter", "its workers")),
        _Daemon("return", 4, gate.start_return_path, lambda: gate.return_path, back),
        _Daemon("maintain", 2, gate.start_maintain, lambda: gate.maintain, ("maintain",)),
        _Daemon("map", 1, gate.start_map, lambda: gate.map, ("map",)),
    ]


def _kill_one(daemons: list[_Daemon], chance: random.Random) -> str:
    """Kill a process and start its daemon anew if it was the first one; tells what it was."""
    (daemon,) = chance.choices(daemons, [daemon.weight for daemon in daemons])
    process = daemon.process()
    assert process is not None
    if process.returncode is not None:
        raise RuntimeError(f"{daemon.name} has ended by itself:\n{process.tail()}")
    others = _descendants(process.pid)
    if others and chance.random() > _FIRST:
        pid, generation = chance.choice(others)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return f"{daemon.kinds[0]}: {daemon.kinds[generation]}"
    process.send_signal(signal.SIGKILL)
    process.reap()
    # The kernel ends the others; systemd waits for them before it starts the daemon again.
    wait_for("the end of the others", lambda: not any(_lives(pid) for pid, _ in others))
    daemon.start()
    return daemon.kinds[0]


def _descendants(pid: int, generation: int = 1) -> list[tuple[int, int]]:
    found = children(pid)
    deeper = [one for child in found for one in _descendants(child, generation + 1)]
    return [(child, generation) for child in found] + deeper


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _verify(system: MailSystem, kills: int) -> None:
    done = system.gate.run("store", "verify")
    if done.returncode:
        sys.exit(f"bench: after {kills} kills: {done.stdout.decode()}{done.stderr.decode()}")


def _settle(system: MailSystem) -> None:
    """Wait until all that Postfix has accepted is delivered, and reported by DSNs and the log."""
    deadline = time.monotonic() + _PATIENCE
    while system.postfix.queued() and time.monotonic() < deadline:
        system.postfix.flush()
        time.sleep(1.0)
    system.postfix.wait_until_empty()
    assert system.gate.maintain is not None
    system.gate.maintain.stop()
    if (done := system.gate.run("maintain", "--once")).returncode:
        sys.exit(f"bench: {done.stderr.decode()}")
    _verify(system, 0)


def _wrong(system: MailSystem, mail: Mail, dsns: Dsns, lost: set[str]) -> list[str]:
    """What is not as it must be, at the end; the bounces in `lost` prove nothing."""
    with closing(Store.open(StoreSettings(path=system.gate.store), readonly=True)) as store:
        events = Counter(e.address for _, e in store.journal.entries() if isinstance(e, Event))
        locked = {address for address, _ in store.addresses.locks()}
    reported = (set(dsns.acknowledged) | set(mail.bounced())) - lost
    nobodys = events.pop("", 0)
    arrived = mail.arrived()
    return [
        *(f"{one}: {events[one]} entries of one bounce" for one in reported if events[one] != 1),
        *(f"{one}: an entry of no bounce" for one in sorted(set(events) - reported)),
        *([f"{nobodys} entries of nobody, of {len(lost)} bounces"] if nobodys != len(lost) else []),
        *(f"{one}: not locked" for one in sorted((reported | {LOCKED}) - locked)),
        *(f"{one}: locked without a bounce" for one in sorted(locked - reported - {LOCKED})),
        *(f"message {one}: accepted, and lost" for one in sorted(mail.accepted - set(arrived))),
    ]


def _lost(system: MailSystem, mail: Mail) -> set[str]:
    """Whose bounces are about sends that the ledger writer had in hand when it was killed."""
    keys, now = KeyRing.load(system.gate.store / KEY_FILE), int(time.time())
    settings = StoreSettings(path=system.gate.store)
    lost = set()
    with closing(Ledger.open(settings, LedgerSettings())) as ledger:
        for address, return_path in mail.bounced().items():
            token = check(keys, return_path.partition("@")[0], now, now).token
            assert token is not None, return_path
            if ledger.by_message(token.time, token.message) is None:
                lost.add(address)
    return lost


def _title(mail: Mail, bounced: tuple[int, int], dsns: Dsns, questions: Questions) -> str:
    figures: dict[str, Any] = {
        "messages accepted": len(mail.accepted),
        "signed ones that bounced": bounced[0],
        "of which the ledger has lost": bounced[1],
        "good recipients": mail.good,
        "a locked one refused": mail.refused,
        "and let pass while the milter was down": mail.passed,
        "DSNs acknowledged": len(dsns.acknowledged),
        "handed over again": dsns.again,
        "questions answered": questions.answered,
        "and not": questions.unanswered,
    }
    return "kills under load; " + ", ".join(f"{name}: {n:,}" for name, n in figures.items())


if __name__ == "__main__":
    main()
