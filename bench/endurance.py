"""What grows in daemons that run for weeks: an hour of work by a clock that makes twelve of it.

Milter, return path, map and maintain run behind a real Postfix, their clock 2,016 times as fast
(`lab.fastclock`). All is kept as briefly as the settings allow, and bounces are kept for 30 days at
least, and for ten beyond the end of their lock, since they may have to be counted anew. So what
comes in and what is let go of are in balance after the first half of the run. In each round of
some ten seconds:

- recipients come to the milter, then DSNs with tokens to the return path (each tenth a large one),
  a second each, as fast as they are answered; beside them messages through Postfix, whose bounces
  come back, and questions to the map;
- an operator lists, shows, explains, frees, locks, counts, reports or makes a backup;
- once a week of the clock the daemons reload, the signing key is rotated, and Postfix's log is;
- once in two weeks the disk of the store is full for some seconds, and has room again.

After it, each process's memory of its own and descriptors, the size of each file, and latencies:
medians of each tenth of the run. From the third quarter to the last nothing may grow by more than a
tenth (memory by 3 MB besides), `store verify` must find nothing, and no good recipient may have
been refused.

    python -m bench endurance [--hours 24] [--json >figures.json; python -m bench.plot figures.json]
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from bench import processor
from bench.figures import descriptors, own_memory
from bench.load import Load
from bench.output import arguments, show
from bench.traffic import GONE, LOCKED, Dsns, Mail, Questions, running
from lab.bouncegate import Sections
from lab.fastclock import FastClock
from lab.folder import Process
from lab.system import RETURN_DOMAIN, MailSystem

_SPEED: Final = 2016.0
_WEEK: Final = 7 * 86_400.0
_ROUND: Final = 10.0
_LOAD_SECONDS: Final = 1.0
_PROBE_SECONDS: Final = 0.3
_ROOM: Final = "2g"
# So many addresses are asked for at the milter; those whom the DSNs name are locked after a while.
_ASKED: Final = 10_000
_PARTS: Final = 10
# What may be more in the last quarter than in the one before it.
_GROWTH: Final = 1.1
_MEGABYTES: Final = 3.0
_DESCRIPTORS: Final = 4


class _Sample(NamedTuple):
    """What one round showed: figures by name."""

    hours: float
    """Of the machine's clock, since the beginning."""
    figures: dict[str, float]


def main() -> None:
    """Run it, print the figures, and what is wrong."""
    options = arguments(__doc__)
    with MailSystem(base="/var/tmp") as system, ExitStack() as stack:
        stack.enter_context(_own_disk(system.gate.store))
        stack.callback(system.gate.stop)
        run = _Run(system)
        samples = run.rounds(options.hours * 3600)
        wrong = [*run.wrong(), *_grown(samples)]
    rows = [_row(sample) for sample in samples] if options.json else _table(samples)
    days = samples[-1].hours * _SPEED / 24
    show(f"endurance: {days:.1f} days by the daemons' clock", rows, as_json=options.json)
    print(*(wrong or ["nothing is wrong"]), sep="\n", file=sys.stderr)
    sys.exit(bool(wrong))


@contextmanager
def _own_disk(folder: Path) -> Iterator[None]:
    """A disk of its own for a folder, which can be full without harm to anything else."""
    if os.geteuid():
        sys.exit("bench endurance: run it as root: it mounts a disk that is to become full")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_ROOM}", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _sections(system: MailSystem) -> Sections:
    return {
        "store": {"map_size": "1 GiB"},
        "guard": {"enabled": False},
        "dns": {"enabled": False},
        "domain_locks": {"window": "5 days"},
        "ledger": {"enabled": True, "keep": "1 day"},
        "lists": {"stale_after": "1 day", "keep": "2 days"},
        "retention": {
            "events": "1 day",
            "addresses": "2 days",
            "statistics": "2 days",
            "audit": "2 days",
            "unproven": "1 day",
        },
        "policy": {"hard": {"lock": "1 day"}, "soft": {"lock": "1 day"}},
        "return_path": {
            "domain": RETURN_DOMAIN,
            "keep_messages": "12 hours",
            "lifetime": "3 days",
            "complaint_lifetime": "3 days",
        },
        "maillog": {"source": "file", "file": str(system.postfix.log), "own_relays": []},
    }


