"""Bounces and DNS: providers by MX host, and no harm from name servers that are dead or lie."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dns.message
import dns.rcode
import pytest
from tests.unit.admin.dns.liar import Behaviour, name_server, response_to
from tests.unit.classifier.test_return_path import SECONDS, Handler, dsn

from bouncegate.config.settings import StoreSettings
from bouncegate.config.values import Size
from bouncegate.store.store import Store
from lab.nameserver import NameServer
from lab.waiting import wait_for

GUARD = "[guard]\naddresses = 5\n"


@contextmanager
def return_path(folder: Path, *extra: str) -> Iterator[Handler]:
    handler = Handler(folder, *extra)
    try:
        yield handler
    finally:
        if handler.process.poll() is None:
            handler.stop(signal.SIGKILL)


def asking(*resolvers: str) -> str:
    return f'[dns]\nresolvers = {json.dumps(resolvers)}\ntimeout = "1 second"\n'


def maintain_once(handler: Handler) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "bouncegate.cli", "--config", str(handler.config)]
    return subprocess.run(
        [*argv, "maintain", "--once"], check=True, capture_output=True, text=True, timeout=SECONDS
    )


def test_a_company_s_bounces_count_for_the_provider_that_runs_its_mail(
    nsd: NameServer, tmp_path: Path
) -> None:
    with return_path(tmp_path, GUARD, asking(nsd.resolver)) as handler:
        handler.deliver(dsn("u0@google.test", "0"))
        assert handler.events()[-1].provider == "google.test", "DNS is not waited for"
        maintain_once(handler)
        for number in range(1, 8):
            domain = "google.test" if number % 2 else "gmail.com"
            handler.deliver(dsn(f"u{number}@{domain}", str(number)))
        providers = [event.provider for event in handler.events()]
        assert providers == ["google.test", *["google"] * 7], "what an event says never changes"
        assert "addresses at google bounced as user-unknown" in handler.log()


def test_a_stale_answer_is_used_and_asked_for_anew(nsd: NameServer, tmp_path: Path) -> None:
    no_time = 'ttl_least = "0 days"\nttl_most = "0 days"\n'
    with return_path(tmp_path, asking(nsd.resolver) + no_time) as handler:
        handler.deliver(dsn("u0@google.test", "0"))
        maintain_once(handler)
        handler.deliver(dsn("u1@google.test", "1"))
        assert handler.events()[-1].provider == "google"
        handler.stop()
        with closing(Store.open(StoreSettings(path=tmp_path / "store"), readonly=True)) as store:
            assert store.mx.due(int(time.time()), 10) == ["google.test"]


def test_where_dns_is_off_nothing_is_wanted(tmp_path: Path) -> None:
    with return_path(tmp_path, "[dns]\nenabled = false\n") as handler:
        handler.deliver(dsn("u0@google.test", "0"))
        handler.stop()
        with closing(Store.open(StoreSettings(path=tmp_path / "store"), readonly=True)) as store:
            assert store.mx.due(int(time.time()), 10) == []


def test_a_stranger_s_dsn_makes_nobody_ask_dns(tmp_path: Path) -> None:
    with return_path(tmp_path) as handler:
        handler.stop()
        text = handler.config.read_text()
        handler.config.write_text(text.replace('count = ["unverified"]', 'count = ["signed"]'))
        handler.start()
        handler.deliver(dsn("u0@google.test", "0"))
        handler.stop()
        assert handler.events()[-1].trust == "unverified"
        with closing(Store.open(StoreSettings(path=tmp_path / "store"), readonly=True)) as store:
            assert store.mx.due(int(time.time()), 10) == []


def test_the_return_path_never_asks_dns_itself(tmp_path: Path) -> None:
    asked = []

    def counting(question: dns.message.QueryMessage, _tcp: bool) -> dns.message.Message:
        asked.append(question)
        return response_to(question, answer="10 aspmx.l.google.com.")

    with name_server(counting) as server:
        resolver = f"{server.host}:{server.port}"
        with return_path(tmp_path, asking(resolver)) as handler:
            for number in range(5):
                handler.deliver(dsn(f"u{number}@d{number}.test", str(number)))
            assert asked == []
            maintain_once(handler)
            assert len(asked) == 10, "of each domain, and of its best host"


DEAD: dict[str, Behaviour] = {
    "silent": lambda _question, _tcp: None,
    "failing": lambda q, _: response_to(q, dns.rcode.SERVFAIL),
    "denying everything, as the zone would": lambda q, _: response_to(
        q, dns.rcode.NXDOMAIN, soa_of="test."
    ),
    "making up answers": lambda q, _: response_to(q, answer="0 ."),
}


@pytest.fixture(scope="module")
def locks_without_dns(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a series of bounces locks where DNS is off."""
    return locks_after_bounces(tmp_path_factory.mktemp("off"), "[dns]\nenabled = false\n")


def locks_after_bounces(folder: Path, settings: str) -> dict[str, str]:
    """What many bounces lock, with rounds of maintenance between them, and why."""
    with return_path(folder, settings) as handler:
        for number in range(24):
            handler.deliver(dsn(f"u{number}@d{number % 2}.test", str(number)))
            if number % 12 == 11:
                maintain_once(handler)
        handler.stop()
    settings_of_store = StoreSettings(path=folder / "store", map_size=Size(64 * 2**20))
    with closing(Store.open(settings_of_store, readonly=True)) as store:
        return {address: str(lock.reason) for address, lock in store.addresses.locks()}


@pytest.mark.parametrize("behaviour", DEAD.values(), ids=DEAD)
def test_with_every_name_server_dead_or_lying_nothing_is_locked_that_would_not_have_been(
    behaviour: Behaviour, tmp_path: Path, locks_without_dns: dict[str, str]
) -> None:
    assert len(locks_without_dns) == 24
    with name_server(behaviour) as server:
        resolver = f"{server.host}:{server.port}"
        assert locks_after_bounces(tmp_path, asking(resolver)) == locks_without_dns


def test_the_daemon_looks_up_what_bounces_and_ends_when_it_is_told_to(
    nsd: NameServer, tmp_path: Path
) -> None:
    with return_path(tmp_path, asking(nsd.resolver)) as handler:
        handler.deliver(dsn("u0@google.test", "0"))
        notified = tmp_path / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(notified))
            ready.settimeout(SECONDS)
            daemon = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "bouncegate.cli",
                    "--config",
                    str(handler.config),
                    "maintain",
                ],
                env={**os.environ, "NOTIFY_SOCKET": str(notified)},
            )
            try:
                assert ready.recv(100) == b"READY=1"
                wait_for("a look-up", lambda: status_of(tmp_path, "google.test") == "ok")
                daemon.send_signal(signal.SIGTERM)
                assert daemon.wait(SECONDS) == 0
            finally:
                daemon.kill()
                daemon.wait()


def status_of(folder: Path, domain: str) -> str:
    with closing(Store.open(StoreSettings(path=folder / "store"), readonly=True)) as store:
        return store.mx.of(domain).status
