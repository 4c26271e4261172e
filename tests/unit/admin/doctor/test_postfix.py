"""Whether Postfix is attached, from what postconf says: an administrator must not have to guess."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from bouncegate.admin.doctor.findings import Severity
from bouncegate.admin.doctor.postfix import check_postfix, extensions, wiring
from bouncegate.admin.postfix.facts import Facts, Service
from bouncegate.config.loading import loads

SETTINGS = loads(
    """
    [milter]
    socket = "unix:/var/spool/postfix/bouncegate/milter.sock"
    [return_path]
    socket = "unix:/var/spool/postfix/bouncegate/return-path.sock"
    domain = "return.example.com"
    """
)
ATTACHED = {
    "mail_version": "3.7.11",
    "queue_directory": "/var/spool/postfix",
    "smtpd_milters": "{ unix:bouncegate/milter.sock, default_action=accept } inet:127.0.0.1:8891",
    "transport_maps": "inline:{ return.example.com=lmtp:unix:bouncegate/return-path.sock }",
    "relay_domains": "return.example.com",
    "milter_default_action": "tempfail",
}


SMTPD = Service("smtp", "inet", True, "smtpd")


def facts(
    changed: Mapping[str, str],
    *services: Service,
    overrides: Mapping[str, str] | None = None,
) -> Facts:
    """A Postfix with a single smtpd, in a chroot, unless services are named."""
    values = {**ATTACHED, **changed}
    options = {
        name.rpartition("/")[0]: {name.rpartition("/")[2]: value}
        for name, value in (overrides or {}).items()
    }
    return Facts(
        folder=Path("/etc/postfix"),
        raw=values,
        values=values,
        explicit=frozenset(values),
        services=(SMTPD, *services),
        raw_options=options,
        options=options,
    )


def told(changed: Mapping[str, str]) -> list[tuple[Severity, str]]:
    found = wiring(SETTINGS, facts(changed))
    return [(one.severity, one.text) for one in found if one.severity is not Severity.OK]


def test_the_readme_s_wiring_is_fine() -> None:
    assert told({}) == []


def test_doctor_notes_that_local_users_see_the_tokens_of_mail_that_waits() -> None:
    ((severity, text),) = told({"authorized_mailq_users": "static:anyone"})
    assert severity is Severity.NOTE
    assert "mailq(1)" in text
    assert told({"authorized_mailq_users": "root"}) == []


@pytest.mark.parametrize(
    "milters",
    [
        "{ unix:/var/spool/postfix/bouncegate/milter.sock, default_action=accept }",
        "inet:127.0.0.1:8891, { unix:bouncegate/milter.sock,default_action = accept }",
    ],
)
def test_a_path_may_begin_at_the_root_or_at_the_queue_folder(milters: str) -> None:
    assert [one for one in told({"smtpd_milters": milters}) if "chroot" not in one[1]] == []


@pytest.mark.parametrize(
    ("changed", "severity", "text"),
    [
        ({"smtpd_milters": ""}, Severity.ERROR, "no recipient is ever refused"),
        ({"smtpd_milters": "unix:other/milter.sock"}, Severity.ERROR, "does not name"),
        ({"smtpd_milters": "unix:bouncegate/milter.sock.old"}, Severity.ERROR, "does not name"),
        ({"relay_domains": "not-return.example.com"}, Severity.WARNING, "bounces are refused"),
        (
            {"smtpd_milters": "unix:bouncegate/milter.sock"},
            Severity.WARNING,
            "default_action is tempfail",
        ),
        (
            {"smtpd_milters": "{ unix:bouncegate/milter.sock, default_action=reject }"},
            Severity.WARNING,
            "default_action is reject",
        ),
        ({"transport_maps": "hash:/etc/postfix/transport"}, Severity.WARNING, "does not route"),
        ({"relay_domains": ""}, Severity.WARNING, "bounces are refused"),
    ],
)
def test_what_is_missing_is_told_with_what_it_means(
    changed: dict[str, str], severity: Severity, text: str
) -> None:
    assert [(found, text in words) for found, words in told(changed)] == [(severity, True)]


def test_an_action_for_all_milters_holds_where_ours_names_none() -> None:
    changed = {
        "smtpd_milters": "unix:bouncegate/milter.sock",
        "milter_default_action": "accept",
    }
    assert told(changed) == []


def test_a_site_that_uses_the_map_instead_of_the_milter_is_not_called_broken() -> None:
    maps = f"socketmap:unix:/run/bouncegate/map.sock:transport {ATTACHED['transport_maps']}"
    told_ = told({"smtpd_milters": "", "transport_maps": maps})
    assert [severity for severity, _ in told_] == [Severity.NOTE]


def of_master(changed: Mapping[str, str], overrides: Mapping[str, str]) -> list[str]:
    services = [Service(name.split("/")[0], "inet", True, "smtpd") for name in overrides]
    found = wiring(SETTINGS, facts(changed, *services, overrides=overrides))
    return [one.text for one in found if one.severity is not Severity.OK]


def test_a_service_with_milters_of_its_own_is_named() -> None:
    """Submission with -o smtpd_milters= is how a site leaves half of its mail unjudged."""
    both = {"submission/inet/smtpd_milters": "", "smtps/inet/smtpd_milters": "inet:[::1]:8891"}
    (text,) = of_master({}, both)
    assert text.startswith("submission/inet, smtps/inet: has smtpd_milters of its own")
    kept = {"submission/inet/smtpd_milters": "unix:bouncegate/milter.sock inet:[::1]:8891"}
    assert of_master({"milter_default_action": "accept"}, kept) == []


def test_a_socket_that_a_chroot_hides_is_named() -> None:
    """Postfix takes the path from the queue folder on, finds nothing, and mails all the same."""
    absolute = "{ unix:/var/spool/postfix/bouncegate/milter.sock, default_action=accept }"
    (text,) = of_master({"smtpd_milters": absolute}, {})
    assert text.startswith("smtp/inet: runs in a chroot")
    assert of_master({}, {}) == []


@pytest.mark.skipif(shutil.which("postmap") is None, reason="Postfix is not installed")
def test_a_domain_that_stands_only_in_a_table_is_found_there(tmp_path: Path) -> None:
    table = tmp_path / "relay"
    table.write_text("return.example.com OK\n")
    values = {**ATTACHED, "relay_domains": f"texthash:{table}"}
    main = "".join(f"{key} = {value}\n" for key, value in values.items() if key != "mail_version")
    (tmp_path / "main.cf").write_text(main)
    (tmp_path / "master.cf").write_text("smtp inet n - n - - smtpd\n")
    texts = [one.text for one in check_postfix(SETTINGS, tmp_path)]
    assert not any("bounces are refused" in text for text in texts), texts


@pytest.mark.parametrize(("ours", "of_postfix"), [("", "+"), ("+", ""), ("+", "+-")])
def test_a_recipient_delimiter_that_differs_from_that_of_postfix_is_a_note(
    ours: str, of_postfix: str
) -> None:
    (found,) = extensions(ours, of_postfix)
    assert found.severity is Severity.NOTE
    assert f"recipient_delimiter is {of_postfix!r}" in found.text


@pytest.mark.parametrize(("ours", "of_postfix"), [("", ""), ("+", "+"), ("+-", "-+")])
def test_a_recipient_delimiter_that_agrees_is_no_finding(ours: str, of_postfix: str) -> None:
    assert list(extensions(ours, of_postfix)) == []
