"""The return domain: which senders below it we have signed."""

import time
from pathlib import Path

import pytest

from bouncegate.config.loading import loads
from bouncegate.store.tokens.keys import KEY_FILE, KeyFile
from bouncegate.store.tokens.returndomain import ReturnDomain
from bouncegate.store.tokens.token import sign

NOW = 1_790_000_000
DAY = 86_400
DOMAIN = "return.sender.test"


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / KEY_FILE, int(time.time()))


@pytest.fixture
def domain(tmp_path: Path, keys: KeyFile) -> ReturnDomain:
    return ReturnDomain(
        loads(f'[store]\npath = "{tmp_path}"\n[return_path]\ndomain = "{DOMAIN}"\n'), keys
    )


def test_signed_senders_are_those_with_a_good_token(
    tmp_path: Path, domain: ReturnDomain, keys: KeyFile
) -> None:
    local = sign(keys.ring, "ann@example.com", b"message1", NOW)
    assert domain.has_signed(f"{local}@{DOMAIN}", NOW + DAY)
    assert domain.has_signed(f"{local.upper()}@Return.Sender.Test", NOW + DAY)
    (tmp_path / "other").mkdir()
    others = KeyFile(tmp_path / "other" / KEY_FILE, NOW)
    forged = local[:-1] + ("a" if local[-1] != "a" else "b")
    foreign = sign(others.ring, "ann@example.com", b"message1", NOW)
    for sender in (
        f"{forged}@{DOMAIN}",
        f"{foreign}@{DOMAIN}",
        f"{local}@sender.test",
        f"news@{DOMAIN}",
        "",
        "(",
    ):
        assert not domain.has_signed(sender, NOW + DAY), sender
    assert not domain.has_signed(f"{local}@{DOMAIN}", NOW + 30 * DAY), "no message waits so long"


def test_signed_senders_cannot_be_told_while_the_keys_are_unreadable(
    tmp_path: Path, domain: ReturnDomain, keys: KeyFile
) -> None:
    local = sign(keys.ring, "ann@example.com", b"message1", NOW)
    (tmp_path / KEY_FILE).unlink()
    keys.look()
    assert domain.has_signed(f"{local}@{DOMAIN}", NOW)
