"""DKIM, DMARC and the names of an address, as DNS has them: what receivers judge a sender by."""

import asyncio
import base64
from ipaddress import ip_address

import dns.message
import dns.name
import pytest
from dns.rdata import from_text
from dns.rdataclass import IN
from dns.rdatatype import RdataType

from bouncegate.admin.dns.answer import DnsAnswer
from bouncegate.admin.dns.dkim import KeyRecord, key_record
from bouncegate.admin.dns.dmarc import Policy, policy_of
from bouncegate.admin.dns.reverse import ReverseNames, names_of
from bouncegate.admin.dns.senderdns import Question, sender_dns
from bouncegate.config.settings import DnsSettings

from .liar import name_server, response_to

ZONE = {
    ("_dmarc.example.test", "TXT"): ['"v=DMARC1; p=reject; sp=quarantine; aspf=s"'],
    ("_dmarc.own.example.test", "TXT"): ['"v=DMARC1; p=none"'],
    ("_dmarc.two.test", "TXT"): ['"v=DMARC1; p=none"', '"v=DMARC1; p=reject"'],
    ("_dmarc.bank", "TXT"): ['"v=DMARC1; p=reject; psd=y"'],
    ("_dmarc.apart.example.test", "TXT"): ['"v=DMARC1; p=reject; psd=n"'],
    ("1.2.0.192.in-addr.arpa", "PTR"): ["mail.example.test."],
    ("mail.example.test", "A"): ["192.0.2.1"],
    ("2.2.0.192.in-addr.arpa", "PTR"): ["elsewhere.test."],
    ("elsewhere.test", "A"): ["198.51.100.1"],
}


async def answered(name: dns.name.Name, kind: RdataType) -> DnsAnswer:
    key = name.to_text(omit_final_dot=True)
    if key.startswith(("_dmarc.fails", "9.2.0.192")):
        return DnsAnswer("failed", why="timed out")
    texts = ZONE.get((key, kind.name))
    if texts is None:
        return DnsAnswer("nxdomain")
    return DnsAnswer("found", tuple(from_text(IN, kind, text) for text in texts))


@pytest.mark.parametrize(
    ("domain", "organisation", "asked", "strict"),
    [
        ("example.test", "example.test", "reject", True),
        ("deep.below.example.test", "example.test", "quarantine", True),
        ("own.example.test", "example.test", "none", False),
        ("apart.example.test", "apart.example.test", "reject", False),
        ("branch.house.bank", "house.bank", "reject", False),
        (".".join("abcdefghijkl") + ".example.test", "example.test", "quarantine", True),
    ],
)
def test_the_nearest_policy_holds_and_the_highest_names_the_organisation(
    domain: str, organisation: str, asked: str, strict: bool
) -> None:
    found = asyncio.run(policy_of(domain, answered))
    assert (found.organisation, found.asked, found.strict_spf) == (organisation, asked, strict)
    assert found.text


@pytest.mark.parametrize("domain", ["none.other", "two.test"])
def test_no_policy_and_several_policies_are_none(domain: str) -> None:
    assert asyncio.run(policy_of(domain, answered)) == Policy(domain)


def test_dns_that_fails_is_not_taken_for_a_domain_without_policy() -> None:
    assert not asyncio.run(policy_of("fails.test", answered)).known


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("192.0.2.1", ReverseNames(("mail.example.test",), ("mail.example.test",))),
        ("192.0.2.2", ReverseNames(("elsewhere.test",), ())),
        ("192.0.2.3", ReverseNames((), ())),
        ("192.0.2.9", ReverseNames((), (), known=False)),
    ],
)
def test_a_name_counts_only_if_it_leads_back(address: str, names: ReverseNames) -> None:
    assert asyncio.run(names_of(ip_address(address), answered)) == names


def wrapped(tag: int, content: bytes) -> bytes:
    size = len(content)
    long = bytes([0x82]) + size.to_bytes(2) if size > 127 else bytes([size])
    return bytes([tag]) + long + content


def rsa(bits: int, *, bare: bool = False) -> str:
    """The form of a key of so many bits; it is no product of primes, and signs nothing."""
    modulus = wrapped(2, b"\0" + b"\xc1" * (bits // 8))
    key = wrapped(0x30, modulus + wrapped(2, b"\1\0\1"))
    whole = wrapped(0x30, wrapped(0x30, b"\6\1\1") + wrapped(3, b"\0" + key))
    return base64.b64encode(key if bare else whole).decode()


@pytest.mark.parametrize(
    ("text", "record"),
    [
        (f"v=DKIM1; k=rsa; p={rsa(2048)}", KeyRecord("ok", "rsa", 2048)),
        (f"p={rsa(1024)[:40]} {rsa(1024)[40:]}", KeyRecord("ok", "rsa", 1024)),
        (f"v=DKIM1; p={rsa(512, bare=True)}; t=s:y", KeyRecord("ok", "rsa", 512, testing=True)),
        ("v=DKIM1; k=ed25519; p=AAAA", KeyRecord("ok", "ed25519")),
        ("v=DKIM1; p=", KeyRecord("revoked")),
        ("v=DKIM1; k=rsa", KeyRecord("broken")),
        ("v=DKIM1; p=%%%", KeyRecord("broken")),
        (f"v=DKIM1; p={rsa(2048)[:80]}", KeyRecord("broken")),
        ("v=DKIM1; p=MA==", KeyRecord("broken")),
    ],
)
def test_a_key_is_measured_and_a_broken_one_is_called_so(text: str, record: KeyRecord) -> None:
    assert key_record(text) == record


def test_sender_dns_asks_of_all_domains_at_once_and_each_question_once() -> None:
    """A return domain for each customer: one after the other takes minutes."""
    asked: list[tuple[str, str]] = []

    def behaviour(question: dns.message.QueryMessage, _tcp: bool) -> dns.message.Message:
        name, kind = question.question[0].name, question.question[0].rdtype
        asked.append((name.to_text(omit_final_dot=True), kind.name))
        return response_to(question, answer="10 mail.test." if kind == RdataType.MX else "")

    domains = tuple(f"c{number}.example.test" for number in range(9))
    with name_server(behaviour) as server:
        settings = DnsSettings(resolvers=(server,), queries_a_second=9999)
        found = sender_dns(Question(domains), settings)
    assert {domain: one.mail.status for domain, one in found.domains.items()} == dict.fromkeys(
        domains, "ok"
    )
    assert set(asked[: len(domains)]) == {(domain, "MX") for domain in domains}
    assert len(set(asked)) == len(asked)
