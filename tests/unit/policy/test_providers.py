"""Whose servers an address depends on: bounces of one provider must be counted together."""

import pytest

from bouncegate.config.providers import ProviderSettings, provider_problems, shipped_providers
from bouncegate.config.values import DomainName, parse_domain
from bouncegate.policy.providers import Finding, Providers

SHIPPED = Providers.of()


def provider(name: str, domains: str = "", mx: str = "") -> ProviderSettings:
    return ProviderSettings(
        name, tuple(map(DomainName, domains.split())), tuple(map(DomainName, mx.split()))
    )


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("ann@gmail.com", "google"),
        ("ann@googlemail.com", "google"),
        ("ann@hotmail.fr", "microsoft"),
        ("@web.de", "gmx"),
        ("ann@example.com", "example.com"),
        ("ann@notgmail.com", "notgmail.com"),
        ("", ""),
    ],
)
def test_the_provider_of_an_address_is_told_by_its_domain(address: str, expected: str) -> None:
    assert SHIPPED.provider_of(address) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("aspmx.l.google.com", Finding("google", "mx", "google.com")),
        ("example-com.mail.protection.outlook.com", Finding("microsoft", "mx", "outlook.com")),
        ("mx1.hc123-4.eu.iphmx.com", Finding("cisco", "mx", "iphmx.com")),
        ("mxa-00123456.gslb.pphosted.com", Finding("proofpoint", "mx", "pphosted.com")),
        ("mail.notgoogle.com", Finding("example.com", "none", "")),
        ("google.com.example.net", Finding("example.com", "none", "")),
        ("mx.example.com", Finding("example.com", "none", "")),
    ],
)
def test_a_company_whose_mail_a_provider_runs_is_counted_with_it_by_whole_labels(
    host: str, expected: Finding
) -> None:
    assert SHIPPED.find("ann@example.com", [host, "mx.other.example"]) == expected


def test_the_best_mx_decides_and_the_domain_comes_before_it() -> None:
    assert SHIPPED.provider_of("a@example.com", ["mx.example.com", "mx.l.google.com"]) == (
        "example.com"
    )
    assert SHIPPED.provider_of("a@gmail.com", ["mx00.gmx.net"]) == "google"


def test_the_longest_end_wins() -> None:
    known = Providers([provider("whole", mx="example.net"), provider("part", mx="eu.example.net")])
    assert known.provider_of("a@x.test", ["mx.eu.example.net"]) == "part"
    assert known.provider_of("a@x.test", ["mx.us.example.net"]) == "whole"


def test_an_operator_s_table_extends_a_provider_and_takes_domains_from_another() -> None:
    mine = Providers.of(
        [provider("google", "corp.example"), provider("mine", "web.de", "l.google.com")]
    )
    assert mine.provider_of("a@corp.example") == "google"
    assert mine.provider_of("a@gmail.com") == "google", "what is shipped stays"
    assert mine.provider_of("a@web.de") == "mine"
    assert mine.provider_of("a@x.test", ["aspmx.l.google.com"]) == "mine"
    assert "web.de" not in mine.domains_of("gmx")


def test_the_domains_of_a_provider_are_those_that_are_counted_for_it() -> None:
    for name in SHIPPED.names():
        for domain in SHIPPED.domains_of(name):
            assert SHIPPED.provider_of(f"@{domain}") == name
        for end in SHIPPED.mx_ends_of(name):
            assert SHIPPED.provider_of("@x.test", [f"mx.{end}"]) == name
    assert SHIPPED.domains_of("example.com") == ("example.com",)
    assert SHIPPED.domains_of("proofpoint") == (), "known by its servers alone"


def test_a_provider_is_named_by_its_name_or_by_any_of_its_domains() -> None:
    for text in ("google", "gmail.com"):
        assert SHIPPED.named(text) == "google"
    assert SHIPPED.named("proofpoint") == "proofpoint"
    assert SHIPPED.named("example.com") == "example.com"
    assert SHIPPED.named("") == ""


def test_the_shipped_list_would_be_taken_from_an_operator() -> None:
    assert list(provider_problems(shipped_providers())) == []
    for shipped in shipped_providers():
        for name in (*shipped.domains, *shipped.mx):
            assert parse_domain(str(name)) == name
    names = [shipped.name for shipped in shipped_providers()]
    assert len(set(names)) == len(names) >= 60
