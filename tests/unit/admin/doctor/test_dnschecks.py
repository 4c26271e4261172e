"""What DNS shows: without an MX no bounce comes back, without trust receivers refuse."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bouncegate.admin.doctor.dnschecks import Egress, check_dns
from bouncegate.admin.doctor.egress import egress_of, unchecked
from bouncegate.admin.doctor.findings import Severity
from bouncegate.config.durations import Duration
from bouncegate.config.endpoints import parse_name_server
from bouncegate.config.returndomains import SenderDependent
from bouncegate.config.settings import DnsSettings, ReturnPathSettings, Settings
from bouncegate.config.values import DomainName
from lab.nameserver import NameServer


def told(domain: str, server: str) -> list[Severity]:
    settings = Settings(
        return_path=ReturnPathSettings(domain=DomainName(domain)),
        dns=DnsSettings(resolvers=(parse_name_server(server),), timeout=Duration(seconds=5)),
    )
    return [found.severity for found in check_dns(settings)]


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
    assert list(check_dns(off)) == []


def shown(server: NameServer, egress: Egress, domain: str = "bounces.sender.test") -> list[str]:
    """What is worse than a note, and what is well, about a sender."""
    settings = Settings(
        return_path=ReturnPathSettings(domain=DomainName(domain)),
        dns=DnsSettings(
            resolvers=(parse_name_server(server.resolver),), timeout=Duration(seconds=5)
        ),
    )
    found = check_dns(settings, egress)
    return [f"{one.severity.name}: {one.text}" for one in found if "goes to" not in one.text]


WELL = Egress(("sender.test",), ("192.0.2.1",), "mail.test", ("edwards",))


def test_a_sender_whom_receivers_trust_is_well(nsd: NameServer) -> None:
    found = shown(nsd, WELL)
    assert [one for one in found if not one.startswith("OK: ")] == []
    for part in ("aligned with sender.test", "p=reject", "says pass", "which has this address"):
        assert any(part in one for one in found), part
    assert any("edwards._domainkey.sender.test is published" in one for one in found)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (
            {"addresses": ("192.0.2.2",)},
            "ERROR: 192.0.2.2 is named elsewhere.test, which has another",
        ),
        ({"addresses": ("192.0.2.3",)}, "ERROR: 192.0.2.3 has no PTR record"),
        ({"addresses": ("192.0.2.3",)}, "ERROR: SPF of sender.test says fail to 192.0.2.3 by -all"),
        ({"addresses": ("192.0.2.3",)}, "WARNING: SPF of bounces.sender.test says softfail"),
        ({"helo": "other.test"}, "NOTE: 192.0.2.1 is named mail.test, but Postfix's HELO name"),
        ({"selectors": ("revoked",)}, "ERROR: the DKIM key revoked._domainkey.sender.test is revo"),
        (
            {"selectors": ("absent",)},
            "ERROR: the DKIM key absent._domainkey.sender.test is missing",
        ),
        ({"senders": ("good.test",)}, "WARNING: good.test has no DMARC record"),
        ({"senders": ("good.test",)}, "WARNING: good.test has no SPF record"),
    ],
)
def test_what_receivers_mind_is_named_with_what_to_do(
    nsd: NameServer, change: dict[str, Any], finding: str
) -> None:
    assert any(one.startswith(finding) for one in shown(nsd, WELL._replace(**change)))


@pytest.mark.parametrize(("selectors", "severity"), [(("edwards",), "NOTE"), ((), "WARNING")])
def test_a_return_domain_elsewhere_leaves_dmarc_to_dkim_alone(
    nsd: NameServer, selectors: tuple[str, ...], severity: str
) -> None:
    found = shown(nsd, WELL._replace(selectors=selectors), "return.test")
    assert any(one.startswith(f"{severity}: return.test is not aligned") for one in found)


def test_postfix_s_settings_tell_what_is_shown_to_receivers(tmp_path: Path) -> None:
    mailname = tmp_path / "mailname"
    mailname.write_text("Sender.Test\n")
    values = {"myorigin": str(mailname), "myhostname": "mail.test", "smtp_helo_name": ""}
    bound = {"smtp_bind_address": "1.1.1.1", "inet_protocols": "ipv4"}
    assert egress_of(values | bound, Egress()) == Egress(
        ("sender.test",), ("1.1.1.1",), "mail.test"
    )
    relayed = egress_of(values | {"relayhost": "[relay.test]"}, Egress())
    assert relayed.addresses == ()
    texts = [one.text for one in unchecked({"relayhost": "[relay.test]"}, relayed)]
    assert any(text.startswith("mail leaves by [relay.test]") for text in texts)
    assert any("no DKIM selector" in text for text in texts)


def test_a_private_address_is_not_taken_for_what_receivers_see() -> None:
    bound = {"smtp_bind_address": "10.1.2.3", "inet_protocols": "ipv4"}
    assert egress_of(bound, Egress()).addresses == ()


def test_each_sender_is_held_against_its_own_return_domain(nsd: NameServer) -> None:
    """SPF is aligned where the return domain is below the sender's, as for a customer's own."""
    customer = SenderDependent((DomainName("sender.test"),), DomainName("bounces.sender.test"))
    settings = Settings(
        return_path=ReturnPathSettings(
            domain=DomainName("return.test"), sender_dependent=(customer,)
        ),
        dns=DnsSettings(resolvers=(parse_name_server(nsd.resolver),), timeout=Duration(seconds=5)),
    )
    told = [one.text for one in check_dns(settings)]
    assert "return paths below bounces.sender.test are aligned with sender.test" in told
    for domain in ("return.test", "bounces.sender.test", "sender.test"):
        assert any(one.startswith(f"mail to {domain} goes to") for one in told), domain
    alone = replace(settings.return_path, sender_dependent=())
    egress = Egress(("sender.test",))
    told = [one.text for one in check_dns(replace(settings, return_path=alone), egress)]
    assert any(one.startswith("return.test is not aligned with sender.test") for one in told)
