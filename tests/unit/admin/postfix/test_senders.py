"""What parameters of Postfix mean for signed senders: a table of them, and what is found."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest

from bouncegate.admin.doctor.findings import Severity
from bouncegate.admin.doctor.postfix import check_postfix, wiring
from bouncegate.admin.postfix.facts import Facts, Service, TableAnswers
from bouncegate.admin.postfix.plan import plan
from bouncegate.admin.postfix.postconf import read
from bouncegate.admin.postfix.senders import Effect, masquerade, sender_effects
from bouncegate.config.loading import loads
from bouncegate.config.probe import SIGNED

DOMAIN = "return.example.com"
SETTINGS = loads(f'[return_path]\ndomain = "{DOMAIN}"\n')
CLASSES = {
    "masquerade_classes": "envelope_sender, header_sender, header_recipient",
    "canonical_classes": "envelope_sender, envelope_recipient, header_sender, header_recipient",
    "sender_canonical_classes": "envelope_sender, header_sender",
    "recipient_canonical_classes": "envelope_recipient, header_recipient",
}
SERVICES = (
    Service("smtp", "inet", False, "smtpd"),
    Service("submission", "inet", False, "smtpd"),
    Service("cleanup", "unix", False, "cleanup"),
    Service("rewrite", "unix", False, "trivial-rewrite"),
    Service("smtp", "unix", False, "smtp"),
    Service("relay", "unix", False, "smtp"),
)


def facts(values: Mapping[str, str], signed: Mapping[str, str | None] | None = None) -> Facts:
    """Names with a slash are set in master.cf, for a service alone."""
    own: dict[str, dict[str, str]] = {}
    for path, value in values.items():
        service, _, name = path.rpartition("/")
        if service:
            own.setdefault(service, {})[name] = value
    everywhere = {**CLASSES, **{n: value for n, value in values.items() if "/" not in n}}
    return Facts(
        Path("/etc/postfix"),
        everywhere,
        everywhere,
        frozenset(everywhere),
        SERVICES,
        own,
        own,
        tables={DOMAIN: TableAnswers(signed=signed or {})},
    )


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


TABLES = [
    ("inline:{@return.example.com=@example.com}", "@example.com"),
    ("inline:{@example.com=@example.org}", ""),
    ("inline:{a=b}, inline:{@return.example.com=@example.com}", "@example.com"),
    ("texthash:exact", "news@example.com"),
    ("regexp:patterns", f"{SIGNED}@example.net"),
    ("proxy:texthash:exact", "news@example.com"),
    ("texthash:exact regexp:patterns", f"{SIGNED}@example.net"),
    ("regexp:bare", ""),
    ("texthash:gone", None),
    ("socketmap:unix:gone.sock:some", None),
]


@pytest.mark.skipif(shutil.which("postmap") is None, reason="Postfix is not installed")
@pytest.mark.parametrize(("tables", "answer"), TABLES)
def test_tables_are_asked_as_postfix_asks_them(
    tables: str, answer: str | None, tmp_path: Path
) -> None:
    """The whole address in every table first, then `@domain`, but not in patterns."""
    for name, text in (
        ("exact", f"@{DOMAIN} news@example.com\n"),
        ("patterns", r"/^(b-.+)@return\.example\.com$/ $1@example.net" + "\n"),
        ("bare", f"/^@{DOMAIN}$/ news@example.com\n"),
    ):
        (tmp_path / name).write_text(text)
    main = (
        f"compatibility_level = 3.6\nqueue_directory = {tmp_path}\n"
        f"sender_canonical_maps = {tables}\n"
    )
    (tmp_path / "main.cf").write_text(main)
    (tmp_path / "master.cf").write_text(
        "smtp inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\n"
    )
    assert read(tmp_path, [DOMAIN]).tables_of(DOMAIN).signed == {"sender_canonical_maps": answer}


@pytest.mark.skipif(shutil.which("postmap") is None, reason="Postfix is not installed")
def test_a_service_s_own_tables_are_asked_and_told(tmp_path: Path) -> None:
    (tmp_path / "main.cf").write_text(f"compatibility_level = 3.6\nqueue_directory = {tmp_path}\n")
    (tmp_path / "master.cf").write_text(
        "smtp inet n - n - - smtpd\nrewrite unix - - n - - trivial-rewrite\n"
        "  -o { sender_dependent_relayhost_maps = inline:{@example.com=[192.0.2.1]} }\n"
        "out unix - - n - - smtp -o smtp_generic_maps=inline:{@return.example.com=@example.com}\n"
    )
    texts = [one.text for one in check_postfix(SETTINGS, tmp_path) if one.check == "postfix"]
    assert any(text.startswith("rewrite/unix/sender_dependent_relayhost_maps") for text in texts)
    assert any(text.startswith("out/unix/smtp_generic_maps: replaces") for text in texts)


BY_SENDER = loads(
    f"""
