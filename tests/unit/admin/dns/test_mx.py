"""Who takes the mail of a domain: told by a real name server, and never by a broken one."""

import asyncio
import time

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from bouncegate.admin.dns.answer import ask
from bouncegate.admin.dns.mx import MOST_HOSTS, look_up
from bouncegate.admin.dns.nameservers import Budget, resolver_of
from bouncegate.config.durations import Duration
from bouncegate.config.endpoints import NameServer as Address
from bouncegate.config.endpoints import parse_name_server
from bouncegate.config.settings import DnsSettings
from bouncegate.policy.mx import MxAnswer, MxHost
from lab.nameserver import NameServer

from .liar import Behaviour, name_server, response_to

Question = dns.message.QueryMessage


def looked_up(domain: str, *resolvers: Address, timeout: int = 1) -> MxAnswer:
    settings = DnsSettings(resolvers=resolvers, timeout=Duration(seconds=timeout))

    async def once() -> MxAnswer:
        resolver = resolver_of(settings, Budget(1000))
        return await look_up(domain, lambda name, kind: ask(resolver, name, kind))

    return asyncio.run(once())


@pytest.fixture
def at(nsd: NameServer) -> Address:
    return parse_name_server(nsd.resolver)


@pytest.fixture
def closed_port() -> Address:
    """Where nobody listens, and nobody will."""
    with name_server(lambda _question, _tcp: None) as address:
        pass
    return address


@pytest.mark.parametrize(
    ("domain", "hosts"),
    [
        ("good.test", ((10, "mx1.good.test"), (20, "mx2.good.test"))),
        ("google.test", ((1, "aspmx.l.google.com"),)),
        ("alias.test", ((10, "mx1.good.test"), (20, "mx2.good.test"))),
        ("address.test", ((0, "address.test"),)),
        ("address6.test", ((0, "address6.test"),)),
        ("half-null.test", ((10, "mx.good.test"),)),
        ("half-hostless.test", ((10, "gone.hostless.test"), (20, "mx2.good.test"))),
    ],
)
def test_a_domain_that_takes_mail_has_its_hosts_in_the_order_of_preference(
    at: Address, domain: str, hosts: tuple[tuple[int, str], ...]
) -> None:
    answer = looked_up(domain, at)
    assert (answer.status, answer.hosts, answer.why) == ("ok", hosts, "")


@pytest.mark.parametrize(
    ("domain", "status"),
    [
        ("null.test", "null-mx"),
        ("nowhere.test", "nxdomain"),
        ("dangling.test", "nxdomain"),
        ("text.test", "no-mx"),
        ("hostless.test", "no-host"),
    ],
)
def test_each_way_of_taking_no_mail_is_told_apart(at: Address, domain: str, status: str) -> None:
    answer = looked_up(domain, at)
    assert (answer.status, answer.hosts, answer.why) == (status, (), "")


def test_the_servers_say_how_long_an_answer_is_good(at: Address) -> None:
    assert looked_up("good.test", at).ttl == 7200
    assert looked_up("short.test", at).ttl == 10
    assert looked_up("nowhere.test", at).ttl == 60, "the zone's own bound for denials (RFC 2308)"
    assert looked_up("text.test", at).ttl == 60


def test_an_answer_too_long_for_udp_comes_by_tcp_and_is_cut_to_what_anybody_tries(
    at: Address,
) -> None:
    answer = looked_up("many.test", at)
    assert answer.status == "ok"
    assert [host.preference for host in answer.hosts] == list(range(MOST_HOSTS))


def test_hosts_of_impossible_names_are_passed_over(at: Address) -> None:
    assert looked_up("odd.test", at).hosts == ((10, "mx.good.test"),)
    alone = looked_up("only-odd.test", at)
    assert (alone.status, alone.hosts) == ("unknown", ())


def test_a_chain_without_end_is_no_answer(at: Address) -> None:
    assert looked_up("loop.test", at).status == "unknown"


