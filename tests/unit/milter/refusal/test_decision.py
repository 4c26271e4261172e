"""The decision as a table: who is refused, and for which reason everybody else passes."""

import itertools
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from tests.unit.milter.locks import lock_of

from bouncegate.config.settings import ExemptSettings, MilterSettings, OutboundSettings, Settings
from bouncegate.config.values import AddressPattern
from bouncegate.milter.refusal.decision import Facts, Outcome, Scope, decide
from bouncegate.policy.records import NO_END

NOW = 1_700_000_000
LOCK = lock_of(NOW + 1)
OUTBOUND = Facts(
    recipient="gone@example.com",
    sender="news@sender.test",
    authenticated=True,
    client=ip_address("192.0.2.1"),
    daemon_name="mail.sender.test",
    transport="smtp",
)
DEFAULT = Scope.of(Settings())


def patterns(*texts: str) -> tuple[AddressPattern, ...]:
    return tuple(
        AddressPattern(local, domain)
        for local, _, domain in (text.rpartition("@") for text in texts)
    )


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, Outcome.REFUSED),
        ({"transport": "relay"}, Outcome.REFUSED),
        ({"transport": None}, Outcome.ROUTE_UNKNOWN),
        ({"transport": ""}, Outcome.ROUTE_UNKNOWN),
        ({"transport": "local"}, Outcome.DELIVERED_HERE),
        ({"transport": "virtual"}, Outcome.DELIVERED_HERE),
        ({"transport": "error"}, Outcome.DELIVERED_HERE),
        ({"sender": None}, Outcome.SENDER_UNKNOWN),
        ({"sender": ""}, Outcome.NULL_SENDER),
        ({"recipient": "postmaster@example.com"}, Outcome.RECIPIENT_EXEMPT),
        ({"recipient": "abuse@example.com"}, Outcome.RECIPIENT_EXEMPT),
        ({"recipient": "abuse.team@example.com"}, Outcome.REFUSED),
        ({"authenticated": False}, Outcome.NOT_OUTBOUND),
        ({"authenticated": False, "client": None, "daemon_name": None}, Outcome.NOT_OUTBOUND),
        ({"authenticated": False, "client": ip_address("127.0.0.1")}, Outcome.REFUSED),
        ({"authenticated": False, "client": ip_address("::1")}, Outcome.REFUSED),
        ({"authenticated": False, "client": ip_address("2001:db8::1")}, Outcome.NOT_OUTBOUND),
        ({"authenticated": False, "daemon_name": "ORIGINATING"}, Outcome.REFUSED),
    ],
)
def test_who_is_refused_with_the_default_settings(change: dict[str, Any], outcome: Outcome) -> None:
    assert decide(OUTBOUND._replace(**change), LOCK, NOW, DEFAULT) is outcome


def test_a_lock_ends_on_the_second() -> None:
    assert decide(OUTBOUND, LOCK, NOW, DEFAULT) is Outcome.REFUSED
    assert decide(OUTBOUND, LOCK, NOW + 1, DEFAULT) is Outcome.LOCK_EXPIRED


def test_a_lock_without_end_never_ends() -> None:
    assert decide(OUTBOUND, lock_of(NO_END), 2**32, DEFAULT) is Outcome.LOCK_EXPIRED
    assert decide(OUTBOUND, lock_of(NO_END), 2**32 - 2, DEFAULT) is Outcome.REFUSED


def test_without_a_lock_nobody_is_refused() -> None:
    assert decide(OUTBOUND, None, NOW, DEFAULT) is Outcome.NOT_LOCKED


def test_observe_refuses_nobody() -> None:
    """Whoever tries the product on a live system first must not lose mail by it."""
    observing = Scope.of(Settings(milter=MilterSettings(mode="observe")))
    assert decide(OUTBOUND, LOCK, NOW, observing) is Outcome.OBSERVED
    null = OUTBOUND._replace(sender="")
    assert decide(null, LOCK, NOW, observing) is Outcome.NULL_SENDER


def test_authentication_makes_mail_outbound_only_if_the_setting_says_so() -> None:
    unauthenticated = Scope.of(Settings(outbound=OutboundSettings(authenticated=False)))
    assert decide(OUTBOUND, LOCK, NOW, unauthenticated) is Outcome.NOT_OUTBOUND


