"""The queue is worked through within the budget, whatever the name servers do."""

import logging
import threading
from pathlib import Path

import dns.message
import dns.rcode
import pytest
from msgspec.structs import replace

from bouncegate.admin.dns import lookups as module
from bouncegate.admin.dns.mx import Ask, look_up
from bouncegate.admin.dns.refresher import Refresher
from bouncegate.config.durations import Duration
from bouncegate.config.endpoints import NameServer as Address
from bouncegate.config.endpoints import parse_name_server
from bouncegate.config.settings import DnsSettings
from bouncegate.config.values import DomainName
from bouncegate.policy.mx import MxAnswer, MxHost
from bouncegate.store.mx import MxCache, NameServerFault
from bouncegate.store.store import Store
from lab.nameserver import NameServer

from .liar import Behaviour, name_server, response_to

NOW = 1_770_000_000
DAY = 86_400


@pytest.fixture
def known(store: Store) -> MxCache:
    return store.mx


def settings(*resolvers: Address, seconds: int = 1) -> DnsSettings:
    return DnsSettings(resolvers=resolvers, timeout=Duration(seconds=seconds), queries_a_second=999)


def refresh(known: MxCache, settings: DnsSettings, now: int = NOW) -> int:
    return Refresher(known, settings, lambda: now).refresh(threading.Event())


def test_what_is_wanted_is_asked_for_once_and_kept(nsd: NameServer, known: MxCache) -> None:
    known.want(["good.test", "null.test", "nowhere.test", "text.test", "example.com"], NOW)
    at = settings(parse_name_server(nsd.resolver))
    assert refresh(known, at) == 5
    assert refresh(known, at) == 0
    told = {name: known.of(f"{name}.test").status for name in ("good", "null", "nowhere", "text")}
    assert told == {"good": "ok", "null": "null-mx", "nowhere": "nxdomain", "text": "no-mx"}
    assert known.of("good.test").mx_hosts == ("mx1.good.test", "mx2.good.test")
    assert known.of("example.com").failures == 1


def test_a_denial_is_confirmed_a_day_later_by_itself(nsd: NameServer, known: MxCache) -> None:
    known.want(["nowhere.test", "good.test"], NOW)
    at = settings(parse_name_server(nsd.resolver))
    refresh(known, at)
    assert not known.of("nowhere.test").is_dead(DAY)
    assert refresh(known, at, NOW + DAY) == 1
    assert known.of("nowhere.test").is_dead(DAY)
    assert refresh(known, at, NOW + 30 * DAY) == 0, "nobody wants to know"


