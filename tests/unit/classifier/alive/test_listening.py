"""Signs of life by mail: what they change, how often, and that no copy is lost."""

import smtplib
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from email.utils import formatdate
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.events import event_of
from tests.unit.classifier.alive.message import ANN, MX, NOW, PASSED, SETTINGS, mail
from tests.unit.classifier.test_return_path import COMMAND, SECONDS, Handler, dsn
from tests.unit.store.bounces import SIGNED

from bouncegate.classifier.alive.listener import Listener
from bouncegate.config.loading import load
from bouncegate.config.settings import PolicySettings, Settings, StoreSettings
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import Size
from bouncegate.policy.fold import EMPTY, Policy
from bouncegate.policy.records import Act, State
from bouncegate.store.alive import LASTS, mailbox_of, record, withdraw
from bouncegate.store.store import Bounce, Store

DAY = 86_400
POLICY = Policy(PolicySettings(), SIGNED)


class Hearing:
    """A store in which Ann has bounced, and its listener."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.store = store
        self.settings = replace(Settings(), store=StoreSettings(path=folder), alive=SETTINGS)
        record(self.settings, NOW)
        self.listener = Listener(self.settings, store, POLICY)

    def bounce(self, *reasons: Reason, at: int = NOW - DAY) -> None:
        for number, reason in enumerate(reasons):
            identity = (at + number).to_bytes(8, "big") * 2
            event = event_of(ANN, at + number, reason, identity=identity)
            self.store.record([Bounce([event], b"")], POLICY)

    def state(self) -> State:
        return self.store.addresses.get(ANN) or EMPTY

    def acts(self) -> list[Act]:
        return [entry for _, entry in self.store.journal.of_address(ANN) if isinstance(entry, Act)]


@pytest.fixture
def hearing(tmp_path: Path) -> Iterator[Hearing]:
    settings = StoreSettings(path=tmp_path, map_size=Size(2**26))
    with closing(Store.open(settings)) as store:
        yield Hearing(tmp_path, store)


def test_mail_from_the_address_that_passed_authentication_frees_a_soft_lock_and_resets_statistics(
    hearing: Hearing,
) -> None:
    hearing.bounce(*[Reason.MAILBOX_FULL] * 3)
    assert hearing.state().lock is not None
    hearing.listener.take([], mail(PASSED), ANN, NOW)
    assert hearing.state() == State(alive=NOW)
    (act,) = hearing.acts()
    assert (act.verb, act.by) == ("alive", "mail")
    assert act.why == f"dmarc=pass by {MX}, message <answer@example.com>"


def test_of_who_never_bounced_nothing_is_kept(hearing: Hearing) -> None:
    hearing.listener.take([], mail(PASSED), ANN, NOW)
    assert hearing.store.journal.of_address(ANN) == []
    assert hearing.store.addresses.get(ANN) is None


def test_one_act_a_day_is_kept_however_much_somebody_writes(hearing: Hearing) -> None:
    """A hard lock stays, so each message would make a difference."""
    hearing.bounce(Reason.USER_UNKNOWN)
    for minute in range(10):
        hearing.listener.take([], mail(PASSED), ANN, NOW + 60 * minute)
    assert len(hearing.acts()) == 1
    assert hearing.state().lock is not None
    hearing.listener.take([], mail(PASSED, at=NOW + DAY), ANN, NOW + DAY)
    assert len(hearing.acts()) == 2


def test_what_is_no_proof_changes_nothing(hearing: Hearing) -> None:
    hearing.bounce(*[Reason.MAILBOX_FULL] * 3)
    hearing.listener.take([], mail(), ANN, NOW)
    assert hearing.acts() == []
    assert hearing.state().lock is not None


def test_mail_is_no_sign_of_life_before_it_is_proven_that_forged_results_are_taken_out(
    hearing: Hearing, caplog: pytest.LogCaptureFixture
) -> None:
    hearing.bounce(*[Reason.MAILBOX_FULL] * 3)
    withdraw(hearing.settings)
    hearing.listener.take([], mail(PASSED), ANN, NOW)
    assert hearing.state().lock is not None
    assert "not proven" in caplog.text
    record(hearing.settings, NOW - LASTS - 1)
    hearing.listener.take([], mail(PASSED), ANN, NOW)
    assert hearing.state().lock is not None, "a proof is good for a month"
    others = replace(
        hearing.settings, alive=replace(SETTINGS, authserv_ids=(MX, "mx2.example.org"))
    )
    record(others, NOW)
    hearing.listener.take([], mail(PASSED), ANN, NOW)
    assert hearing.state().lock is not None, "it is about the settings that it was made for"
    record(hearing.settings, NOW)
    hearing.listener.take([], mail(PASSED), ANN, NOW)
    assert hearing.state().lock is None


def test_nobody_but_postfix_knows_the_mailbox_of_signs(hearing: Hearing, tmp_path: Path) -> None:
    mailbox = mailbox_of(hearing.settings)
    is_meant = hearing.listener.is_meant
    assert is_meant(f"{mailbox}@return.example.com")
    assert is_meant(f"{mailbox.upper()}@return.example.com")
    guessed = ("alive", "alive-", f"alive-{'a' * 16}", mailbox[:-1], f"{mailbox}a", "")
    assert not any(is_meant(f"{local}@return.example.com") for local in guessed)
    elsewhere = replace(hearing.settings, store=StoreSettings(path=tmp_path / "other"))
    elsewhere.store.path.mkdir()
    assert mailbox_of(elsewhere) != mailbox


def fresh(address: str = ANN) -> bytes:
    """A reply written now."""
    raw = mail(PASSED, author=address)
    lines = raw.split(b"\r\n")
    lines = [b"Date: " + formatdate().encode() if s.startswith(b"Date:") else s for s in lines]
    return b"\r\n".join(lines)


@pytest.fixture
def handler(tmp_path: Path) -> Iterator[Handler]:
    handler = Handler(tmp_path, f'[alive]\nauthserv_ids = ["{MX}"]')
    handler.deliver(dsn(ANN))
    record(load(handler.config), int(time.time()))
    yield handler
    if handler.process.poll() is None:
        handler.stop()


def copies_to(handler: Handler) -> str:
    return f"{mailbox_of(load(handler.config))}@return.example.org"


def alive(handler: Handler) -> int:
    settings = StoreSettings(path=handler.folder / "store")
    with closing(Store.open(settings, readonly=True)) as store:
        return (store.addresses.get(ANN) or EMPTY).alive


def test_a_copy_that_comes_to_the_mailbox_of_signs_is_heard(handler: Handler) -> None:
    with smtplib.LMTP(str(handler.socket), local_hostname="localhost", timeout=SECONDS) as client:
        client.sendmail(ANN, [copies_to(handler)], fresh())
    assert alive(handler) >= time.time() - 60
    assert len(handler.events()) == 1


def test_a_copy_with_the_null_sender_is_not_heard(handler: Handler) -> None:
    handler.deliver(fresh(), copies_to(handler))
    assert alive(handler) == 0


def test_what_comes_to_any_other_mailbox_is_a_bounce_or_nothing(handler: Handler) -> None:
    with smtplib.LMTP(str(handler.socket), local_hostname="localhost", timeout=SECONDS) as client:
        client.sendmail(ANN, ["bounces@example.org"], fresh())
    assert alive(handler) == 0


def test_a_message_to_both_is_taken_by_both(handler: Handler) -> None:
    """Each recipient gets its own reply (RFC 2033, 4.2)."""
    with smtplib.LMTP(str(handler.socket), local_hostname="localhost", timeout=SECONDS) as client:
        client.ehlo()
        client.mail("a@b.example")
        for recipient in (copies_to(handler), "bounces@r.example"):
            client.rcpt(recipient)
        answers = [client.data(dsn("x@y.example", "2")), client.getreply()]
    assert answers == [(250, b"2.0.0 Heard"), (250, b"2.0.0 Recorded")]
    assert {event.address for event in handler.events()} == {ANN, "x@y.example"}
    assert alive(handler) == 0


def test_a_message_on_standard_input_is_heard(handler: Handler) -> None:
    argv = [*COMMAND, "--config", str(handler.config), "alive", "--message"]
    done = subprocess.run(argv, input=fresh(), capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, b"")
    assert alive(handler) >= time.time() - 60


def test_a_message_is_kept_by_postfix_while_the_store_cannot_take_it(handler: Handler) -> None:
    handler.stop()
    handler.config.write_text(handler.config.read_text().replace("/store", "/nowhere"))
    argv = [*COMMAND, "--config", str(handler.config), "alive", "--message"]
    done = subprocess.run(argv, input=fresh(), capture_output=True, timeout=60, check=False)
    assert done.returncode == 75
