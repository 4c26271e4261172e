"""What transport_maps is answered: the milter's decision and text, for whatever Postfix asks."""

import logging
import time
from collections.abc import Callable

import lmdb
import pytest
from tests.unit.milter.locks import YEAR, lock_of
from tests.unit.scoreboards import counters_of

from bouncegate.config.settings import (
    ExemptSettings,
    MilterSettings,
    ReplyAction,
    ReplySettings,
    Settings,
)
from bouncegate.config.values import AddressPattern, EnhancedStatus
from bouncegate.milter.lookup.transport import TransportMap
from bouncegate.milter.refusal.counts import DECISIONS, DecisionCounts
from bouncegate.milter.refusal.reply import compose
from bouncegate.store.errors import StoreMissing
from bouncegate.store.lockrecord import pack
from bouncegate.store.locktable import Find

LOCK = lock_of(until=int(time.time()) + YEAR)
NOT_FOUND = b"NOTFOUND "


def transport_map(settings: Settings, find: Find) -> TransportMap:
    return TransportMap(settings, find, DecisionCounts(counters_of(DECISIONS), DECISIONS))


class Locks(dict[bytes, bytes]):
    """A lock table that says what it was asked for."""

    def __init__(self, *keys: str) -> None:
        super().__init__({key.encode(): pack(LOCK) for key in keys})
        self.asked: list[bytes] = []

    def find(self, key: bytes) -> bytes | None:
        self.asked.append(key)
        own = self.get(key)
        return own if own is not None else self.get(key[key.rfind(b"@") :])


def test_a_locked_recipient_is_answered_with_the_milter_s_text_but_for_what_smtpd_adds() -> None:
    settings = Settings()
    answer = transport_map(settings, Locks("ann@example.org").find)(b"ann@example.org")
    text = compose(settings.reply, LOCK, "ann@example.org").text
    assert text.endswith(" [bouncegate]")
    assert text.startswith("Recipient address rejected: locked")
    assert answer == f"OK error:5.1.1 {text.removeprefix('Recipient address rejected: ')}".encode()


def test_a_temporary_code_defers_by_way_of_retry() -> None:
    """error(8) bounces whatever the code is: mail that should wait would be lost."""
    settings = Settings(reply=ReplySettings(code=450, status=EnhancedStatus("4.2.1")))
    answer = transport_map(settings, Locks("ann@example.org").find)(b"ann@example.org")
    assert answer.startswith(b"OK retry:4.2.1 ")


@pytest.mark.parametrize(
    ("action", "answer", "said"),
    [
        ("defer", b"OK retry:4.2.1 locked", "reject: transport: 450 4.2.1 <ann@example.org>"),
        ("discard", b"OK discard:locked", "discard: transport: "),
        ("tag", NOT_FOUND, ""),
    ],
)
def test_each_action_is_answered_by_the_transport_that_does_it(
    caplog: pytest.LogCaptureFixture, action: ReplyAction, answer: bytes, said: str
) -> None:
    """A table cannot add a header field: what is to be tagged passes."""
    caplog.set_level(logging.INFO, "bouncegate.map")
    settings = Settings(reply=ReplySettings(action=action))
    given = transport_map(settings, Locks("ann@example.org").find)(b"ann@example.org")
    assert given.startswith(answer)
    assert given.endswith(b" [bouncegate]") or given == NOT_FOUND
    assert said in caplog.text


@pytest.mark.parametrize(
    "key", [b"ANN@Example.ORG", b"ann@example.org.", b"john doe@example.org", b'a"b c@example.org']
)
def test_every_form_in_which_postfix_asks_is_known(key: bytes) -> None:
    """Postfix asks for local parts without their quotes."""
    locks = Locks("ann@example.org", '"john doe"@example.org', '"a\\"b c"@example.org')
    assert transport_map(Settings(), locks.find)(key).startswith(b"OK error:")


def test_a_lock_of_the_domain_holds_each_of_its_addresses() -> None:
    answer = transport_map(Settings(), Locks("@example.org").find)
    assert answer(b"ann@example.org").startswith(b"OK error:")
    assert answer(b"ann@sub.example.org") == NOT_FOUND


@pytest.mark.parametrize("key", [b"*", b"example.org", b".example.org", b"@example.org", b"", b"@"])
def test_look_ups_that_are_no_recipients_ask_the_store_nothing(key: bytes) -> None:
    locks = Locks("@example.org")
    assert transport_map(Settings(), locks.find)(key) == NOT_FOUND
    assert locks.asked == []


@pytest.mark.parametrize("key", [b"\xff\xfe@example.org", b"a" * 8000 + b"@example.org", b"a@c d"])
def test_what_is_no_address_is_not_found(key: bytes) -> None:
    assert transport_map(Settings(), Locks().find)(key) == NOT_FOUND


def test_exempt_recipients_pass() -> None:
    exempt = ExemptSettings(recipients=(AddressPattern("postmaster", ""),))
    answer = transport_map(Settings(exempt=exempt), Locks("@example.org").find)
    assert answer(b"Postmaster@example.org") == NOT_FOUND
    assert answer(b"ann@example.org").startswith(b"OK ")


def test_a_lock_that_has_ended_is_no_lock_but_its_domain_s_still_holds() -> None:
    locks = Locks("@example.org")
    locks[b"ann@example.org"] = locks[b"bob@example.com"] = pack(
        lock_of(until=int(time.time()) - 1)
    )
    answer = transport_map(Settings(), locks.find)
    assert answer(b"ann@example.org").startswith(b"OK ")
    assert answer(b"bob@example.com") == NOT_FOUND


def test_observe_lets_pass_and_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bouncegate.map")
    settings = Settings(milter=MilterSettings(mode="observe"))
    assert transport_map(settings, Locks("ann@example.org").find)(b"ann@example.org") == NOT_FOUND
    assert "would-reject: transport: 550 5.1.1 <ann@example.org>" in caplog.text


def failing(error: Exception) -> Callable[[bytes], bytes | None]:
    def find(_key: bytes) -> bytes | None:
        raise error

    return find


@pytest.mark.parametrize(
    "error", [StoreMissing("no store yet"), lmdb.Error("gone"), RuntimeError("a fault of ours")]
)
def test_without_a_store_on_error_decides_and_the_log_says_so_once(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    accept = transport_map(Settings(), failing(error))
    tempfail = transport_map(Settings(milter=MilterSettings(on_error="tempfail")), failing(error))
    assert {accept(b"ann@example.org") for _ in range(100)} == {NOT_FOUND}
    assert len(caplog.records) == 1
    assert "answered: accept" in caplog.text
    assert tempfail(b"ann@example.org").startswith(b"TEMP ")


def test_a_record_that_cannot_be_read_is_an_error_and_no_crash() -> None:
    locks = Locks()
    locks[b"ann@example.org"] = b"\xff" * 20
    assert transport_map(Settings(), locks.find)(b"ann@example.org") == NOT_FOUND
