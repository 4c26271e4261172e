"""A log that cannot be read, or is told in another zone, is a finding of doctor and health."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Command, bouncegate, config

from bouncegate.admin.doctor.findings import Severity
from bouncegate.admin.doctor.maillog import check_maillog
from bouncegate.classifier.maillog.timestamp import seconds_of
from bouncegate.config.loading import loads

__all__ = ["bouncegate", "config"]

SAID = (
    "postfix/smtp[1]: AAAAAA: to=<a@r.example>, relay=none, delay=1, dsn=5.4.4, status=bounced (x)"
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "mail.log"


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    seconds_of.cache_clear()
    yield
    monkeypatch.undo()
    time.tzset()
    seconds_of.cache_clear()


def findings(log: Path, source: str = "file") -> list[tuple[Severity, str]]:
    settings = loads(f'[ledger]\nenabled = true\n[maillog]\nsource = "{source}"\nfile = "{log}"\n')
    return [(one.severity, one.text) for one in check_maillog(settings, int(time.time()))]


def test_a_log_that_can_be_read_is_fine(log: Path) -> None:
    log.write_text(f"{time.strftime('%b %e %H:%M:%S')} mail {SAID}\n")
    assert findings(log) == [(Severity.OK, f"{log} can be read")]
    assert findings(log, "none") == []


def test_a_log_that_is_missing_or_unreadable_is_an_error(log: Path) -> None:
    ((severity, text),) = findings(log.parent / "missing" / "mail.log")
    assert (severity, "no such file" in text) == (Severity.ERROR, True)
    log.write_text(f"{{'time': 1, 'said': '{SAID}'}}\n")
    ((severity, text),) = findings(log)
    assert (severity, "nothing of it counts" in text) == (Severity.ERROR, True)


@pytest.mark.usefixtures("zone")
def test_a_log_in_another_zone_is_a_warning(log: Path) -> None:
    log.write_text(f"{time.strftime('%b %e %H:%M:%S', time.gmtime())} mail {SAID}\n")
    ((severity, text),) = findings(log)
    assert (severity, "a time zone that is 9 h from" in text) == (Severity.WARNING, True)


def test_health_is_critical_while_the_log_cannot_be_read(
    log: Path, config: Path, bouncegate: Command
) -> None:
    log.write_text("no log\n")
    with config.open("a") as file:
        file.write(f'[ledger]\nenabled = true\n[maillog]\nsource = "file"\nfile = "{log}"\n')
    # Not the table: it folds a long text, and where depends on the length of the folder's name.
    done = bouncegate("report", "health", "--json")
    assert done.code == 2
    assert "nothing of it counts" in done.out
