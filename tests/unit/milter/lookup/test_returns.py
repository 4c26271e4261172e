"""Whom a signed return path reaches: itself and the one who wrote, and nobody by a forged one."""

import time
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from bouncegate.config.returndomains import SenderDependent
from bouncegate.config.settings import (
    MapSettings,
    MilterSettings,
    ReturnPathSettings,
    Settings,
    StoreSettings,
)
from bouncegate.config.values import DomainName
from bouncegate.milter.lookup.returns import ReturnMap
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.tokens.keys import KEY_FILE, load_or_make, rotate
from bouncegate.store.tokens.token import sign

NOT_FOUND = b"NOTFOUND "
NOW = int(time.time())
DAY = 86_400
MESSAGE = b"12345678"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        store=StoreSettings(path=tmp_path),
        return_path=ReturnPathSettings(domain=DomainName("return.example.com")),
        map=MapSettings(return_to_sender=True),
    )


def return_path(settings: Settings, sender: str, made: int = NOW - 60) -> str:
    ring = load_or_make(settings.store.path / KEY_FILE, NOW)
    return f"{sign(ring, sender, MESSAGE, made)}@return.example.com"


def record(settings: Settings, sender: str, made: int = NOW - 60) -> None:
    """What the milter's ledger writer writes, in a process of its own: here the ledger is closed
    again.
    """
    with closing(Ledger.open(settings.store, settings.ledger, readonly=False)) as ledger:
        ledger.write([entry_of(Sent(made, MESSAGE, sender, ("gone@example.org",)))])


def test_a_signed_return_path_is_itself_and_the_sender(settings: Settings) -> None:
    record(settings, "Ann@example.com")
    path = return_path(settings, "Ann@example.com")
    answer = ReturnMap(settings, lambda: NOW)
    assert answer(path.encode()) == f"OK {path}, Ann@example.com".encode()
    assert answer(path.upper().encode()).endswith(b", Ann@example.com")


def test_a_forged_a_stale_and_an_empty_return_path_reach_nobody(settings: Settings) -> None:
    record(settings, "ann@example.com")
    good = return_path(settings, "ann@example.com")
    answer = ReturnMap(settings, lambda: NOW)
    forged = good.replace(good[4], "a" if good[4] != "a" else "b", 1)
    late = ReturnMap(settings, lambda: NOW + 30 * DAY)
    assert answer(forged.encode()) == late(good.encode()) == NOT_FOUND
    for key in (b"postmaster@return.example.com", b"@return.example.com", b"return.example.com"):
        assert answer(key) == NOT_FOUND


def test_other_domains_and_what_is_no_text_are_not_found(settings: Settings) -> None:
    answer = ReturnMap(settings)
    assert answer(b"ann@example.com") == answer(b"\xff@return.example.com") == NOT_FOUND


@pytest.mark.parametrize(
    "sender", ["", "no address", "a@b, c@d", "@example.com", "b-x@return.example.com"]
)
def test_a_sender_that_is_no_address_is_told_nothing(settings: Settings, sender: str) -> None:
    """The ledger holds what clients gave; no list of addresses may come out of it."""
    record(settings, sender)
    path = return_path(settings, sender)
    assert ReturnMap(settings, lambda: NOW)(path.encode()) == NOT_FOUND


def test_a_message_that_the_ledger_will_know_in_a_moment_is_asked_for_again(
    settings: Settings,
) -> None:
    path = return_path(settings, "ann@example.com", NOW).encode()
    assert ReturnMap(settings, lambda: NOW)(path).startswith(b"TEMP ")
    assert ReturnMap(settings, lambda: NOW + 60)(path) == NOT_FOUND
    answer = ReturnMap(settings, lambda: NOW + 1)
    assert answer(path).startswith(b"TEMP ")
    record(settings, "ann@example.com", NOW)
    assert answer(path).endswith(b", ann@example.com")


def test_a_key_that_was_added_meanwhile_is_known(settings: Settings) -> None:
    answer = ReturnMap(settings, lambda: NOW)
    rotate(settings.store.path / KEY_FILE, NOW, 0)
    record(settings, "ann@example.com")
    assert answer(return_path(settings, "ann@example.com").encode()).startswith(b"OK ")


@pytest.mark.parametrize(("on_error", "word"), [("accept", b"NOTFOUND"), ("tempfail", b"TEMP")])
def test_a_ledger_that_cannot_be_read_is_told_and_on_error_decides(
    settings: Settings, on_error: str, word: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    folder = settings.store.path / "ledger"
    folder.mkdir()
    (folder / "data.mdb").write_bytes(b"no ledger" * 1000)
    milter = MilterSettings(on_error="tempfail" if on_error == "tempfail" else "accept")
    broken = Settings(store=settings.store, return_path=settings.return_path, milter=milter)
    answer = ReturnMap(broken, lambda: NOW)
    path = return_path(settings, "ann@example.com").encode()
    assert {answer(path).split()[0] for _ in range(5)} == {word}
    assert len(caplog.records) == 1
    assert "error: return: " in caplog.text


def test_each_return_domain_is_known_and_none_is_a_sender(settings: Settings) -> None:
    other = SenderDependent((DomainName("a.example"),), DomainName("bounces.a.example"))
    both = replace(settings.return_path, sender_dependent=(other,))
    settings = replace(settings, return_path=both)
    record(settings, "ann@a.example")
    token = return_path(settings, "ann@a.example").partition("@")[0]
    answer = ReturnMap(settings, lambda: NOW)
    for domain in ("return.example.com", "bounces.a.example"):
        path = f"{token}@{domain}"
        assert answer(path.encode()) == f"OK {path}, ann@a.example".encode()
    assert answer(f"{token}@a.example".encode()) == NOT_FOUND


def test_a_sender_below_any_return_domain_is_told_nothing(settings: Settings) -> None:
    other = SenderDependent((DomainName("a.example"),), DomainName("bounces.a.example"))
    both = replace(settings.return_path, sender_dependent=(other,))
    settings = replace(settings, return_path=both)
    record(settings, "b-x@bounces.a.example")
    path = return_path(settings, "b-x@bounces.a.example")
    assert ReturnMap(settings, lambda: NOW)(path.encode()) == NOT_FOUND
