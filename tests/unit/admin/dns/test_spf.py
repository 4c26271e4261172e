"""SPF: a wrong verdict sends an administrator to change what is right, or hides a real fault."""

import asyncio
from ipaddress import ip_address

import dns.name
import pytest
from dns.rdata import from_text
from dns.rdataclass import IN
from dns.rdatatype import RdataType

from bouncegate.admin.dns.answer import DnsAnswer
from bouncegate.admin.dns.spf import SpfResult, check_host

ZONE = {
    ("plain.test", "TXT"): ['"unrelated"', '"v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all"'],
    ("soft.test", "TXT"): ['"v=spf1 ~all"'],
    ("neutral.test", "TXT"): ['"V=SPF1 ?all"'],
    ("open-end.test", "TXT"): ['"v=spf1 ip4:198.51.100.1"'],
    ("split.test", "TXT"): ['"v=spf1 ip4:192.0." "2.1 -all"'],
    ("a.test", "TXT"): ['"v=spf1 a:host.test/24//64 -all"'],
    ("host.test", "A"): ["192.0.2.200"],
    ("host.test", "AAAA"): ["2001:db8::1:2"],
    ("mx.test", "TXT"): ['"v=spf1 mx -all"'],
    ("mx.test", "MX"): ["10 other.test.", "20 host.test."],
    ("other.test", "A"): ["198.51.100.7"],
    ("include.test", "TXT"): ['"v=spf1 include:soft.test include:plain.test -all"'],
    ("redirect.test", "TXT"): ['"v=spf1 redirect=plain.test"'],
    ("redirect-nowhere.test", "TXT"): ['"v=spf1 redirect=nowhere.test"'],
    ("include-nowhere.test", "TXT"): ['"v=spf1 include:nowhere.test -all"'],
    ("exists.test", "TXT"): ['"v=spf1 exists:host.test -all"'],
    ("macro.test", "TXT"): ['"v=spf1 exists:%{l}.test -all"'],
    ("address.test", "TXT"): ['"v=spf1 exists:%{ir}.%{v}._spf.%{d2} -all"'],
    ("1.2.0.192.in-addr._spf.address.test", "A"): ["127.0.0.2"],
    ("label.deep.test", "TXT"): ['"v=spf1 include:%{d1}.%{o} -all"'],
    ("test.label.deep.test", "TXT"): ['"v=spf1 ip4:192.0.2.1 -all"'],
    ("unread.test", "TXT"): ['"v=spf1 ip4:192.0.2.1 x=%{l}/y z=http://a.test/b?c=%% -all"'],
    ("void.test", "TXT"): ['"v=spf1 a:no1.test a:no2.test ip4:192.0.2.1 -all"'],
    ("voids.test", "TXT"): ['"v=spf1 a:no1.test mx:no2.test exists:no3.test ip4:192.0.2.1"'],
    ("crowd.test", "TXT"): ['"v=spf1 mx -all"'],
    ("crowd.test", "MX"): [f"{n} host{n}.test." for n in range(11)],
    ("ptr.test", "TXT"): ['"v=spf1 ptr -all"'],
    ("modifier.test", "TXT"): ['"v=spf1 exp=why.test new=thing ip4:192.0.2.1 -all"'],
    ("typo.test", "TXT"): ['"v=spf1 ipv4:192.0.2.1 -all"'],
    ("number.test", "TXT"): ['"v=spf1 ip4:192.0.2.300 -all"'],
    ("length.test", "TXT"): ['"v=spf1 ip4:192.0.2.0/33 -all"'],
    ("two.test", "TXT"): ['"v=spf1 -all"', '"v=spf1 +all"'],
    ("loop.test", "TXT"): ['"v=spf1 include:loop.test -all"'],
    ("many.test", "TXT"): [f'"v=spf1 {"a:other.test " * 11}-all"'],
    ("broken.test", "TXT"): ['"v=spf1 a:fails.test -all"'],
}


def verdict_on(record: str, address: str = "192.0.2.1") -> str:
    """Of a domain with this record, the only one."""

    async def answered(name: dns.name.Name, kind: RdataType) -> DnsAnswer:
        if kind is RdataType.TXT and name.to_text() == "own.test.":
            strings = (f'"{record[n : n + 200]}"' for n in range(0, len(record), 200))
            return DnsAnswer("found", (from_text(IN, kind, " ".join(strings)),))
        return DnsAnswer("nxdomain")

    return asyncio.run(check_host(ip_address(address), "own.test", answered)).result


def result_of(domain: str, address: str = "192.0.2.1") -> SpfResult:
    async def answered(name: dns.name.Name, kind: RdataType) -> DnsAnswer:
        key = name.to_text(omit_final_dot=True)
        if key == "fails.test":
            return DnsAnswer("failed", why="timed out")
        texts = ZONE.get((key, kind.name))
        if texts is None:
            return DnsAnswer("nxdomain")
        return DnsAnswer("found", tuple(from_text(IN, kind, text) for text in texts))

    return asyncio.run(check_host(ip_address(address), domain, answered))