[return_path]
domain = "{DOMAIN}"
[[return_path.sender_dependent]]
sender_domains = ["a.example"]
domain = "bounces.a.example"
"""
)


def test_each_return_domain_is_looked_for_in_routes_by_sender() -> None:
    """An entry for one of them is none for the other: its mail leaves by the default route."""
    name = "sender_dependent_default_transport_maps"
    told = {
        DOMAIN: TableAnswers(signed={name: "smtp:x"}),
        "bounces.a.example": TableAnswers(signed={name: ""}),
    }
    found = list(sender_effects(BY_SENDER, replace(facts({name: "hash:/x"}), tables=told)))
    assert [(one.subject, one.effect) for one in found] == [(name, Effect.AFFECTED)]
    assert "@bounces.a.example" in found[0].fix


def test_each_return_domain_is_looked_for_in_masquerade_domains() -> None:
    found = list(sender_effects(BY_SENDER, facts({"masquerade_domains": "a.example"})))
    assert [one.fix for one in found] == ["let it begin with !bounces.a.example"]


@pytest.mark.skipif(shutil.which("postmap") is None, reason="Postfix is not installed")
def test_each_return_domain_is_asked_for_and_a_table_that_is_down_only_once(
    tmp_path: Path,
) -> None:
    """A database that does not answer takes seconds each time, and return domains may be many."""
    name = "sender_canonical_maps"
    for tables, told in (
        (f"inline:{{@{DOMAIN}=a@example.com, @bounces.a.example=b@a.example}}", ["a@example.com"]),
        ("socketmap:unix:down.sock:some", [None]),
    ):
        (tmp_path / "main.cf").write_text(
            f"compatibility_level = 3.6\nqueue_directory = {tmp_path}\n{name} = {tables}\n"
        )
        (tmp_path / "master.cf").write_text(
            "smtp inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\n"
        )
        with Unanswering(tmp_path / "down.sock") as server:
            one = read(tmp_path, [DOMAIN])
            asked = server.asked
            both = read(tmp_path, [DOMAIN, "bounces.a.example"])
            assert server.asked == 2 * asked
        assert [one.tables_of(DOMAIN).signed[name]] == told
        assert both.tables_of(DOMAIN) == one.tables_of(DOMAIN)
        other = both.tables_of("bounces.a.example").signed[name]
        assert other == (told[0] and "b@a.example")


@pytest.mark.skipif(shutil.which("postmap") is None, reason="Postfix is not installed")
def test_a_table_is_asked_for_all_return_domains_in_one_run_of_postmap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run takes some 20 ms: with 201 return domains and eight tables, 18 s."""
    routes, name = tmp_path / "routes", "sender_canonical_maps"
    routes.write_text("/^c7[.]/ lmtp:inet:here\n")
    (tmp_path / "main.cf").write_text(
        f"compatibility_level = 3.6\nqueue_directory = {tmp_path}\n"
        f"transport_maps = regexp:{routes}\nrelay_domains = regexp:{routes}\n"
        f"{name} = inline:{{@c7.example=a@c7.example}}, inline:{{@c8.example=b@c8.example}}\n"
    )
    (tmp_path / "master.cf").write_text(
        "smtp inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\n"
    )
    started: list[str] = []
    run = subprocess.run

    def counted(argv: list[str], **options: Any) -> subprocess.CompletedProcess[Any]:
        started.append(argv[0])
        return run(argv, **options)

    monkeypatch.setattr(subprocess, "run", counted)
    found = read(tmp_path, [f"c{number}.example" for number in range(20)])
    assert started.count("postmap") == 3
    assert found.tables_of("c7.example").answers == dict.fromkeys(
        ("transport_maps", "relay_domains"), "lmtp:inet:here"
    )
    assert found.tables_of("c6.example").answers == {}
    answers = [found.tables_of(f"c{number}.example").signed[name] for number in (6, 7, 8)]
    assert answers == ["", "a@c7.example", "b@c8.example"]


class Unanswering:
    """A socketmap (socketmap_table(5)) that is out of order, and counts how often it is asked."""

    def __init__(self, path: Path) -> None:
        self.asked = 0
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                with client:
                    client.recv(1024)
                    self.asked += 1
                    client.sendall(b"9:TEMP down,")