def test_configured_networks_are_outbound() -> None:
    ours = Scope.of(Settings(outbound=OutboundSettings(networks=(ip_network("192.0.2.0/24"),))))
    stranger = OUTBOUND._replace(authenticated=False)
    assert decide(stranger, LOCK, NOW, ours) is Outcome.REFUSED
    assert decide(stranger, LOCK, NOW, DEFAULT) is Outcome.NOT_OUTBOUND


@pytest.mark.parametrize(
    ("pattern", "sender", "outcome"),
    [
        ("@sender.test", "news@sender.test", Outcome.SENDER_EXEMPT),
        ("@Sender.Test", "news@SENDER.test", Outcome.SENDER_EXEMPT),
        ("@bücher.example", "a@xn--bcher-kva.example", Outcome.SENDER_EXEMPT),
        ("news@", "News@sender.test", Outcome.SENDER_EXEMPT),
        ("news@sender.test", "news@sender.test", Outcome.SENDER_EXEMPT),
        ("news@sender.test", "news@other.test", Outcome.REFUSED),
        ("@sender.test", "news@sub.sender.test", Outcome.REFUSED),
        ("@sender.test", "no address at all", Outcome.REFUSED),
    ],
)
def test_exempt_senders_pass(pattern: str, sender: str, outcome: Outcome) -> None:
    exempting = Scope.of(Settings(exempt=ExemptSettings(senders=patterns(pattern))))
    assert decide(OUTBOUND._replace(sender=sender), LOCK, NOW, exempting) is outcome


def test_exempt_recipients_are_those_of_the_setting_and_no_others() -> None:
    exempting = Scope.of(Settings(exempt=ExemptSettings(recipients=patterns("@example.com"))))
    assert decide(OUTBOUND, LOCK, NOW, exempting) is Outcome.RECIPIENT_EXEMPT
    postmaster = OUTBOUND._replace(recipient="postmaster@example.net")
    assert decide(postmaster, LOCK, NOW, exempting) is Outcome.REFUSED


def test_whatever_is_unknown_passes() -> None:
    """A wrong refusal costs a message, a lost one only another bounce."""
    unknown: dict[str, Any] = {
        "sender": None,
        "authenticated": False,
        "client": None,
        "daemon_name": None,
        "transport": None,
    }
    for names in itertools.chain.from_iterable(
        itertools.combinations(unknown, size) for size in range(1, len(unknown) + 1)
    ):
        facts = OUTBOUND._replace(**{name: unknown[name] for name in names})
        outcome = decide(facts, LOCK, NOW, DEFAULT)
        passes = bool({"sender", "transport", "authenticated"} & set(names))
        assert (outcome is not Outcome.REFUSED) == passes


def test_a_message_that_was_signed_before_was_judged_before() -> None:
    assert decide(OUTBOUND._replace(signed=True), LOCK, NOW, DEFAULT) is Outcome.SIGNED


def test_outcomes_have_names_that_a_log_can_be_searched_for() -> None:
    assert [str(outcome) for outcome in Outcome] == [
        "not-locked",
        "lock-expired",
        "route-unknown",
        "delivered-here",
        "sender-unknown",
        "null-sender",
        "not-outbound",
        "signed",
        "sender-exempt",
        "recipient-exempt",
        "observed",
        "refused",
    ]


def test_transports_that_deliver_here_are_those_of_the_setting() -> None:
    settings = Settings(outbound=OutboundSettings(local_transports=("dovecot",)))
    delivered = OUTBOUND._replace(transport="dovecot")
    assert decide(delivered, LOCK, NOW, Scope.of(settings)) is Outcome.DELIVERED_HERE
    assert decide(delivered, LOCK, NOW, DEFAULT) is Outcome.REFUSED


@pytest.mark.parametrize(
    ("sender", "domain"),
    [
        ("Ann@Example.COM", "example.com"),
        ("ann@example.com.", "example.com"),
        ("ann@München.example", "xn--mnchen-3ya.example"),
        ("ann@\ufdd0.example", "\ufdd0.example"),
        ("ann", "ann"),
        ("", ""),
        (None, ""),
    ],
)
def test_sender_domain_is_in_lower_case_and_of_a_labels(sender: str | None, domain: str) -> None:
    """As the settings write it, which look for groups and return domains by it."""
    assert OUTBOUND._replace(sender=sender).sender_domain == domain
