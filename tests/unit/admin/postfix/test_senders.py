"""What parameters of Postfix mean for signed senders: a table of them, and what is found."""

from collections.abc import Mapping

import pytest
from tests.unit.admin.postfix.senderfacts import DOMAIN, SETTINGS, facts

from bouncegate.admin.doctor.findings import Severity
from bouncegate.admin.doctor.postfix import wiring
from bouncegate.admin.postfix.plan import plan
from bouncegate.admin.postfix.senders import Effect, masquerade, sender_effects
from bouncegate.config.loading import loads
from bouncegate.config.probe import SIGNED


def found(
    values: Mapping[str, str], signed: Mapping[str, str | None] | None = None
) -> list[tuple[str, Effect]]:
    return [(one.subject, one.effect) for one in sender_effects(SETTINGS, facts(values, signed))]


@pytest.mark.parametrize(
    ("listed", "becomes"),
    [
        ("", DOMAIN),
        ("example.com", "example.com"),
        ("com", "com"),
        ("EXAMPLE.com", "example.com"),
        ("ample.com", DOMAIN),
        (DOMAIN, DOMAIN),
        (f"!{DOMAIN} example.com", DOMAIN),
        (f"example.com !{DOMAIN}", "example.com"),
        ("!example.com", DOMAIN),
        ("!!example.com", "example.com"),
        (f"{DOMAIN} example.com", DOMAIN),
        ("example.org example.com", "example.com"),
    ],
)
def test_masquerade_domains_the_first_entry_above_a_domain_decides(
    listed: str, becomes: str
) -> None:
    assert masquerade(listed.split(), DOMAIN) == becomes


@pytest.mark.parametrize(
    ("values", "subjects"),
    [
        ({"masquerade_domains": "example.com"}, ["masquerade_domains"]),
        ({"masquerade_domains": "example.org, example.com"}, ["masquerade_domains"]),
        ({"masquerade_domains": "example.org"}, []),
        ({"masquerade_domains": "example.com", "masquerade_classes": "header_sender"}, []),
        (
            {"cleanup/unix/masquerade_domains": "example.com"},
            ["cleanup/unix/masquerade_domains"],
        ),
        ({"masquerade_domains": "example.com", "cleanup/unix/masquerade_domains": ""}, []),
        (
            {
                "masquerade_domains": "example.com",
                "masquerade_classes": "header_sender",
                "cleanup/unix/masquerade_classes": "envelope_sender",
            },
            ["cleanup/unix/masquerade_domains"],
        ),
        (
            {
                "masquerade_domains": "example.com",
                "receive_override_options": "no_address_mappings",
            },
            [],
        ),
    ],
)
def test_masquerade_domains_that_cut_the_return_domain_lose_bounces(
    values: Mapping[str, str], subjects: list[str]
) -> None:
    assert found(values) == [(subject, Effect.LOST) for subject in subjects]


@pytest.mark.parametrize(
    "name",
    [
        *("sender_canonical_maps", "canonical_maps", "recipient_canonical_maps"),
        *("virtual_alias_maps", "smtp_generic_maps"),
    ],
)
@pytest.mark.parametrize(
    ("answer", "effect"),
    [
        ("", None),
        (f"{SIGNED}@{DOMAIN}", None),
        (f"@{DOMAIN.upper()}", None),
        (f"{SIGNED}@{DOMAIN}, ann@example.com", None),
        ("news@example.com", Effect.LOST),
        ("@example.com", Effect.LOST),
        (f"{SIGNED}@example.com", Effect.LOST),
        (f"other@{DOMAIN}", Effect.LOST),
        ("root", Effect.LOST),
        (f"SRS0=aB3d=XY={DOMAIN}={SIGNED}@example.com", Effect.AFFECTED),
        (f"srs0+aB3d=XY={DOMAIN}={SIGNED}@example.com", Effect.AFFECTED),
        (None, Effect.AFFECTED),
    ],
)
def test_tables_of_addresses_must_leave_signed_return_paths_alone(
    name: str, answer: str | None, effect: Effect | None
) -> None:
    told = found({name: "hash:/etc/postfix/some"}, {name: answer})
    assert told == ([(name, effect)] if effect else [])


def test_tables_that_take_no_envelope_address_are_left_out() -> None:
    values = {"sender_canonical_maps": "hash:/x", "sender_canonical_classes": "header_sender"}
    assert found(values, {"sender_canonical_maps": "news@example.com"}) == []


