"""Machines announce themselves, add up their sends and share secrets through the engine."""

import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.unit.cluster.conftest import session_of

from bouncegate.cluster.errors import EngineRefused, SecretConflict
from bouncegate.cluster.postgresql.log import PostgresqlLog
from bouncegate.cluster.postgresql.machines import PostgresqlRegistry
from bouncegate.cluster.postgresql.session import Session
from bouncegate.cluster.registry import MAX_BLANKED, MAX_RATES, Machine, RateKey, Secret
from bouncegate.cluster.sealing import Sealer
from lab.postgresql import PostgreSQL

SEALER = Sealer([bytes(range(32))])
GMX, WEB = SEALER.digest("gmx.de"), SEALER.digest("web.de")
DAY = 86_400_000


@pytest.fixture
def session(engine: PostgreSQL) -> Iterator[Session]:
    with closing(session_of(engine)) as session:
        yield session


@pytest.fixture
def registry(session: Session) -> PostgresqlRegistry:
    return PostgresqlRegistry(session)


def test_machine_that_announces_itself_is_listed_as_it_was_last(
    registry: PostgresqlRegistry, session: Session
) -> None:
    before = time.time_ns() // 1_000_000
    registry.announce("mx2", 1, "0.1.0", 0)
    registry.announce("mx1", 1, "0.1.0", 5)
    PostgresqlLog(session).append("mx1", [(7, b"\x01")])
    told = registry.announce("mx1", 2, "0.2.0", 17)
    one, two = registry.machines()
    assert one == Machine("mx1", 7, 2, "0.2.0", 17, one.skew, told)
    assert (two.node, two.seq, two.position) == ("mx2", 0, 0)
    assert before <= one.seen <= time.time_ns() // 1_000_000
    assert abs(one.skew) < 60_000


def test_clock_of_a_machine_that_is_wrong_shows_as_its_skew(
    registry: PostgresqlRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 3_600 * 10**9)
    registry.announce("mx1", 1, "0.1.0", 0)
    (machine,) = registry.machines()
    assert 3_540_000 < machine.skew <= 3_600_000


def test_machine_that_left_is_seen_no_more_until_it_announces_itself(
    registry: PostgresqlRegistry, session: Session
) -> None:
    PostgresqlLog(session).append("mx1", [(1, b"\x01")])
    assert not registry.leave("mx1"), "it has not announced itself yet"
    registry.announce("mx1", 1, "0.1.0", 1)
    assert registry.leave("mx1")
    assert not registry.leave("mx1")
    (machine,) = registry.machines()
    assert (machine.seen, machine.level, machine.seq) == (0, 0, 1)
    registry.announce("mx1", 1, "0.1.0", 1)
    assert registry.machines()[0].seen > 0


@pytest.mark.parametrize("node", ["", "MX1", "mx 1", "-mx", "m" * 65])
def test_machine_without_a_proper_name_is_refused(registry: PostgresqlRegistry, node: str) -> None:
    with pytest.raises(EngineRefused):
        registry.announce(node, 1, "0.1.0", 0)


def test_sends_are_summed_over_machines_by_subject_and_hour(registry: PostgresqlRegistry) -> None:
    registry.put_rates("mx1", {RateKey(500, GMX): 3, RateKey(501, GMX): 4, RateKey(500, WEB): 5})
    registry.put_rates("mx2", {RateKey(500, GMX): 30})
    registry.put_rates("mx2", {RateKey(500, GMX): 40, RateKey(499, GMX): 1})
    assert registry.rates([GMX], 500, 501) == {RateKey(500, GMX): 43, RateKey(501, GMX): 4}
    assert registry.rates([WEB, GMX], 499, 499) == {RateKey(499, GMX): 1}
    assert registry.rates([], 0, 1000) == {}


def test_sends_that_nobody_asks_for_any_more_are_forgotten(
    registry: PostgresqlRegistry,
) -> None:
    hour = int(time.time()) // 3600
    registry.put_rates("mx1", {RateKey(hour - 25, GMX): 1, RateKey(hour, GMX): 2})
    registry.forget(DAY, 100)
    assert registry.rates([GMX], 0, hour) == {RateKey(hour, GMX): 2}


def test_secret_is_put_by_version_and_got_by_all(registry: PostgresqlRegistry) -> None:
    assert registry.secret("salt") is None
    first = Secret(1, SEALER.seal_secret("salt", 1, b"one"))
    second = Secret(2, SEALER.seal_secret("salt", 2, b"two"))
    registry.put_secret("mx1", "salt", first)
    assert registry.secret("salt") == first
    registry.put_secret("mx1", "salt", first)  # the answer was lost
    registry.put_secret("mx2", "salt", second)
    registry.put_secret("mx2", "salt", second)
    assert registry.secret("salt") == second
    assert SEALER.open_secret("salt", second.version, second.sealed) == b"two"


@pytest.mark.parametrize("version", [0, 1, 2, 4])
def test_secret_that_is_not_the_next_version_is_a_conflict(
    registry: PostgresqlRegistry, version: int
) -> None:
    registry.put_secret("mx1", "salt", Secret(1, b"\x01 one"))
    registry.put_secret("mx1", "salt", Secret(2, b"\x01 two"))
    with pytest.raises(SecretConflict):
        registry.put_secret("mx2", "salt", Secret(version, b"\x01 other"))
    assert registry.secret("salt") == Secret(2, b"\x01 two")


def test_calls_are_bounded(registry: PostgresqlRegistry) -> None:
    with pytest.raises(EngineRefused):
        registry.blank(range(1, MAX_BLANKED + 2))
    with pytest.raises(EngineRefused):
        registry.put_rates("mx1", {RateKey(n, GMX): 1 for n in range(MAX_RATES + 1)})
    with pytest.raises(EngineRefused):
        registry.rates([GMX] * (MAX_RATES + 1), 0, 1)
    with pytest.raises(EngineRefused, match="kept for a day at least"):
        registry.forget(DAY - 1, 100)
    with pytest.raises(EngineRefused):
        registry.put_rates("mx1", {RateKey(1, b"a domain.example"[:9]): 1})
    with pytest.raises(EngineRefused):
        registry.put_secret("mx1", "salt", Secret(1, b""))
