"""What `doctor`, `check-config` and the metrics say of endpoints."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, generate_latest
from tests.stores import open_store, store_settings
from tests.unit.cli.daemonprocess import COMMAND

from bouncegate.admin.doctor.findings import Severity
from bouncegate.cli.doctorevents import check_events
from bouncegate.config.settings import Settings
from bouncegate.config.values import HookUrl
from bouncegate.config.websettings import EndpointSettings, EventsSettings
from bouncegate.web.events.deliveries import Came, Parcel, Place
from bouncegate.web.events.event import EndpointTest, Maker
from bouncegate.web.events.eventstore import EventStore
from bouncegate.web.events.metrics import EventFigures
from bouncegate.web.events.position import Position

NOW = 1_790_000_000
DAY = 86_400
PLACE = Place(Position(0, NOW, 0, 0), NOW, delivered=7, failed=2)


class Site:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        endpoint = EndpointSettings(name="shop", url=HookUrl("https://user.example/secret?k=1"))
        self.settings = Settings(
            store=store_settings(folder), events=EventsSettings(enabled=True, endpoint=(endpoint,))
        )
        open_store(folder).close()

    def start(self, **more: Any) -> None:
        with closing(EventStore.open(self.settings.store, readonly=False)) as events:
            events.deliveries.start("shop", replace(PLACE, **more))

    def found(self) -> tuple[Severity, str, str]:
        (one,) = check_events(self.settings, NOW)
        return one.severity, one.text, one.fix


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_doctor_says_that_the_daemon_never_ran(site: Site) -> None:
    severity, text, fix = site.found()
    assert (severity, fix) == (Severity.WARNING, "systemctl enable --now bouncegate-events")
    assert "no event is sent" in text


def test_doctor_finds_nothing_wrong_with_an_endpoint_that_works(site: Site) -> None:
    site.start()
    assert site.found()[:2] == (Severity.OK, "shop: ok, 0 requests waiting")


@pytest.mark.parametrize(("age", "severity"), [(DAY - 1, Severity.OK), (DAY, Severity.WARNING)])
def test_doctor_warns_of_an_endpoint_that_failed_for_a_day(
    site: Site, age: int, severity: Severity
) -> None:
    site.start(failing_since=NOW - age, last_error="HTTP 500")
    assert site.found()[0] is severity
    if severity is Severity.WARNING:
        assert "shop fails since 2026-09-20T14:13:20Z (HTTP 500)" in site.found()[1]


def test_doctor_warns_of_an_endpoint_that_is_gone(site: Site) -> None:
    site.start(disabled=NOW - 60)
    assert "answered 410 Gone" in site.found()[1]


def test_doctor_notes_dead_letters(site: Site) -> None:
    site.start()
    event = Maker("mx1")(EndpointTest("shop"), NOW, 1)
    with closing(EventStore.open(site.settings.store, readonly=False)) as events:
        events.deliveries.settle("shop", PLACE, Came(dead=[Parcel(1, (event,), 10, NOW, NOW)]))
    severity, text, _ = site.found()
    assert (severity, text.startswith("shop: 1 dead letter,")) == (Severity.NOTE, True)


def test_metrics_name_each_endpoint_and_no_secret_of_its_url(site: Site) -> None:
    site.start(failing_since=NOW)
    with closing(open_store(site.folder)) as store:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(EventFigures(site.settings, store))
        text = generate_latest(registry).decode()
    assert 'bouncegate_events_delivered_total{endpoint="shop"} 7.0' in text
    assert 'bouncegate_events_failing{endpoint="shop"} 1.0' in text
    assert "secret" not in text


def check_config(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    config = folder / "bouncegate.toml"
    config.write_text(f'[store]\npath = "{folder}"\n[events]\nenabled = true\n{text}')
    argv = [*COMMAND, "--config", str(config), "check-config"]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def test_check_config_looks_at_secret_files_and_folders(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    secret.chmod(0o644)
    endpoint = '[[events.endpoint]]\nname = "{}"\n'
    text = (
        endpoint.format("a")
        + f'url = "https://a.example"\nsecret_file = "{secret}"\n'
        + endpoint.format("b")
        + f'spool = "{tmp_path}/none"\n'
    )
    done = check_config(tmp_path, text)
    assert done.returncode == 78
    assert f"{secret}: readable by other users: chmod 600" in done.stderr
    assert "events.endpoint.2.spool" in done.stderr
    secret.chmod(0o600)
    (tmp_path / "none").mkdir()
    assert check_config(tmp_path, text).returncode == 0
