"""Several machines append and read at once, and the engine is cut off and killed meanwhile."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial

import pytest
from tests.relay import Relay
from tests.unit.cluster.conftest import MACHINE, NewLog, session_of

from bouncegate.cluster.chain import follow, verify
from bouncegate.cluster.errors import EngineAway
from bouncegate.cluster.log import Head, Log, Row
from bouncegate.cluster.postgresql import log as log_module
from bouncegate.cluster.postgresql.log import PostgresqlLog
from bouncegate.cluster.postgresql.migrations import migrate
from bouncegate.cluster.postgresql.session import Session, Timeouts
from bouncegate.cluster.postgresql.target import Target
from lab.folder import LabFolder
from lab.postgresql import PostgreSQL
from lab.waiting import wait_for

NODES = ("mx1", "mx2", "mx3")


def entries(first: int, many: int) -> list[tuple[int, bytes]]:
    return [(seq, b"\x01 body %d" % seq) for seq in range(first, first + many)]


def rows_after(log: Log, stand: Head) -> list[Row]:
    rows: list[Row] = []
    while batch := log.read(stand.position, 1_000):
        stand = follow(stand, batch)
        rows += batch
    return rows


def insistently(call: Callable[[], Head], stop: threading.Event) -> Head:
    """As a publisher does it: the same call again until it is answered."""
    while True:
        try:
            return call()
        except EngineAway:
            if stop.wait(0.02):
                raise


def impatient(server: PostgreSQL, port: int | None = None) -> PostgresqlLog:
    """A machine's log with short timeouts, perhaps through a relay."""
    conninfo = server.conninfo(MACHINE, tcp=True)
    if port is not None:
        conninfo = conninfo.replace(f"port={server.port}", f"port={port}")
    target = Target(f"{conninfo} connect_timeout=2")
    return PostgresqlLog(Session(target, Timeouts(statement=2.0, lock=0.2, answer=0.5)))


def test_reader_that_polls_during_10000_appends_never_sees_a_gap(new_log: NewLog) -> None:
    """Each append is one entry, from three connections at once; `follow` checks each batch."""
    each = 3_334
    reader = new_log()
    stand, rows, polls = reader.head(), list[Row](), 0

    def publish(node: str, log: Log) -> None:
        for seq in range(1, each + 1):
            log.append(node, [(seq, b"\x01 body")])

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(publish, node, new_log()) for node in NODES]
        while True:
            ended = all(one.done() for one in running)
            batch = reader.read(stand.position, 1_000)
            stand = follow(stand, batch)
            rows += batch
            polls += 1
            if ended and not batch:
                break
        for one in running:
            one.result()
    assert [row.position for row in rows] == list(range(1, each * 3 + 1))
    assert polls > 10, "nothing was read while others appended"
    assert [row.at for row in rows] == sorted(row.at for row in rows)
    for node in NODES:
        assert [row.seq for row in rows if row.node == node] == list(range(1, each + 1))


def test_entries_that_two_connections_append_at_once_are_counted_once(new_log: NewLog) -> None:
    """A publisher calls again while its first call still runs at the server."""
    start = new_log().head()
    logs = [new_log(), new_log()]
    with ThreadPoolExecutor(2) as pool:
        for first in range(1, 200, 5):
            calls = [pool.submit(log.append, "mx1", entries(first, 5)) for log in logs]
            for call in calls:
                call.result()
    assert [row.seq for row in rows_after(logs[0], start)] == list(range(1, 201))


def test_append_whose_answer_was_lost_counts_once_when_it_is_repeated(
    engine: PostgreSQL, new_log: NewLog
) -> None:
    start = new_log().head()
    with Relay(engine.port) as relay, closing(impatient(engine, relay.port)) as log:
        log.append("mx1", entries(1, 1))
        relay.silence("back")
        with pytest.raises(EngineAway, match=r"did not answer within|timeout expired"):
            log.append("mx1", entries(2, 3))
        relay.resume()
        relay.cut()
        assert new_log().head().position == 4, "it took effect, and nobody was told"
        stop = threading.Event()
        assert insistently(lambda: log.append("mx1", entries(2, 3)), stop).position == 4
    assert [row.seq for row in rows_after(new_log(), start)] == [1, 2, 3, 4]


def test_connections_that_are_cut_at_any_moment_cost_and_double_nothing(
    engine: PostgreSQL, new_log: NewLog
) -> None:
    start, enough = new_log().head(), threading.Event()
    answered = list[Head]()
    with Relay(engine.port) as relay, closing(impatient(engine, relay.port)) as log:

        def publish() -> None:
            while not enough.is_set():
                batch = entries(3 * len(answered) + 1, 3)
                answered.append(insistently(partial(log.append, "mx1", batch), threading.Event()))

        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(publish)
            for cut in range(1, 26):
                wait_for("some appends", lambda: len(answered) >= 5 * cut)  # noqa: B023
                relay.cut()
            enough.set()
            running.result()
    assert [row.seq for row in rows_after(new_log(), start)] == list(
        range(1, 3 * len(answered) + 1)
    )


