"""Bounces are managed globally: what bounced at one machine is known to all."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.reports import dsn

from lab import postfix, postgresql
from lab.machines import Machines


@pytest.fixture
def machines() -> Iterator[Machines]:
    if not postgresql.is_installed() or not postfix.is_installed():
        pytest.skip("postgresql or Postfix is not installed; ./run test installs them")
    with ExitStack() as stack:
        yield Machines(stack)


def test_several_machines_share_one_index(machines: Machines) -> None:
    machines.join()
    first, second, _ = machines.all.values()
    machines.run(first, "receive", stdin=dsn("ann@r.example"))
    machines.locked("ann@r.example")
    shown = [machine.show("ann@r.example") for machine in machines.all.values()]
    assert shown[0] == shown[1] == shown[2]
    assert shown[0]["reason"] == "user-unknown"
    machines.run(second, "unlock", "--force", "--yes", "ann@r.example")
    machines.wait("freedom", lambda machine: not machine.show("ann@r.example")["locked"])