def test_addresses_are_rewritten_while_one_smtpd_lets_cleanup_do_so() -> None:
    """After a content filter another smtpd(8) takes the message, without the option."""
    values = {
        "sender_canonical_maps": "hash:/x",
        "smtp/inet/receive_override_options": "no_address_mappings",
    }
    answers = {"sender_canonical_maps": "news@example.com"}
    assert found(values, answers) == [("sender_canonical_maps", Effect.LOST)]
    values["submission/inet/receive_override_options"] = "no_address_mappings,no_milters"
    assert found(values, answers) == []


@pytest.mark.parametrize(
    "name", ["sender_dependent_relayhost_maps", "sender_dependent_default_transport_maps"]
)
@pytest.mark.parametrize(
    ("answer", "effect"),
    [("smtp:[192.0.2.1]", None), ("DUNNO", None), ("", Effect.AFFECTED), (None, Effect.AFFECTED)],
)
def test_routes_by_sender_need_an_entry_for_the_return_domain(
    name: str, answer: str | None, effect: Effect | None
) -> None:
    assert found({name: "hash:/x"}, {name: answer}) == ([(name, effect)] if effect else [])
    own = f"rewrite/unix/{name}"
    assert found({own: "hash:/x"}, {own: answer}) == ([(own, effect)] if effect else [])


def test_logins_by_sender_count_where_they_are_asked_for() -> None:
    maps = {"smtp_sasl_password_maps": "hash:/x"}
    asked = {**maps, "smtp_sender_dependent_authentication": "yes"}
    name = "smtp_sasl_password_maps"
    assert found(maps, {name: ""}) == []
    assert found(asked, {name: ""}) == [(name, Effect.AFFECTED)]
    assert found(asked, {name: "user:secret"}) == []
    own = {**maps, "relay/unix/smtp_sender_dependent_authentication": "yes"}
    assert found(own, {f"relay/unix/{name}": ""}) == [(f"relay/unix/{name}", Effect.AFFECTED)]


def test_smtpd_proxy_filter_leaves_mail_unsigned_but_where_no_milter_is_asked() -> None:
    proxy = {"smtp/inet/smtpd_proxy_filter": "127.0.0.1:10024"}
    assert found(proxy) == [("smtp/inet/smtpd_proxy_filter", Effect.UNSIGNED)]
    both = {"smtpd_proxy_filter": "[::1]:1", "submission/inet/smtpd_proxy_filter": ""}
    assert found(both) == [("smtp/inet/smtpd_proxy_filter", Effect.UNSIGNED)]
    assert found({**proxy, "smtp/inet/receive_override_options": "no_milters"}) == []


def test_xverp_makes_local_parts_too_long() -> None:
    values = {"smtpd_authorized_verp_clients": "127.0.0.1"}
    assert found(values) == [("smtpd_authorized_verp_clients", Effect.AFFECTED)]


@pytest.mark.parametrize("lines", ["", f'domain = "{DOMAIN}"\nsign = "none"\n'])
def test_where_no_sender_is_signed_only_the_record_of_sends_matters(lines: str) -> None:
    settings = loads(f"[return_path]\n{lines}[ledger]\nenabled = true\n")
    values = {"masquerade_domains": "example.com", "sender_dependent_relayhost_maps": "hash:/x"}
    assert list(sender_effects(settings, facts(values))) == []
    (one,) = sender_effects(settings, facts({"smtp/inet/smtpd_proxy_filter": "[::1]:1"}))
    assert one.effect is Effect.UNSIGNED


def test_enable_changes_nothing_where_bounces_would_be_lost_and_says_what_helps() -> None:
    planned = plan(SETTINGS, facts({"masquerade_domains": "example.com"}))
    (one,) = (one for one in planned.conflicts if "masquerade" in one.text)
    assert f"!{DOMAIN}" in one.fix


def test_enable_says_beforehand_what_signing_changes() -> None:
    name = "sender_dependent_default_transport_maps"
    notes = plan(SETTINGS, facts({name: "hash:/x"}, {name: ""})).notes
    (note,) = (note for note in notes if name in note)
    assert "default route" in note
    assert f"entry for @{DOMAIN}" in note
    assert 'sign = "own"' in note


def test_doctor_tells_lost_bounces_as_an_error_and_other_routes_as_a_warning() -> None:
    values = {"masquerade_domains": "example.com", "sender_dependent_relayhost_maps": "hash:/x"}
    here = facts(values, {"sender_dependent_relayhost_maps": ""})
    told = {one.text.split(":")[0]: one for one in wiring(SETTINGS, here)}
    assert told["masquerade_domains"].severity is Severity.ERROR
    assert told["sender_dependent_relayhost_maps"].severity is Severity.WARNING
    assert f"@{DOMAIN}" in told["sender_dependent_relayhost_maps"].fix
