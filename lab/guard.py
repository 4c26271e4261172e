"""The process that takes a lab down, in the good case and in the bad one.

It is started with the folder of the lab and reads its standard input. When that ends,
because the owner closed it or because the owner was killed, the guard ends every process
recorded in the folder and removes the folder. The line `keep` sends it away instead.

A process id is acted on only while its process has its working folder inside the lab, so
that a number which was reused in the meantime hits nobody.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

GRACE = 7.0
"""Seconds that a process has to end after SIGTERM; the milter promises 6."""
RECORDS = ("pids/*", "postfix*/queue/pid/master.pid")


def main(folder: Path) -> None:
    """Wait for the owner's end, then clear up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.readline().strip() == "keep":
        return
    clear(folder)


def clear(folder: Path) -> None:
    """End every recorded process of the lab, then remove its folder."""
    running = [pid for pid in recorded(folder) if lives_in(folder, pid)]
    _signal(running, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while running and time.monotonic() < deadline:
        time.sleep(0.02)
        running = [pid for pid in running if lives_in(folder, pid)]
    _signal(running, signal.SIGKILL)
    # Postfix's children may still write into the queue while they end.
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
    sys.exit(f"could not remove {folder}")


def recorded(folder: Path) -> list[int]:
    """The process ids that the lab wrote down."""
    texts = (record.read_text().strip() for glob in RECORDS for record in folder.glob(glob))
    return [int(text) for text in texts if text.isdecimal()]


def lives_in(folder: Path, pid: int) -> bool:
    """Whether the process runs, with its working folder inside the lab."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink().is_relative_to(folder)
    except OSError:
        return False


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main(Path(sys.argv[1]))
