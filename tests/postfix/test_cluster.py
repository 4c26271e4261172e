"""Three machines with one bounce index, as an operator runs them, with a real PostgreSQL."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.reports import dsn

from lab import postgresql
from lab.machines import NAMES, Machines
from lab.waiting import wait_for


@pytest.fixture
def machines(can_run_postfix: None) -> Iterator[Machines]:
    if not postgresql.is_installed():
        pytest.skip("postgresql is not installed; ./run test installs it")
    with ExitStack() as stack:
        yield Machines(stack)


def test_a_bounce_binds_where_it_came_in_while_the_engine_is_away(machines: Machines) -> None:
    machines.join()
    first, second, third = machines.all.values()
    machines.engine.kill()
    machines.run(first, "receive", stdin=dsn("ann@r.example"))
    machines.run(second, "receive", stdin=dsn("bob@r.example"))
    shown = first.show("ann@r.example")
    assert (shown["locked"], shown["reason"]) == (True, "user-unknown")
    assert "ann@r.example" in first.locks()
    assert not third.show("ann@r.example")["locked"]
    machines.run(first, "store", "verify")
    machines.engine.start()
    machines.locked("ann@r.example")
    machines.locked("bob@r.example")
    for machine in machines.all.values():
        machines.run(machine, "store", "verify")
        machines.run(machine, "cluster", "verify")


def test_a_daemon_that_is_killed_loses_nothing(machines: Machines) -> None:
    machines.join()
    first, _, third = machines.all.values()
    addresses = [f"u{number}@r.example" for number in range(8)]
    for number, address in enumerate(addresses):
        machines.run(first, "lock", address)
        if number % 4 == 0:
            for machine in (first, third):
                assert machine.cluster is not None
                machine.cluster.kill()
                machine.start_cluster()
    for address in addresses:
        machines.locked(address)
    lists = [sorted(machine.locks()) for machine in machines.all.values()]
    assert lists == [sorted(addresses)] * len(NAMES)


def test_a_machine_that_comes_later_begins_with_a_backup(machines: Machines) -> None:
    first, second, third = machines.all.values()
    machines.run(first, "lock", "old@r.example")
    machines.run(first, "cluster", "join")
    refused = second.run("cluster", "join")
    assert refused.returncode != 0
    assert b"store restore" in refused.stderr
    first.start_cluster()
    machines.run(first, "store", "backup", str(first.store.parent / "backup"))
    machines.run(first, "lock", "new@r.example")
    for machine in (second, third):
        key = (machine.store / "cluster.key").read_bytes()
        machines.run(machine, "store", "restore", "--replace", str(first.store.parent / "backup"))
        (machine.store / "cluster.key").write_bytes(key)
        machines.run(machine, "cluster", "join")
        machine.start_cluster()
    machines.locked("old@r.example")
    machines.locked("new@r.example")
    machines.run(third, "lock", "third@r.example")
    machines.locked("third@r.example")


def test_an_engine_that_lost_its_last_entries_is_found_before_anything_is_applied(
    machines: Machines,
) -> None:
    machines.join()
    first = machines.all["mx1"]
    machines.run(first, "lock", "ann@r.example")
    machines.locked("ann@r.example")
    for machine in machines.all.values():
        assert machine.cluster is not None
        machine.cluster.stop()
    machines.engine.psql(
        "DELETE FROM bouncegate.log WHERE position = (SELECT max(position) FROM bouncegate.log);"
        " UPDATE bouncegate.head SET position = position - 1,"
        " chain = (SELECT chain FROM bouncegate.log ORDER BY position DESC LIMIT 1)"
    )
    machines.start()
    machines.run(first, "lock", "bob@r.example")
    for name in NAMES:
        process = machines.all[name].cluster
        assert process is not None
        wait_for(f"{name} says it", lambda process=process: "stopped" in process.tail())  # type: ignore[misc]
    assert first.show("bob@r.example")["locked"], "bounces and acts bind all the same"
    verified = machines.all["mx2"].run("cluster", "verify")
    assert verified.returncode != 0
    assert b"restored from a backup" in verified.stderr


def test_status_shows_each_machine_and_who_is_silent(machines: Machines) -> None:
    machines.join()
    first, _, third = machines.all.values()
    machines.run(first, "lock", "ann@r.example")
    machines.locked("ann@r.example")
    text = machines.run(first, "cluster", "status")
    for name in NAMES:
        assert f"\n{name} " in text
    assert "0 changes not in the log yet" in text
    assert third.cluster is not None
    third.cluster.send_signal(signal.SIGTERM)
    machines.engine.psql("UPDATE bouncegate.nodes SET seen = seen - 100000 WHERE node = 'mx3'")
    silent = first.run("cluster", "status")
    assert silent.returncode == 69
    assert b"mx3 was last heard of at" in silent.stdout
    machines.run(first, "cluster", "forget", "mx3", "--yes")
    machines.run(first, "cluster", "status")


def test_other_rules_hold_once_they_are_adopted(machines: Machines) -> None:
    machines.join()
    first, second, _ = machines.all.values()
    second.configure({**machines.sections("mx2"), "policy.hard": {"failures": 2}})
    text = machines.run(second, "cluster", "status")
    assert "are not in force" in text
    machines.run(second, "cluster", "adopt", "--yes")
    wait_for(
        "the rules", lambda: "are not in force" not in machines.run(second, "cluster", "status")
    )
    machines.run(first, "receive", stdin=dsn("ann@r.example"))
    wait_for("the bounce", lambda: second.show("ann@r.example")["hard"] == 1)
    assert not second.show("ann@r.example")["locked"], "two are needed now"


def test_a_machine_that_leaves_goes_on_by_itself(machines: Machines) -> None:
    machines.join()
    first, second, third = machines.all.values()
    machines.run(first, "lock", "ann@r.example")
    machines.locked("ann@r.example")
    assert third.cluster is not None
    third.cluster.stop()
    machines.run(third, "cluster", "leave", "--yes")
    machines.run(third, "lock", "own@r.example")
    assert sorted(third.locks()) == ["ann@r.example", "own@r.example"]
    machines.run(first, "lock", "bob@r.example")
    wait_for("the lock", lambda: second.show("bob@r.example")["locked"])
    assert sorted(third.locks()) == ["ann@r.example", "own@r.example"]