class _Run:
    """Everything that runs, and what was seen of it."""

    def __init__(self, system: MailSystem) -> None:
        """Start it."""
        self._system = system
        self._failed: list[str] = []
        self._week = self._rounds = 0
        self._clock = FastClock(system.folder.path, _SPEED)
        os.environ.update(self._clock.environment)  # of all that is started from here on
        gate = system.gate
        gate.configure(_sections(system))
        self._command("lock", LOCKED)
        system.remote.refuse(dict.fromkeys(GONE, "550 5.1.1 User unknown"))
        system.start()
        gate.start_map()
        gate.start_maintain()
        addresses = [f"reader{number}@recipients.example" for number in range(_ASKED)]
        self._load = Load(system.folder.path, addresses)
        self.mail, self._dsns = Mail(system), Dsns(gate, self._clock.time)
        self._waits: list[float] = []
        self.questions = Questions(gate)

    def rounds(self, seconds: float) -> list[_Sample]:
        """Let it run for so long; a sample of each round."""
        began, samples = time.monotonic(), list[_Sample]()
        with running(self.mail), running(self.questions):
            while (passed := time.monotonic() - began) < seconds:
                self._round()
                samples.append(_Sample(passed / 3600, self._figures()))
                time.sleep(max(0.0, _ROUND - (time.monotonic() - began - passed)))
        return samples

    def wrong(self) -> list[str]:
        """What should not have been."""
        verified = self._system.gate.run("store", "verify", seconds=600)
        return [
            *self._failed,
            *self.mail.wrong,
            *self.questions.wrong,
            *([] if verified.returncode == 0 else [verified.stdout.decode()]),
        ]

    def _round(self) -> None:
        self._rounds += 1
        self._load.run(self._system.gate.milter_socket, 2, 5, _LOAD_SECONDS)
        self._hand_over()
        self._operate()
        week = int(self._clock.passed() // _WEEK)
        if week > self._week:
            self._week = week
            self._each_week()

    def _hand_over(self) -> None:
        self._waits = []
        end = time.monotonic() + _LOAD_SECONDS
        while (began := time.monotonic()) < end:
            self._dsns.step()
            self._waits.append(time.monotonic() - began)

    def _operate(self) -> None:
        """One command of an operator's, in turn."""
        number = self._rounds * 7 % _ASKED
        address = f"reader{number}@recipients.example"
        backup = self._system.folder.path / "backup.tar.zst"
        backup.unlink(missing_ok=True)
        commands: tuple[tuple[str, ...], ...] = (
            ("list", "--limit", "100"),
            ("show", address),
            ("explain", address),
            ("lock", f"by-hand{self._rounds}@recipients.example", "--until", "12 hours"),
            ("unlock", "--force", "--yes", address),
            ("incident", "list"),
            ("summary",),
            ("report", "reason"),
            ("store", "backup", str(backup)),
        )
        self._command(*commands[self._rounds % len(commands)], most=1)

    def _each_week(self) -> None:
        for process in self._system.gate.processes():
            process.send_signal(signal.SIGHUP)
        self._command("keys", "rotate")
        log = self._system.postfix.log
        log.rename(log.with_suffix(".1"))
        self._system.postfix.reload()
        if self._week % 2 == 0:
            self._fill_up()

    def _fill_up(self) -> None:
        """The disk is full for a round: DSNs wait, mail goes on."""
        ballast = self._system.gate.store / "ballast"
        with ballast.open("wb") as file:
            left = shutil.disk_usage(ballast.parent).free
            os.posix_fallocate(file.fileno(), 0, max(left, 1))
        self._load.run(self._system.gate.milter_socket, 2, 5, _LOAD_SECONDS)
        time.sleep(_ROUND / 2)
        ballast.unlink()

    def _command(self, *words: str, most: int = 0) -> None:
        done = self._system.gate.run(*words, seconds=120)
        if done.returncode > most:
            self._failed.append(f"{' '.join(words)}: {done.stderr.decode()}")

    def _figures(self) -> dict[str, float]:
        gate = self._system.gate
        named: dict[str, Process | None] = {
            "milter": gate.milter,
            "return path": gate.return_path,
            "map": gate.map,
            "maintain": gate.maintain,
        }
        figures: dict[str, float] = {}
        for name, process in named.items():
            assert process is not None
            pids = [process.pid, *_descendants(process.pid)]
            figures[f"{name}, MB"] = round(_largest(own_memory, pids) / 1e6, 1)
            figures[f"{name}, files"] = _largest(descriptors, pids)
        for name in ("data.mdb", "ledger/data.mdb", "messages"):
            figures[f"{name}, MB"] = round(_size(gate.store / name) / 1e6, 1)
        at_rcpt = self._load.run(gate.milter_socket, 1, 5, _PROBE_SECONDS)
        figures["RCPT, p50 us"] = round(at_rcpt.p50, 1)
        figures["DSN, p50 ms"] = round(median(self._waits) * 1e3, 2)
        return figures


def _descendants(pid: int) -> Iterator[int]:
    for child in processor.children(pid):
        yield child
        yield from _descendants(child)


def _largest(figure: Callable[[int], int], pids: Sequence[int]) -> int:
    """Of processes that may end meanwhile."""
    found = [0]
    for pid in pids:
        try:
            found.append(figure(pid))
        except (OSError, RuntimeError):
            continue
    return max(found)


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(_size(one) for one in path.iterdir())
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:
        return 0


def _row(sample: _Sample) -> dict[str, Any]:
    return {"hours": round(sample.hours, 3), **sample.figures}


def _table(samples: list[_Sample]) -> list[dict[str, Any]]:
    """A row for each figure: its median in each tenth of the run."""
    length = max(len(samples) // _PARTS, 1)
    parts = [samples[n : n + length] for n in range(0, len(samples) - length + 1, length)]
    return [
        {"": name}
        | {
            f"{part[-1].hours:.2f} h": f"{median(one.figures[name] for one in part):,.4g}"
            for part in parts[:_PARTS]
        }
        for name in samples[0].figures
    ]


def _grown(samples: list[_Sample]) -> Iterator[str]:
    """What is more in the last quarter than in the third, beyond what may be."""
    quarter = len(samples) // 4
    if not quarter:
        yield "too short to tell whether anything grows"
        return
    before, after = samples[-2 * quarter : -quarter], samples[-quarter:]
    for name in samples[0].figures:
        if ", p50 " in name:
            continue  # what others do on the machine shows there
        old, new = (median(one.figures[name] for one in part) for part in (before, after))
        room = _DESCRIPTORS if name.endswith("files") else _MEGABYTES
        if new > old * _GROWTH + room:
            yield f"{name} grows: {old:,.1f} in the third quarter, {new:,.1f} in the last"


if __name__ == "__main__":
    main()
