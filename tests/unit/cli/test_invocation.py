"""What the parts are given when the command wires them."""

import time
from contextlib import closing
from pathlib import Path

from tests.unit.store.bounces import bounce_of

from bouncegate.cli.invocation import Invocation
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.guard import Series
from bouncegate.policy.mx import MxAnswer, MxHost
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Bounce

GOOGLE = Series("google", Reason.USER_UNKNOWN)


def test_the_guard_knows_from_the_ledger_what_was_sent_to_all_domains_of_a_provider(
    config: Path,
) -> None:
    with config.open("a") as file:
        file.write('[ledger]\nmax_size = "8 MiB"\n[guard]\naddresses = 10\nshare = 0.5\n')
    invocation = Invocation(config)
    guard, now = invocation.policy.guard, int(time.time())
    assert guard is not None
    assert guard.excess(GOOGLE, 11, now) == 10, "without a ledger the number decides alone"
    settings = invocation.settings
    with closing(Ledger.open(settings.store, settings.ledger, readonly=False)) as ledger:
        for number, domain in enumerate(("gmail.com", "googlemail.com", "example.com")):
            recipients = tuple(f"u{n}@{domain}" for n in range(20))
            sent = Sent(now - 60, number.to_bytes(8, "big"), "a@example.org", recipients)
            ledger.write([entry_of(sent)])
        invocation.ledger = ledger
        assert guard.excess(GOOGLE, 20, now + 60) is None
        assert guard.excess(GOOGLE, 21, now + 60) == 20


def test_sends_to_domains_whose_mail_a_provider_runs_count_for_it(config: Path) -> None:
    """Asked in the very transaction that takes in the bounce, as the guard does."""
    with config.open("a") as file:
        file.write('[ledger]\nmax_size = "8 MiB"\n[guard]\naddresses = 10\nshare = 0.5\n')
    invocation, now = Invocation(config), int(time.time())
    settings = invocation.settings
    with (
        closing(invocation.open_store()) as store,
        closing(Ledger.open(settings.store, settings.ledger, readonly=False)) as ledger,
    ):
        recipients = tuple(f"u{n}@company.example" for n in range(100))
        ledger.write([entry_of(Sent(now - 60, bytes(8), "a@example.org", recipients))])
        invocation.ledger, invocation.mx_cache = ledger, store.mx
        takes_mail = MxAnswer("ok", (MxHost(1, "aspmx.l.google.com"),))
        store.mx.learn({"company.example": takes_mail}, now, settings.dns)
        events = [bounce_of(f"u{n}@gmail.com", n, now) for n in range(50)]
        store.record([Bounce([event], b"") for event in events], invocation.policy)
        assert store.incidents.all() == [], "50 of 100"
        last = bounce_of("u50@gmail.com", 50, now)
        store.record([Bounce([last], b"")], invocation.policy)
        assert store.incidents.all()[0].opened.limit == 50


def test_a_ledger_that_cannot_be_read_leaves_the_guard_with_the_number_alone(config: Path) -> None:
    with config.open("a") as file:
        file.write('[ledger]\nmax_size = "8 MiB"\n[guard]\naddresses = 10\n')
    invocation = Invocation(config)
    settings = invocation.settings
    invocation.ledger = Ledger.open(settings.store, settings.ledger, readonly=False)
    invocation.ledger.close()
    guard = invocation.policy.guard
    assert guard is not None
    assert guard.excess(GOOGLE, 11, int(time.time())) == 10


def test_a_guard_that_is_off_guards_nothing(config: Path) -> None:
    with config.open("a") as file:
        file.write("[guard]\nenabled = false\n")
    assert Invocation(config).policy.guard is None
