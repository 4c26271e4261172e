"""Where smtpd(8) asks verify(8) before it looks at the map: a table of restrictions."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from bouncegate.admin.doctor.findings import Severity
from bouncegate.admin.doctor.postfix import wiring
from bouncegate.admin.postfix.facts import Facts, Service
from bouncegate.admin.postfix.verification import verify_parameters
from bouncegate.config.loading import loads

SERVICES = (Service("smtp", "inet", False, "smtpd"), Service("587", "inet", False, "smtpd"))


def facts(values: Mapping[str, str]) -> Facts:
    """Names with a slash are set in master.cf, for a service alone."""
    own: dict[str, dict[str, str]] = {}
    for path, value in values.items():
        service, _, name = path.rpartition("/")
        if service:
            own.setdefault(service, {})[name] = value
    values = {name: value for name, value in values.items() if "/" not in name}
    return Facts(Path("/etc/postfix"), values, values, frozenset(values), SERVICES, own, own)


@pytest.mark.parametrize(
    ("values", "subjects"),
    [
        ({}, []),
        ({"smtpd_recipient_restrictions": "permit_mynetworks, reject"}, []),
        (
            {"smtpd_recipient_restrictions": "permit_mynetworks, reject_unverified_recipient"},
            ["smtpd_recipient_restrictions"],
        ),
        (
            {
                "smtpd_recipient_restrictions": "reject_unlisted_recipient\n"
                " check_policy_service { inet:[::1]:1, timeout=10s } reject_unverified_recipient"
            },
            [],
        ),
        (
            {
                "smtpd_recipient_restrictions": "reject_unverified_recipient, "
                "reject_unlisted_recipient"
            },
            ["smtpd_recipient_restrictions"],
        ),
        (
            {
                "smtpd_relay_restrictions": "reject_unverified_recipient",
                "smtpd_recipient_restrictions": "reject_unlisted_recipient",
            },
            ["smtpd_relay_restrictions"],
        ),
        (
            {
                "smtpd_sender_restrictions": "reject_unlisted_recipient",
                "smtpd_relay_restrictions": "reject_unverified_recipient",
            },
            [],
        ),
        (
            {"587/inet/smtpd_recipient_restrictions": "reject_unverified_recipient"},
            ["587/inet/smtpd_recipient_restrictions"],
        ),
        (
            {
                "smtpd_recipient_restrictions": "reject_unverified_recipient",
                "587/inet/smtpd_recipient_restrictions": "permit_sasl_authenticated, reject",
            },
            ["smtpd_recipient_restrictions"],
        ),
    ],
)
def test_the_first_restriction_that_looks_at_a_recipient_decides(
    values: Mapping[str, str], subjects: list[str]
) -> None:
    assert list(verify_parameters(facts(values))) == subjects


def test_doctor_says_for_how_long_an_unlocked_address_is_refused() -> None:
    values = {
        "transport_maps": "socketmap:unix:/run/bouncegate/map.sock:transport",
        "smtpd_recipient_restrictions": "reject_unverified_recipient",
        "address_verify_negative_refresh_time": "2h",
    }
    found = [one for one in wiring(loads(""), facts(values)) if "verify(8)" in one.text]
    assert [(one.severity, "2h" in one.text) for one in found] == [(Severity.WARNING, True)]
    assert "reject_unlisted_recipient" in found[0].fix
    without = {**values, "transport_maps": ""}
    assert not [one for one in wiring(loads(""), facts(without)) if "verify(8)" in one.text]