def test_dead_name_servers_leave_what_is_known_and_are_said_once(
    nsd: NameServer, known: MxCache, caplog: pytest.LogCaptureFixture
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


def denying(*kept: str) -> Behaviour:
    """Denies all but some, as each zone itself would."""

    def behave(question: dns.message.QueryMessage, _tcp: bool) -> dns.message.Message:
        name = question.question[0].name.to_text(omit_final_dot=True)
        if name in kept or name == "mx.test":
            return response_to(question, answer="10 mx.test.")
        return response_to(question, dns.rcode.NXDOMAIN, soa_of=f"{name}.")

    return behave


@pytest.mark.parametrize("owner", [".", "test.", ""])
def test_a_resolver_that_denies_references_too_is_not_believed_and_that_is_said_once(
    known: MxCache, caplog: pytest.LogCaptureFixture, owner: str
) -> None:
    """By whatever SOA: of the root, of a zone above, or of each name itself."""

    def lying(question: dns.message.QueryMessage, tcp: bool) -> dns.message.Message | bytes | None:
        if owner:
            return response_to(question, dns.rcode.NXDOMAIN, soa_of=owner)
        return denying()(question, tcp)

    with name_server(lying) as liar, caplog.at_level(logging.ERROR, "bouncegate.dns"):
        at = replace(settings(liar), reference_domains=(DomainName("mail.test"),))
        for day in range(4):
            known.want([f"d{n}.test" for n in range(9)], NOW + day * DAY)
            refresh(known, at, NOW + day * DAY)
    told = [known.of(f"d{n}.test") for n in range(9)]
    assert {(one.status, one.denial) for one in told} == {("unknown", None)}
    assert known.fault() == NameServerFault(NOW, "they deny mail.test")
    assert [r.message.partition(": ")[0] for r in caplog.records] == [
        "the name servers are not trusted"
    ]


def test_a_resolver_that_answers_for_no_reference_is_not_believed(known: MxCache) -> None:
    def half(question: dns.message.QueryMessage, _tcp: bool) -> dns.message.Message:
        name = question.question[0].name.to_text()
        rcode = dns.rcode.SERVFAIL if name == "mail.test." else dns.rcode.NXDOMAIN
        return response_to(question, rcode, soa_of=name)

    with name_server(half) as server:
        at = replace(settings(server), reference_domains=(DomainName("mail.test"),))
        known.want(["gone.test"], NOW)
        refresh(known, at)
    assert known.of("gone.test").denial is None
    assert known.fault() == NameServerFault(NOW, "they know no domain that takes mail")


def test_a_domain_that_took_mail_vouches_for_name_servers_as_well(known: MxCache) -> None:
    known.learn({"old.test": MxAnswer("ok", (MxHost(10, "mx.test"),))}, NOW, settings())
    with name_server(denying("old.test", "mail.test")) as server:
        at = replace(settings(server), reference_domains=())
        known.want(["gone.test"], NOW)
        refresh(known, at)
    assert known.of("gone.test").denial == "nxdomain"
    assert known.fault() is None


def test_many_domains_that_took_mail_and_are_denied_at_once_are_believed_if_it_lasts(
    known: MxCache,
) -> None:
    """A hosting company may be gone for good; a mishap of its servers is over by then."""
    lapsed = [f"d{n}.test" for n in range(9)]
    known.learn(
        dict.fromkeys(lapsed, MxAnswer("ok", (MxHost(10, "mx.test"),))), NOW - DAY, settings()
    )
    with name_server(denying("mail.test")) as server:
        at = replace(settings(server), reference_domains=(DomainName("mail.test"),))
        worker = Refresher(known, at, lambda: NOW)
        known.want(lapsed, NOW)
        worker.refresh(threading.Event())
        fault = known.fault()
        assert fault is not None
        assert fault.why == "they deny 9 domains that took mail before, and 1 do still"
        assert {known.of(domain).denial for domain in lapsed} == {None}
        known.want(lapsed, NOW + DAY)
        assert refresh(known, at, NOW + DAY) == 9
        assert known.fault() is not None, "for what is denied with them"
        refresh(known, at, NOW + 4 * DAY)
    assert known.fault() is None
    assert {known.of(domain).denial for domain in lapsed} == {"nxdomain"}


def test_a_resolver_that_denies_all_but_references_is_believed_if_it_lasts_only(
    known: MxCache,
) -> None:
    """A list may be as bad as that; but then it is as bad a day later."""
    domains = [f"d{n:03}.test" for n in range(250)]
    with name_server(denying("mail.test")) as server:
        at = replace(settings(server), reference_domains=(DomainName("mail.test"),), at_once=50)
        known.want(domains, NOW)
        refresh(known, at)
        assert {known.of(domain).denial for domain in domains[:200]} == {None}
        assert known.fault() == NameServerFault(NOW, "they deny 200 domains of 200 at once", True)
        known.want(domains, NOW + DAY)
        refresh(known, at, NOW + DAY)
    assert {known.of(domain).denial for domain in domains} == {"nxdomain"}, "each batch of them"


def test_a_resolver_that_is_sane_again_is_believed_without_any_bounce(known: MxCache) -> None:
    with name_server(denying()) as liar:
        at = replace(settings(liar), reference_domains=(DomainName("mail.test"),))
        known.want(["gone.test"], NOW)
        refresh(known, at)
        assert known.fault() is not None
        assert refresh(known, at, NOW + 120) == 0
        assert known.fault() is not None
    with name_server(denying("mail.test")) as server:
        at = replace(settings(server), reference_domains=(DomainName("mail.test"),))
        assert refresh(known, at, NOW + 240) == 0
    assert known.fault() is None


def test_dead_name_servers_are_not_waited_for_a_domain_at_a_time(known: MxCache) -> None:
    asked: set[str] = set()

    def silent(question: dns.message.QueryMessage, _tcp: bool) -> None:
        asked.add(question.question[0].name.to_text(omit_final_dot=True))

    with name_server(silent) as server:
        few = replace(settings(server), at_once=4, reference_domains=(DomainName("mail.test"),))
        known.want([f"d{n:02}.test" for n in range(40)], NOW)
        refreshed = refresh(known, few)
    assert "mail.test" in asked
    assert 4 <= refreshed <= 8, "those that were under way when the references were silent as well"
    assert known.waiting() == 40, "the rest waits in the queue, as if not asked for"


def test_without_any_resolver_nothing_breaks(
    known: MxCache, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
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


def test_no_more_domains_are_asked_for_at_once_than_is_set(known: MxCache) -> None:
    under_way = most = 0

    def counting(question: dns.message.QueryMessage, _tcp: bool) -> dns.message.Message:
        return response_to(question, answer="10 mx.test.")

    known.want([f"d{n}.test" for n in range(30)], NOW)

    async def watched(domain: str, ask: Ask) -> MxAnswer:
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


def test_a_stop_ends_the_work_between_two_batches(known: MxCache) -> None:
    known.want(["good.test"], NOW)
    stop = threading.Event()
    stop.set()
    assert Refresher(known, settings(), lambda: NOW).refresh(stop) == 0
    assert known.due(NOW, 10) == ["good.test"]
