"""The return domain in DNS: without an MX no bounce comes back, and Postfix looks healthy."""

import pytest

from bouncegate.config.durations import Duration
from bouncegate.config.settings import DnsSettings, ReturnPathSettings, Settings
from bouncegate.config.values import DomainName, parse_name_server
from bouncegate.doctor.finding import Severity
from bouncegate.doctor.names import check_names
from lab.nameserver import NameServer


def told(domain: str, server: str) -> list[Severity]:
    settings = Settings(
        return_path=ReturnPathSettings(domain=DomainName(domain)),
        dns=DnsSettings(resolvers=(parse_name_server(server),), timeout=Duration(seconds=5)),
    )
    return [found.severity for found in check_names(settings)]


@pytest.mark.parametrize(
    ("domain", "severities"),
    [
        ("return.test", [Severity.OK, Severity.OK]),
        ("good.test", [Severity.OK, Severity.WARNING]),
        ("two-spf.test", [Severity.OK, Severity.ERROR]),
        ("null.test", [Severity.ERROR, Severity.WARNING]),
        ("nowhere.test", [Severity.ERROR, Severity.WARNING]),
    ],
)
def test_a_real_name_server_s_answers_are_judged(
    nsd: NameServer, domain: str, severities: list[Severity]
) -> None:
    assert told(domain, nsd.resolver) == severities


def test_without_a_network_there_is_a_note_and_no_hang() -> None:
    assert told("return.test", "127.0.0.1:9") == [Severity.NOTE]


def test_nobody_is_asked_where_nothing_is_signed_or_dns_is_off() -> None:
    assert told("", "127.0.0.1:9") == []
    off = Settings(
        return_path=ReturnPathSettings(domain=DomainName("return.test")),
        dns=DnsSettings(enabled=False),
    )
    assert list(check_names(off)) == []
