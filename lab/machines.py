"""Several machines with one bounce index, without mail systems, over a PostgreSQL of their own."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from lab.bouncegate import Bouncegate
from lab.folder import LabFolder
from lab.postgresql import PostgreSQL
from lab.waiting import wait_for

NAMES: Final = ("mx1", "mx2", "mx3")


class Machines:
    """A PostgreSQL with an empty cluster, and three machines with its key."""

    def __init__(self, stack: ExitStack) -> None:
        """Lay them out and start the engine; `stack` takes all of it down."""
        self.engine = PostgreSQL(stack.enter_context(LabFolder()), fast=False)
        self.engine.start()
        self.all = {name: self._machine(stack, name) for name in NAMES}
        first = self.all["mx1"]
        self.run(first, "cluster", "init")
        for other in list(self.all.values())[1:]:
            shutil.copy(first.store / "cluster.key", other.store / "cluster.key")

    def _machine(self, stack: ExitStack, name: str) -> Bouncegate:
        folder = stack.enter_context(LabFolder())
        machine = Bouncegate(folder, folder.path / "run", self.sections(name))
        stack.callback(machine.stop)
        return machine

    def sections(self, name: str) -> dict[str, dict[str, object]]:
        """The settings of a machine."""
        cluster: dict[str, object] = {"database": self.engine.conninfo(tcp=True), "name": name}
        return {"ledger": {"enabled": False}, "cluster": cluster}

    def run(self, machine: Bouncegate, *args: str, stdin: bytes = b"") -> str:
        """Run a command at a machine; its output. Raises RuntimeError if it fails."""
        done = machine.run(*args, stdin=stdin)
        if done.returncode:
            raise RuntimeError(f"{args} ended with {done.returncode}: {done.stderr.decode()}")
        return done.stdout.decode()

    def join(self) -> None:
        """Let all machines take part, and share."""
        for machine in self.all.values():
            self.run(machine, "cluster", "join")
        self.start()

    def start(self) -> None:
        """Start what shares the index at each."""
        for machine in self.all.values():
            machine.start_cluster()

    def wait(self, what: str, holds: Callable[[Bouncegate], bool]) -> None:
        """Wait until something holds at each machine."""
        for name, machine in self.all.items():
            wait_for(f"{what} at {name}", lambda machine=machine: holds(machine))  # type: ignore[misc]

    def locked(self, address: str) -> None:
        """Wait until an address is locked at all."""
        self.wait(f"the lock of {address}", lambda machine: machine.show(address)["locked"])
