"""`./run demo --cluster`: three mail systems with one bounce index, over a PostgreSQL of its own.

What bounces at one is refused at the others within a second. While the database is away, it is
refused where it bounced, and at the others once the database is back.
"""

import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Final

from lab.folder import LabFolder
from lab.narration import Narrator
from lab.postgresql import PostgreSQL
from lab.smtp import Client
from lab.system import RETURN_DOMAIN, MailSystem
from lab.waiting import wait_for

SENDER: Final = "newsletter@sender.test"
NAMES: Final = ("mx1", "mx2", "mx3")
GONE: Final = "gone@r.example"
LATER: Final = "later@r.example"
_REFUSED: Final = "550 5.1.1 User unknown"
_SECOND: Final = 1.0

Sections = Mapping[str, Mapping[str, object]]


class ClusterDemo:
    """The steps, in order."""

    def __init__(self, stack: ExitStack, tell: Narrator) -> None:
        self._tell = tell
        self._engine = PostgreSQL(stack.enter_context(LabFolder()))
        refusals = {GONE: _REFUSED, LATER: _REFUSED}
        self._machines = {
            name: stack.enter_context(MailSystem(refusals, self._sections(name))) for name in NAMES
        }

    def _sections(self, name: str) -> Sections:
        return {
            "return_path": {"domain": RETURN_DOMAIN, "count": ["signed", "matched"]},
            "cluster": {"database": self._engine.conninfo(tcp=True), "name": name},
        }

    def run(self) -> None:
        """Run all steps. Raises DemoError if a check fails."""
        self._join()
        self._bounce_at_one()
        self._bounce_without_engine()
        self._tell.step("The machines: `bouncegate cluster status`")
        self._tell.verbatim(self._command("mx1", "cluster", "status"))

    def _join(self) -> None:
        tell = self._tell
        tell.step("Start a PostgreSQL and three Postfix with Bouncegate, which join a cluster")
        self._engine.start()
        tell.say(self._command("mx1", "cluster", "init"))
        first = self._machines["mx1"].gate.store
        for name in NAMES[1:]:
            shutil.copy(first / "cluster.key", self._machines[name].gate.store / "cluster.key")
        for name, system in self._machines.items():
            tell.say(self._command(name, "cluster", "join"))
            system.gate.start_cluster()
            system.start()
        tell.check(f"{GONE} is accepted at all", [250] * 3, self._replies(GONE))

    def _bounce_at_one(self) -> None:
        tell = self._tell
        tell.step(f"{GONE} bounces at mx1, and is refused at mx2 and mx3")
        self._mail("mx1", GONE)
        self._until("mx1", GONE)
        seconds = max(self._until(name, GONE) for name in NAMES[1:])
        tell.check(f"within a second: {seconds:.2f} s", True, seconds <= _SECOND)
        tell.check("with 550 at each", [550] * 3, self._replies(GONE))

    def _bounce_without_engine(self) -> None:
        tell = self._tell
        tell.step(f"The database stops; {LATER} bounces at mx2")
        self._engine.stop()
        self._mail("mx2", LATER)
        self._until("mx2", LATER)
        tell.check("mx2 refuses it, the others do not yet", [250, 550, 250], self._replies(LATER))
        tell.step("The database is back")
        self._engine.start()
        for name in NAMES:
            self._until(name, LATER)
        tell.check("all refuse it", [550] * 3, self._replies(LATER))

    def _mail(self, name: str, recipient: str) -> None:
        system = self._machines[name]
        system.postfix.submit(SENDER, [recipient])
        system.postfix.wait_until_empty()

    def _until(self, name: str, address: str) -> float:
        """Wait until a machine refuses an address; how many seconds it took."""
        began = time.monotonic()
        wait_for(f"{address} is refused at {name}", _is(550, lambda: self._reply(name, address)))
        return time.monotonic() - began

    def _replies(self, recipient: str) -> list[int]:
        return [self._reply(name, recipient) for name in NAMES]

    def _reply(self, name: str, recipient: str) -> int:
        """What RCPT TO is answered; no message is sent."""
        with Client(self._machines[name].postfix.submission_port) as client:
            client.say("EHLO client.example")
            client.say(f"MAIL FROM:<{SENDER}>")
            return client.say(f"RCPT TO:<{recipient}>").code

    def _command(self, name: str, *args: str) -> str:
        done = self._machines[name].gate.run(*args)
        self._tell.check(f"{name}: bouncegate {' '.join(args)}", 0, done.returncode)
        return done.stdout.decode().strip()


def _is(code: int, reply: Callable[[], int]) -> Callable[[], bool]:
    return lambda: reply() == code


def run(tell: Narrator) -> None:
    """Run the demo and take everything down. Raises DemoError if a check fails."""
    with ExitStack() as stack:
        ClusterDemo(stack, tell).run()
