"""No leaks: what a worker holds after the first thousand messages, and after very many.

Messages of one recipient over 8 connections at a time, each replaced after so many messages that
`--connections` of them carry `--messages`; by default 200,000 over 20,000, and with `--messages
1000000 --connections 100000` what takes some ten minutes. Once with plain locking and once with
every step that settings can ask for. Then a thousand SMTP clients at once, each with a session of
its own, on a real Postfix with the milter. And last, milter and return path are reloaded twenty
times: what the old settings needed must go with them.
"""

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.daemons import Milter, ours
from bench.figures import descriptors, family, own_memory
from bench.load import Load
from bench.lockedstore import locked_store
from bench.output import arguments, show
from lab.folder import Process
from lab.system import MailSystem
from lab.waiting import wait_for

_FIRST: Final = 1000
_AT_ONCE: Final = 8
_SLICE: Final = 5.0
_CLIENTS: Final = 1000
_RELOADS: Final = 20
# While a reload is under way there are the old settings and the new ones: room for both stays.
_FIRST_RELOADS: Final = 3
_EVERY_STEP: Final = (
    '[return_path]\ndomain = "return.sender.test"\n[ledger]\nmailing_headers = ["X-Campaign-ID"]\n'
    '[reply]\naction = "tag"\n'
)


class _Counted(Load):
    """The load, which says how many messages it has sent."""

    each = 1

    def messages(self, milter: Milter, seconds: float) -> int:
        """Talk to a milter for some seconds; how many messages that made."""
        argv = (self._program, milter.socket, _AT_ONCE, seconds, self._addresses, 1, self.each)
        done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=False)
        if done.returncode or json.loads(done.stdout)["failures"]:
            sys.exit(f"bench: the load failed: {done.stderr}{done.stdout}")
        return int(json.loads(done.stdout)["messages"])


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    rows: list[dict[str, Any]] = []
    with locked_store(min(options.locks, 100_000)) as store, TemporaryDirectory("bgb") as name:
        load = _Counted(Path(name), store.mailing)
        load.each = max(options.messages // options.connections, 1)
        for title, sections in (("plain", ""), ("every step", _EVERY_STEP)):
            with ours(store.settings, Path(name), title.partition(" ")[0], sections) as milter:
                rows.append({"settings": title, **_run(milter, load, options.messages)})
    show("leaks: the worker that holds most", rows, as_json=options.json)
    show(f"{_CLIENTS:,} SMTP clients at once", [_clients()], as_json=options.json)
    show(f"{_RELOADS} reloads: the process that holds most", _reloads(), as_json=options.json)


def _run(milter: Milter, load: _Counted, messages: int) -> dict[str, Any]:
    sent, start = 0, time.monotonic()
    while sent < _FIRST:
        sent += load.messages(milter, 0.1)
    memory, files = _held(milter)
    while sent < messages:
        sent += load.messages(milter, _SLICE)
    time.sleep(1)  # until the last session is gone
    memory_after, files_after = _held(milter)
    return {
        "messages": sent,
        "connections": sent // load.each,
        "minutes": round((time.monotonic() - start) / 60, 1),
        "MB at first": round(memory / 1e6, 1),
        "MB at last": round(memory_after / 1e6, 1),
        "files at first": files,
        "files at last": files_after,
    }


def _held(milter: Milter) -> tuple[int, int]:
    """Memory and descriptors of the child that has most of each."""
    children = family(milter.pid)[1:]
    return max(map(own_memory, children)), max(map(descriptors, children))


def _reloads() -> list[dict[str, Any]]:
    with MailSystem() as system:
        system.gate.start()
        daemons = system.gate.processes()
        before = [0.0 for _ in daemons]
        for number in range(1, _RELOADS + 1):
            for daemon in daemons:
                _reload(daemon, number)
            if number == _FIRST_RELOADS:
                before = [_most(daemon) for daemon in daemons]
        return [
            {
                "daemon": daemon.name,
                f"MB after {_FIRST_RELOADS}": round(first / 1e6, 1),
                "MB at last": round(_most(daemon) / 1e6, 1),
            }
            for daemon, first in zip(daemons, before, strict=True)
        ]


def _reload(daemon: Process, number: int) -> None:
    """Reload a daemon for the time of that number."""
    daemon.send_signal(signal.SIGHUP)
    text = f"reload {number} of {daemon.name}"
    wait_for(text, lambda: daemon.log.read_text().count(" reloaded: ") == number, 60)


def _most(daemon: Process) -> int:
    """Memory of the process that has most: the daemon's own, or a worker's."""
    found = [0]
    for pid in family(daemon.pid):
        with suppress(OSError, RuntimeError):  # one of the old ones, which has ended meanwhile
            found.append(own_memory(pid))
    return max(found)


def _clients() -> dict[str, Any]:
    with MailSystem(base="/dev/shm") as system:
        system.postfix.set(
            default_process_limit=str(_CLIENTS + 100), smtpd_client_connection_count_limit="0"
        )
        system.start()
        system.postfix.set(default_transport="discard:", relayhost="")
        system.postfix.reload()
        argv = ["smtp-source", "-s", _CLIENTS, "-m", 5 * _CLIENTS, "-l", 1000]
        argv += ["-f", "news@sender.test", "-t", "reader@recipients.example"]
        argv.append(f"127.0.0.1:{system.postfix.port}")
        start = time.monotonic()
        done = subprocess.run([str(word) for word in argv], check=False, timeout=600)
        took = time.monotonic() - start
        system.postfix.wait_until_empty(600)
        assert system.gate.milter is not None
        log = system.postfix.maillog()
        return {
            "messages": 5 * _CLIENTS,
            "taken": log.count("nrcpt=1 (queue active)"),
            "client failed": bool(done.returncode),
            "milter missed": sum(
                "warning: " in line and "ilter" in line for line in log.split("\n")
            ),
            "seconds": round(took, 1),
        }


if __name__ == "__main__":
    main()