def test_a_server_that_does_not_serve_the_zone_says_nothing_about_it(at: Address) -> None:
    """NSD refuses: a lame delegation."""
    answer = looked_up("example.com", at)
    assert answer.status == "unknown"
    assert "REFUSED" in answer.why


@pytest.mark.parametrize("domain", ["a..b", "x" * 64 + ".test", "[127.0.0.1]", "."])
def test_what_is_no_name_is_no_answer_and_no_fault_of_ours(at: Address, domain: str) -> None:
    assert looked_up(domain, at).status == "unknown"


def test_a_dead_server_is_no_answer_and_the_next_one_is_asked(
    at: Address, closed_port: Address
) -> None:
    assert looked_up("good.test", closed_port).status == "unknown"
    assert looked_up("good.test", closed_port, at).status == "ok"


def test_a_silent_server_costs_its_time_and_the_next_one_is_asked(at: Address) -> None:
    with name_server(lambda _question, _tcp: None) as silent:
        start = time.monotonic()
        assert looked_up("good.test", silent).status == "unknown"
        assert time.monotonic() - start < 3
        assert looked_up("good.test", silent, at).status == "ok"


def test_a_slow_server_is_waited_for_as_long_as_is_set_and_no_longer() -> None:
    def after(seconds: float) -> str:
        def slow(question: Question, _tcp: bool) -> dns.message.Message:
            time.sleep(seconds)
            return response_to(question, answer="10 mx.test.")

        with name_server(slow) as server:
            return looked_up("good.test", server).status

    assert after(0.2) == "ok"
    assert after(1.5) == "unknown"


LYING: dict[str, Behaviour] = {
    "denies everything, of no zone": lambda q, _: response_to(q, dns.rcode.NXDOMAIN),
    "denies everything, by a zone of its own": lambda q, _: response_to(
        q, dns.rcode.NXDOMAIN, soa_of="filter.example."
    ),
    "denies one name, by the root": lambda q, _: response_to(
        q,
        dns.rcode.NXDOMAIN if q.question[0].name.to_text() == "good.test." else dns.rcode.NOERROR,
        soa_of=".",
    ),
    "denies one name, by the root, and fails for what is above": lambda q, _: response_to(
        q,
        dns.rcode.NXDOMAIN if q.question[0].name.to_text() == "good.test." else dns.rcode.SERVFAIL,
        soa_of=".",
    ),
    "knows no records, of no zone": lambda q, _: response_to(q),
    "servfail": lambda q, _: response_to(q, dns.rcode.SERVFAIL),
    "refused": lambda q, _: response_to(q, dns.rcode.REFUSED),
    "not implemented": lambda q, _: response_to(q, dns.rcode.NOTIMP),
    "rubbish": lambda q, _: q.to_wire()[:2] + b"\x84\x00rubbish",
    "its own question": lambda q, _: q.to_wire(),
    "truncated, and TCP is shut": lambda q, tcp: None if tcp else response_to(q, truncated=True),
    "truncated by TCP too": lambda q, _: response_to(q, truncated=True),
    "an alias of itself": lambda q, _: _alias(q),
}  # fmt: skip


def _alias(question: Question) -> dns.message.Message:
    response = response_to(question)
    name = question.question[0].name
    response.answer = [dns.rrset.from_text(name, 300, "IN", "CNAME", name.to_text())]
    return response


@pytest.mark.parametrize("behaviour", LYING.values(), ids=LYING)
def test_what_a_broken_or_lying_server_says_is_no_answer(behaviour: Behaviour) -> None:
    with name_server(behaviour) as liar:
        answer = looked_up("good.test", liar)
    assert (answer.status, answer.hosts) == ("unknown", ())
    assert answer.why


