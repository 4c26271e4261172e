"""What waits for DNS is seen by the doctor and in health, with the reason why it waits."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.cli.conftest import Command, bouncegate, config
from tests.unit.store.bounces import NOW, bounce_of, policy

from bouncegate.admin.doctor.domains import check_domains
from bouncegate.admin.doctor.findings import Finding, Severity
from bouncegate.config.loading import load
from bouncegate.config.settings import Settings
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.mx import MxAnswer
from bouncegate.store.mx import NameServerFault
from bouncegate.store.store import Bounce, Store

__all__ = ["bouncegate", "config"]


@pytest.fixture
def settings(config: Path) -> Settings:
    return load(config)


def called_unknown(settings: Settings, domains: int, time: int = NOW) -> None:
    store = Store.open(settings.store)
    for n in range(domains):
        event = bounce_of(f"ann@d{n}.test", n, time, Reason.HOST_UNKNOWN)
        store.record([Bounce([event], b"")], policy())
    store.close()


def found(settings: Settings, now: int = NOW) -> list[Finding]:
    return list(check_domains(settings, now))


def test_nothing_is_told_where_nothing_waits(settings: Settings) -> None:
    assert found(settings) == [], "no store"
    called_unknown(settings, 0)
    assert found(settings) == []


def test_few_bounces_that_wait_for_dns_are_usual_until_nobody_asks(settings: Settings) -> None:
    called_unknown(settings, 3)
    (one,) = found(settings)
    assert one.severity is Severity.OK
    assert one.text.startswith("bounces that wait for DNS: 3, about domains: 3")
    (late,) = found(settings, NOW + 3700)
    assert late.severity is Severity.NOTE
    assert "bouncegate-maintain runs" in late.fix


def test_many_domains_of_which_nothing_was_heard_are_an_error(settings: Settings) -> None:
    called_unknown(settings, 51)
    (one,) = found(settings)
    assert one.severity is Severity.ERROR
    assert "without any answer: 51" in one.text
    store = Store.open(settings.store)
    denied = {f"d{n}.test": MxAnswer("nxdomain") for n in range(51)}
    store.mx.learn(denied, NOW + 9, settings.dns)
    store.close()
    (one,) = found(settings)
    assert one.severity is Severity.OK, "DNS has answered: it must confirm that alone"


def test_bounces_that_wait_while_dns_is_off_are_a_warning(settings: Settings) -> None:
    called_unknown(settings, 1)
    (one,) = found(replace(settings, dns=replace(settings.dns, enabled=False)))
    assert (one.severity, one.fix) == (Severity.WARNING, "set [dns] enabled = true")


def test_name_servers_that_are_not_believed_are_an_error(settings: Settings) -> None:
    store = Store.open(settings.store)
    store.mx.note_fault(NameServerFault(NOW, "they deny gmail.com"))
    store.close()
    (one,) = found(settings)
    assert one.severity is Severity.ERROR
    assert one.text.endswith("since 2026-02-02T02:40:00Z: they deny gmail.com")


def test_a_fault_that_may_be_true_is_told_until_it_is_believed(settings: Settings) -> None:
    store = Store.open(settings.store)
    store.mx.note_fault(NameServerFault(NOW, "they deny 60 of 70", may_be_true=True))
    store.close()
    assert len(found(settings, NOW + 86_399)) == 1
    assert found(settings, NOW + 86_400) == []


def test_health_is_critical_where_many_domains_are_called_unknown(
    settings: Settings, bouncegate: Command
) -> None:
    called_unknown(settings, 51)
    told = bouncegate("report", "health", "--json")
    assert told.code == 2
    (part,) = json.loads(told.out)["domains"]
    assert part["is_urgent"]
    assert "faults of DNS that keep bounces waiting" in bouncegate("report", "health").out
