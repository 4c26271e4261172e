"""Signs of life by mail: off until a message has shown that forged results do not arrive."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bouncegate.admin.doctor.alive import check_alive
from bouncegate.admin.doctor.findings import Severity
from bouncegate.config.loading import loads
from bouncegate.config.settings import Settings
from bouncegate.store.alive import is_due, is_proven, record

NOW = int(time.time())


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which nobody answers."""
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def settings_of(folder: Path, port: int, hosts: str = '["mx.example.org"]') -> Settings:
    return loads(
        f'[store]\npath = "{folder}"\n[local]\nserver = "inet:127.0.0.1:{port}"\n'
        f'[return_path]\ndomain = "return.example.org"\n[alive]\nauthserv_ids = {hosts}\n'
    )


def worst(settings: Settings) -> tuple[Severity, str]:
    return max((one.severity, one.text) for one in check_alive(settings, NOW))


def test_alive_is_not_checked_where_nobody_is_trusted(tmp_path: Path, closed_port: int) -> None:
    assert list(check_alive(settings_of(tmp_path, closed_port, "[]"), NOW)) == []


def test_alive_is_off_where_no_message_can_be_sent(tmp_path: Path, closed_port: int) -> None:
    severity, text = worst(settings_of(tmp_path, closed_port))
    assert severity is Severity.WARNING
    assert "not tried" in text
    assert "no mail is a sign of life" in text


def test_alive_stays_on_by_an_earlier_proof_while_none_can_be_tried(
    tmp_path: Path, closed_port: int
) -> None:
    settings = settings_of(tmp_path, closed_port)
    record(settings, NOW - 86_400)
    assert worst(settings)[0] is Severity.NOTE
    assert is_proven(settings, NOW)


def test_alive_is_proven_again_every_day(tmp_path: Path, closed_port: int) -> None:
    settings = settings_of(tmp_path, closed_port)
    assert is_due(settings, NOW)
    record(settings, NOW)
    assert not is_due(settings, NOW + 86_000)
    assert is_due(settings, NOW + 87_000)
    assert is_proven(settings, NOW + 87_000)
    assert is_due(settings_of(tmp_path, closed_port, '["mx2.example.org"]'), NOW)


def test_alive_tells_the_address_of_the_copies(tmp_path: Path, closed_port: int) -> None:
    texts = [one.text for one in check_alive(settings_of(tmp_path, closed_port), NOW)]
    assert any(text.startswith("copies of mail are accepted at alive-") for text in texts)