@pytest.mark.parametrize(
    ("domain", "address", "result"),
    [
        ("plain.test", "192.0.2.1", "pass"),
        ("plain.test", "192.0.3.1", "fail"),
        ("plain.test", "2001:db8:5::1", "pass"),
        ("plain.test", "2001:db9::1", "fail"),
        ("soft.test", "192.0.2.1", "softfail"),
        ("neutral.test", "192.0.2.1", "neutral"),
        ("open-end.test", "192.0.2.1", "neutral"),
        ("split.test", "192.0.2.1", "pass"),
        ("a.test", "192.0.2.1", "pass"),
        ("a.test", "192.0.3.1", "fail"),
        ("a.test", "2001:db8::2:3", "pass"),
        ("a.test", "2001:db8:0:1::2", "fail"),
        ("mx.test", "192.0.2.200", "pass"),
        ("mx.test", "192.0.2.1", "fail"),
        ("include.test", "192.0.2.1", "pass"),
        ("include.test", "192.0.3.1", "fail"),
        ("redirect.test", "192.0.2.1", "pass"),
        ("exists.test", "192.0.2.1", "pass"),
        ("modifier.test", "192.0.2.1", "pass"),
        ("address.test", "192.0.2.1", "pass"),
        ("address.test", "192.0.2.9", "fail"),
        ("label.deep.test", "192.0.2.1", "pass"),
        ("unread.test", "192.0.2.1", "pass"),
        ("unread.test", "192.0.2.2", "fail"),
        ("void.test", "192.0.2.1", "pass"),
        ("plain.test", "::ffff:192.0.2.1", "pass"),
        ("nowhere.test", "192.0.2.1", "none"),
    ],
)
def test_a_record_permits_whom_it_names_and_nobody_else(
    domain: str, address: str, result: str
) -> None:
    assert result_of(domain, address).result == result


@pytest.mark.parametrize(
    "domain",
    [
        *("typo.test", "number.test", "length.test", "two.test"),
        *("redirect-nowhere.test", "include-nowhere.test"),
    ],
)
def test_a_record_that_receivers_cannot_read_is_an_error_and_no_permission(domain: str) -> None:
    assert result_of(domain).result == "permerror"


@pytest.mark.parametrize(
    "terms",
    [
        "+all 192.0.2.1",
        "all:own.test",
        "all/24",
        "a:",
        "a:host",
        "a:192.0.2.1",
        "a/033",
        "a/33",
        "a//129",
        "a:host.test//",
        "mx: -all",
        "mx/24/64",
        "ip4:2001:db8::1",
        "ip4:192.0.2.0/024",
        "ip4:192.0.2",
        "ip4:192.0.2.1//32",
        "ip4",
        "ip6:192.0.2.1",
        "ip6:2001:db8::/0129",
        "include",
        "include:%{c}.test",
        "include:%{x}.test",
        "include:%d.test",
        "exists",
        "exists:host.test/24",
        "ptr:",
        "redirect:own.test",
        "redirect=",
        "redirect=host",
        "-redirect=own.test",
        "redirect=a.test redirect=a.test",
        "exp=a.test exp=b.test",
        "exp=",
        "exp:a.test",
        "_x=y",
        "++all",
        "-",
        "all\\009-all",
        f"a:{'x' * 600}.test",
    ],
)
def test_a_term_against_the_grammar_spoils_the_record_wherever_it_stands(terms: str) -> None:
    assert verdict_on(f"v=spf1 {terms}") == "permerror"
    assert verdict_on(f"v=spf1 ip4:192.0.2.1 {terms}") == "permerror", "behind what decides"


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("v=spf1", "neutral"),
        ("V=SPF1  +ALL ", "pass"),
        ("v=spf1 IP4:192.0.2.1 -All", "pass"),
        ("v=spf1 all redirect=nowhere.test", "pass"),
        ("v=spf1 ip4=192.0.2.1 -all", "fail"),
        ("v=spf1 include=a.test a=b.test mx=c ?all", "neutral"),
        ("v=spf1 ip4:192.0.2.1/0 -all", "pass"),
        ("v=spf1 a:h.xn--p1ai a:h.1a. ~all", "softfail"),
        ("v=spf10 all", "none"),
        ("v=spf1all", "none"),
    ],
)
def test_a_record_is_read_by_its_grammar(record: str, result: str) -> None:
    assert verdict_on(record) == result


@pytest.mark.parametrize("domain", ["voids.test", "crowd.test"])
def test_two_lookups_may_find_nothing_and_one_mx_may_have_ten_hosts(domain: str) -> None:
    assert result_of(domain).result == "permerror"


@pytest.mark.parametrize("domain", ["loop.test", "many.test"])
def test_after_ten_lookups_nobody_asks_on(domain: str) -> None:
    assert result_of(domain).result == "permerror"


@pytest.mark.parametrize("domain", ["macro.test", "ptr.test"])
def test_what_is_not_followed_is_unknown_instead_of_guessed(domain: str) -> None:
    assert result_of(domain).result == "unknown"


def test_a_name_server_that_fails_is_no_verdict_on_the_record() -> None:
    assert result_of("broken.test") == SpfResult("temperror", "a:fails.test")


def test_the_term_that_decided_is_named() -> None:
    assert result_of("plain.test").term == "ip4:192.0.2.0/24"
