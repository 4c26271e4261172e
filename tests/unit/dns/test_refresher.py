"""The queue is worked through within the budget, whatever the name servers do."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import dns.message
import pytest

from bouncegate.config.durations import Duration
from bouncegate.config.settings import DnsSettings, StoreSettings
from bouncegate.config.values import NameServer as Address
from bouncegate.config.values import Size, parse_name_server
from bouncegate.dns import refresher as module
from bouncegate.dns.lookup import Ask, look_up
from bouncegate.dns.refresher import Refresher
from bouncegate.policy.exchange import Answer
from bouncegate.store.exchanges import Exchanges
from bouncegate.store.store import Store
from lab.nameserver import NameServer

from .liar import name_server, response_to

NOW = 1_770_000_000
DAY = 86_400


@pytest.fixture
def known(tmp_path: Path) -> Iterator[Exchanges]:
    store = Store.open(StoreSettings(path=tmp_path, map_size=Size(64 * 2**20)))
    yield store.exchanges
    store.close()


def settings(*resolvers: Address, seconds: int = 1) -> DnsSettings:
    return DnsSettings(resolvers=resolvers, timeout=Duration(seconds=seconds), queries_a_second=999)


def refresh(known: Exchanges, settings: DnsSettings, now: int = NOW) -> int:
    return Refresher(known, settings, lambda: now).refresh(threading.Event())


def test_what_is_wanted_is_asked_for_once_and_kept(nsd: NameServer, known: Exchanges) -> None:
    known.want(["good.test", "null.test", "nowhere.test", "text.test", "example.com"], NOW)
    at = settings(parse_name_server(nsd.resolver))
    assert refresh(known, at) == 5
    assert refresh(known, at) == 0
    told = {name: known.of(f"{name}.test").status for name in ("good", "null", "nowhere", "text")}
    assert told == {"good": "ok", "null": "null-mx", "nowhere": "nxdomain", "text": "no-mx"}
    assert known.of("good.test").mx_hosts == ("mx1.good.test", "mx2.good.test")
    assert known.of("example.com").failures == 1


def test_a_denial_is_confirmed_a_day_later_by_itself(nsd: NameServer, known: Exchanges) -> None:
    known.want(["nowhere.test"], NOW)
    at = settings(parse_name_server(nsd.resolver))
    refresh(known, at)
    assert not known.of("nowhere.test").is_dead(DAY)
    assert refresh(known, at, NOW + DAY) == 1
    assert known.of("nowhere.test").is_dead(DAY)
    assert refresh(known, at, NOW + 30 * DAY) == 0, "nobody wants to know"


def test_dead_name_servers_leave_what_is_known_and_are_said_once(
    nsd: NameServer, known: Exchanges, caplog: pytest.LogCaptureFixture
) -> None:
    known.want(["good.test", "address.test"], NOW)
    at = parse_name_server(nsd.resolver)
    refresh(known, settings(at))
    with name_server(lambda _question, _tcp: None) as dead:
        pass
    worker = Refresher(known, settings(dead), lambda: NOW + DAY)
    with caplog.at_level(logging.WARNING, "bouncegate.dns"):
        for _ in range(3):
            known.want(["good.test", "address.test"], NOW + DAY)
            worker.refresh(threading.Event())
    assert known.of("good.test").mx_hosts == ("mx1.good.test", "mx2.good.test")
    assert known.of("good.test").failures == 3
    assert [record.message.partition(" (")[0] for record in caplog.records] == [
        "no name server answers"
    ]


def test_without_any_resolver_nothing_breaks(
    known: Exchanges, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    empty = tmp_path / "resolv.conf"
    empty.write_text("")
    monkeypatch.setattr("dns.resolver.Resolver.read_resolv_conf", _reading(str(empty)))
    known.want(["good.test"], NOW)
    assert refresh(known, settings()) == 1
    assert known.of("good.test").why.startswith("no resolver: ")


def _reading(path: str) -> object:
    import dns.resolver  # noqa: PLC0415 - before it is patched

    read = dns.resolver.Resolver.read_resolv_conf
    return lambda self, _path: read(self, path)


def test_no_more_domains_are_asked_for_at_once_than_is_set(known: Exchanges) -> None:
    under_way = most = 0

    def counting(question: dns.message.QueryMessage, _tcp: bool) -> dns.message.Message:
        return response_to(question, answer="10 mx.test.")

    known.want([f"d{n}.test" for n in range(30)], NOW)

    async def watched(domain: str, ask: Ask) -> Answer:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            return await look_up(domain, ask)
        finally:
            under_way -= 1

    with name_server(counting) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "look_up", watched)
        few = DnsSettings(resolvers=(server,), at_once=4, queries_a_second=999)
        assert Refresher(known, few, lambda: NOW).refresh(threading.Event()) == 30
    assert most == 4


def test_a_stop_ends_the_work_between_two_batches(known: Exchanges) -> None:
    known.want(["good.test"], NOW)
    stop = threading.Event()
    stop.set()
    assert Refresher(known, settings(), lambda: NOW).refresh(stop) == 0
    assert known.due(NOW, 10) == ["good.test"]