def test_a_denial_must_come_from_the_zone_or_from_above_it() -> None:
    def by(owner: str) -> str:
        with name_server(lambda q, _: response_to(q, dns.rcode.NXDOMAIN, soa_of=owner)) as server:
            return looked_up("mail.example.test", server).status

    assert [by(owner) for owner in ("mail.example.test.", "test.")] == ["nxdomain", "nxdomain"]
    assert by("other.test.") == "unknown"


@pytest.mark.parametrize("domain", ["gmail.con", "mail.host.lan", "localdomain"])
def test_a_top_level_domain_that_does_not_exist_is_denied_by_the_root(domain: str) -> None:
    with name_server(lambda q, _: response_to(q, dns.rcode.NXDOMAIN, soa_of=".")) as root:
        assert looked_up(domain, root).status == "nxdomain"


def test_an_alias_that_leads_below_no_top_level_domain_is_denied() -> None:
    def aliased(question: Question, _tcp: bool) -> dns.message.Message:
        response = response_to(question, dns.rcode.NXDOMAIN, soa_of=".")
        name = question.question[0].name
        if len(name.labels) == 3:
            response.answer = [dns.rrset.from_text(name, 300, "IN", "CNAME", "mail.host.lan.")]
        return response

    with name_server(aliased) as server:
        assert looked_up("good.test", server).status == "nxdomain"


def test_a_server_that_contradicts_itself_is_not_believed() -> None:
    def two_faced(question: Question, _tcp: bool) -> dns.message.Message:
        asked = question.question[0].rdtype
        rcode = dns.rcode.NOERROR if asked == dns.rdatatype.MX else dns.rcode.NXDOMAIN
        return response_to(question, rcode, soa_of="test.")

    with name_server(two_faced) as server:
        assert looked_up("good.test", server).status == "unknown"


def test_a_domain_with_an_address_of_one_kind_takes_mail_though_the_other_kind_fails() -> None:
    def half(question: Question, _tcp: bool) -> dns.message.Message:
        asked = question.question[0].rdtype
        if asked == dns.rdatatype.A:
            return response_to(question, dns.rcode.SERVFAIL)
        if asked == dns.rdatatype.AAAA:
            return response_to(question, answer="::1")
        return response_to(question, soa_of="test.")

    with name_server(half) as server:
        assert looked_up("good.test", server).hosts == (MxHost(0, "good.test"),)


def test_a_domain_without_mx_is_not_without_address_while_that_cannot_be_asked() -> None:
    def half(question: Question, _tcp: bool) -> dns.message.Message:
        asked = question.question[0].rdtype
        failed = asked == dns.rdatatype.AAAA
        return response_to(
            question, dns.rcode.SERVFAIL if failed else dns.rcode.NOERROR, soa_of="test."
        )

    with name_server(half) as server:
        assert looked_up("good.test", server).status == "unknown"


def test_the_budget_is_kept_with_a_second_s_worth_at_once() -> None:
    now = 100.0
    budget = Budget(10, lambda: now)
    assert [budget.take() for _ in range(10)] == [0.0] * 10
    assert budget.take() == pytest.approx(0.1)
    now += 0.125
    assert budget.take() == 0.0
    assert budget.take() > 0
    now += 60
    assert sum(budget.take() == 0.0 for _ in range(100)) == 10, "what is not spent is not saved up"


def test_questions_that_are_repeated_are_paid_for_too() -> None:
    asked: list[bool] = []

    def truncating(question: Question, tcp: bool) -> dns.message.Message:
        asked.append(tcp)
        return response_to(question, answer="10 mx.test.", truncated=not tcp)

    async def one(server: Address) -> float:
        now = 0.0
        budget = Budget(5, lambda: now)
        resolver = resolver_of(DnsSettings(resolvers=(server,)), budget)
        await look_up("good.test", lambda name, kind: ask(resolver, name, kind))
        return sum(budget.take() == 0.0 for _ in range(10))

    with name_server(truncating) as server:
        assert asyncio.run(one(server)) == 1
    assert asked == [False, True, False, True], "of the domain, then of its host's address"
