"""Return domains: which one a sender gets, and what of the settings cannot be meant."""

import pytest

from bouncegate.config.loading import loads
from bouncegate.config.problems import ConfigError
from bouncegate.config.returndomains import ReturnDomains

CUSTOMER = """
[[return_path.sender_dependent]]
sender_domains = ["Customer.example.", "news.customer.example"]
domain = "Bounces.Customer.example"
"""
OTHER = """
[[return_path.sender_dependent]]
sender_domains = ["xn--mnchen-3ya.example"]
domain = "bounces.xn--mnchen-3ya.example"
"""
GIVEN_UP = """
[[return_path.sender_dependent]]
domain = "old.example.org"
"""


def domains(text: str) -> ReturnDomains:
    return loads(f"[return_path]\n{text}").return_path.domains


def test_return_domains_go_by_the_domain_of_the_sender_and_the_rest_has_the_default() -> None:
    found = domains(f"domain = 'return.example.org'\n{CUSTOMER}{OTHER}")
    assert found.for_sender("customer.example") == "bounces.customer.example"
    assert found.for_sender("news.customer.example") == "bounces.customer.example"
    assert found.for_sender("xn--mnchen-3ya.example") == "bounces.xn--mnchen-3ya.example"
    assert found.for_sender("shop.customer.example") == "return.example.org", "not listed"
    assert found.for_sender("example.org") == "return.example.org"
    assert found.main == "return.example.org"
    assert list(found.names) == [
        "return.example.org",
        "bounces.customer.example",
        "bounces.xn--mnchen-3ya.example",
    ]
    assert all(found.holds(name) for name in found.names)
    assert not found.holds("customer.example")


def test_return_domains_without_a_default_sign_only_the_senders_that_are_listed() -> None:
    found = domains(CUSTOMER)
    assert (found.signs, found.main) == (True, "bounces.customer.example")
    assert found.for_sender("customer.example") == "bounces.customer.example"
    assert found.for_sender("example.org") == ""


def test_return_domains_that_are_given_up_are_held_and_given_to_nobody() -> None:
    found = domains(GIVEN_UP)
    assert (bool(found), found.signs, found.holds("old.example.org")) == (True, False, True)
    assert loads(f"[return_path]\n{GIVEN_UP}").signs is False


def test_return_domains_of_own_senders_are_those_of_entries_too() -> None:
    own = "domain = 'return.example.org'\nsign = 'own'\nown_domains = ['example.org']\n"
    found = domains(f"{own}{CUSTOMER}")
    assert found.for_sender("example.org") == "return.example.org"
    assert found.for_sender("customer.example") == "bounces.customer.example"
    assert found.for_sender("example.net") == ""
    both = f"{own.replace('example.org', 'customer.example')}{CUSTOMER}"
    assert domains(both).for_sender("customer.example") == "bounces.customer.example"


def test_return_domains_are_held_where_nothing_is_signed() -> None:
    found = domains(f"domain = 'return.example.org'\nsign = 'none'\n{CUSTOMER}")
    assert (found.signs, found.for_sender("customer.example")) == (False, "")
    assert found.holds("bounces.customer.example")


def test_return_domains_are_none_by_default() -> None:
    found = loads("").return_path.domains
    assert (bool(found), found.signs) == (False, False)
    assert (found.main, found.for_sender("a.example")) == ("", "")


ENTRY = "[[return_path.sender_dependent]]\nsender_domains = [{}]\ndomain = '{}'\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            ENTRY.format("'a.test'", ""),
            "f.toml:3: return_path.sender_dependent.1.domain: no",
        ),
        (
            ENTRY.format("'a.test'", "-.test"),
            "1.domain: invalid domain name '-.test'",
        ),
        (ENTRY.format("'ä.test'", "b.test"), 'IDNs as A-labels ("xn--...")'),
        (ENTRY.format("''", "b.test"), "1.sender_domains: empty domain"),
        (
            ENTRY.format("'a.test'", "b.test") + ENTRY.format("'A.test'", "c.test"),
            "f.toml:5: return_path.sender_dependent.2.sender_domains: a.test is listed already",
        ),
        (ENTRY.format("'a.test', 'a.test'", "b.test"), "a.test is listed already"),
        (
            ENTRY.format("'a.test'", "b.test") + ENTRY.format("'c.test'", "B.test"),
            "f.toml:6: return_path.sender_dependent.2.domain: b.test is a return domain already",
        ),
        (ENTRY.format("'a.test'", "a.test"), "a.test is a return domain, which receives only"),
        (
            ENTRY.format("'b.test'", "x.test") + ENTRY.format("'c.test'", "b.test"),
            "f.toml:2: return_path.sender_dependent.1.sender_domains: b.test is a return domain",
        ),
        ("[[return_path.sender_dependent]]\nsenders = []", "1.senders: unknown key: did you mean"),
        ("[return_path]\ndomain = 'r.test'\nown_domains = ['r.test']", "own_domains: r.test is a"),
        (
            "[return_path]\ndomain = 'r.test'\n" + ENTRY.format("'a.test'", "r.test"),
            "sender_dependent.1.domain: r.test is a return domain already",
        ),
        (
            "[return_path]\npostmaster = 'ann@B.test'\n" + ENTRY.format("'a.test'", "b.test"),
            "return_path.postmaster: mail for postmaster@b.test would loop",
        ),
    ],
)
def test_return_domains_that_cannot_be_meant_are_told_with_their_line(
    text: str, problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(text, "f.toml")
    assert problem in str(caught.value)
