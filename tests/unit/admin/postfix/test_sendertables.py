"""Tables that signed senders meet are asked as Postfix asks them, for each return domain."""

import shutil
import socket
import subprocess
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest
from tests.unit.admin.postfix.senderfacts import DOMAIN, SETTINGS, facts

from bouncegate.admin.doctor.postfix import check_postfix
from bouncegate.admin.postfix.facts import TableAnswers
from bouncegate.admin.postfix.postconf import read
from bouncegate.admin.postfix.senders import Effect, sender_effects
from bouncegate.config.loading import loads
from bouncegate.config.probe import SIGNED

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
