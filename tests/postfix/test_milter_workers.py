"""A milter worker dies while mail flows: only its own sessions may notice."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from lab.bouncegate import Bouncegate
from lab.folder import Process
from lab.postfix import Postfix
from lab.smtp import Client, message
from lab.waiting import wait_for

SESSIONS: Final = 20
# As many refusals as a client may see before Postfix begins to slow it down
# (smtpd_soft_error_limit, 10).
ROUNDS: Final = 4
PATIENCE: Final = 30.0


class Seen(NamedTuple):
    """What one session met: the replies before and after the worker died."""

    locked: list[int]
    free: list[int]
    sent: int


def workers_of(milter: Process) -> set[int]:
    children = Path(f"/proc/{milter.pid}/task/{milter.pid}/children").read_text().split()
    return {int(child) for child in children}


def connections_of(pid: int) -> int:
    """How many sessions a worker serves: sockets beside the one it listens on."""
    fds = Path(f"/proc/{pid}/fd")
    return sum("socket:" in str(fd.readlink()) for fd in fds.iterdir())


def test_a_killed_worker_fails_no_session_but_its_own(
    postfix: Postfix, gate: Bouncegate, milter: Process, address: Callable[[str], str]
) -> None:
    """Its sessions go on unfiltered (default_action=accept); all others are filtered on."""
    locked, free = address("locked"), address("free")
    gate.lock(locked)
    half, killed = threading.Barrier(SESSIONS + 1), threading.Event()
    seen: list[Seen] = []

    def session() -> None:
        with Client(postfix.port) as client:
            found = Seen([], [], 0)
            for number in range(2 * ROUNDS):
                if number == ROUNDS:
                    half.wait(PATIENCE)
                    killed.wait(PATIENCE)
                client.say("MAIL FROM:<newsletter@sender.test>")
                found.locked.append(client.say(f"RCPT TO:<{locked}>").code)
                found.free.append(client.say(f"RCPT TO:<{free}>").code)
                client.say("RSET")
            client.say("MAIL FROM:<newsletter@sender.test>")
            client.say(f"RCPT TO:<{free}>")
            code, _ = client.data(message("News").as_bytes())
            seen.append(found._replace(sent=code))

    threads = [threading.Thread(target=session) for _ in range(SESSIONS)]
    for thread in threads:
        thread.start()
    half.wait(PATIENCE)
    before = workers_of(milter)
    victim = max(before, key=connections_of)
    served = connections_of(victim)
    os.kill(victim, signal.SIGKILL)
    killed.set()
    for thread in threads:
        thread.join(PATIENCE)

    assert [found.sent for found in seen] == [250] * SESSIONS
    assert all(found.free == [250] * 2 * ROUNDS for found in seen)
    assert all(found.locked[:ROUNDS] == [550] * ROUNDS for found in seen)
    untouched = [found for found in seen if found.locked[ROUNDS:] == [550] * ROUNDS]
    assert SESSIONS - len(untouched) <= served
    assert 0 < len(untouched) < SESSIONS

    def is_replaced() -> bool:
        now = workers_of(milter)
        return len(now) >= len(before) and victim not in now

    wait_for("another worker", is_replaced, PATIENCE)
    with Client(postfix.port) as client:
        client.say("MAIL FROM:<newsletter@sender.test>")
        assert client.say(f"RCPT TO:<{locked}>").code == 550