@pytest.mark.parametrize("way", ["out", "back"])
def test_network_that_swallows_everything_one_way_ends_a_call_in_time(
    engine: PostgreSQL, way: str
) -> None:
    with Relay(engine.port) as relay, closing(impatient(engine, relay.port)) as log:
        log.head()
        relay.silence(way)
        with pytest.raises(EngineAway):
            log.head()
        relay.resume()
        assert insistently(log.head, threading.Event()).position == 0


def test_engine_that_stands_still_ends_a_call_in_time_and_is_used_when_it_goes_on(
    engine: PostgreSQL,
) -> None:
    with closing(impatient(engine)) as log:
        log.append("mx1", entries(1, 1))
        engine.freeze()
        try:
            with pytest.raises(EngineAway):
                log.head()
        finally:
            engine.thaw()
        assert insistently(log.head, threading.Event()).position == 1


def test_append_does_not_wait_long_for_a_lock_that_somebody_holds(engine: PostgreSQL) -> None:
    with (
        closing(impatient(engine)) as log,
        closing(session_of(engine, "bouncegate_owner")) as owner,
    ):
        owner.run("BEGIN")
        owner.run("SELECT FROM bouncegate.head FOR UPDATE")
        with pytest.raises(EngineAway, match="lock timeout"):
            log.append("mx1", entries(1, 1))
        owner.run("ROLLBACK")
        assert log.append("mx1", entries(1, 1)).position == 1


def test_engine_that_restarts_is_not_noticed_by_who_calls(
    engine: PostgreSQL, new_log: NewLog
) -> None:
    log = new_log()
    head = log.append("mx1", entries(1, 5))
    engine.restart()
    assert log.head() == head
    engine.restart()
    assert log.append("mx1", entries(6, 1)).position == 6


def test_wait_is_woken_by_an_append_without_polling(
    new_log: NewLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "POLL_EVERY", 600.0)
    waiting, appending = new_log(), new_log()
    with ThreadPoolExecutor(1) as pool:
        for seq in range(1, 4):
            found = pool.submit(waiting.wait, seq - 1, 600.0)
            appending.append("mx1", entries(seq, 1))
            assert found.result(timeout=30)


def test_wait_goes_on_after_a_restart_of_the_engine(engine: PostgreSQL, new_log: NewLog) -> None:
    waiting, appending = new_log(), new_log()
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(waiting.wait, 0, 600.0)
        appending.head()
        engine.restart()
        appending.append("mx1", entries(1, 1))
        with suppress(EngineAway):  # the restart met it while it connected
            assert found.result(timeout=30)
    assert waiting.wait(0, 30.0)


def test_wait_for_an_engine_that_is_away_rests_between_its_tries_longer_each_time(
    engine: PostgreSQL,
) -> None:
    now, rests = 1_000.0, list[float]()

    def sleep(seconds: float) -> None:
        nonlocal now
        rests.append(seconds)
        now += seconds

    session = Session(Target(engine.conninfo(MACHINE)), clock=lambda: now, sleep=sleep)
    with closing(PostgresqlLog(session)) as log:
        engine.stop()
        try:
            for _ in range(12):
                with pytest.raises(EngineAway):
                    log.wait(0, 60.0)
            with pytest.raises(EngineAway, match="the next try is in"):
                log.wait(0, 1.0)
        finally:
            engine.start()
        session.rest(60.0)
        assert log.head().position == 0
    longest = [min(0.5 * 2**n, 30.0) for n in range(11)]
    assert all(one / 2 <= rest <= one for rest, one in zip(rests, longest, strict=False))
    assert rests[11] == 1.0, "no longer than the caller waits"


def test_kills_of_the_engine_in_the_midst_of_appends_lose_and_double_nothing() -> None:
    """With syncing: whatever an append was answered is there, in its place, after each kill."""
    each = 400
    stop = threading.Event()
    acknowledged = list[Head]()
    with LabFolder() as folder:
        server = PostgreSQL(folder, fast=False)
        server.start()
        server.psql(f"CREATE ROLE {MACHINE} LOGIN")
        with closing(session_of(server, "postgres")) as owner:
            migrate(owner)
        server.psql(f"GRANT bouncegate_machine TO {MACHINE}")
        with closing(PostgresqlLog(session_of(server))) as log:
            start = log.head()

        def publish(node: str) -> None:
            with closing(impatient(server)) as log:
                for first in range(1, each, 2):
                    call = partial(log.append, node, entries(first, 2))
                    acknowledged.append(insistently(call, stop))

        with ThreadPoolExecutor(3) as pool:
            running = [pool.submit(publish, node) for node in NODES]
            for kill in range(1, 4):
                while len(acknowledged) < kill * 100 and not all(one.done() for one in running):
                    stop.wait(0.01)
                server.kill()
                server.start()
            for one in running:
                one.result()
        with closing(PostgresqlLog(session_of(server))) as log:
            rows = rows_after(log, start)
            chains = {row.position: row.chain for row in rows}
            assert all(chains[position] == chain for position, chain in acknowledged)
            verify(log, *acknowledged[0])
    for node in NODES:
        assert [row.seq for row in rows if row.node == node] == list(range(1, each + 1))
