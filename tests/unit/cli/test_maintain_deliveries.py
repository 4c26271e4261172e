"""The background tells what was delivered: a full mailbox that was emptied must not be locked."""

import time
from contextlib import closing
from pathlib import Path

from msgspec.structs import replace
from tests.unit.store.bounces import SIGNED, bounce_of

from bouncegate.config.settings import LedgerSettings, PolicySettings, StoreSettings
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import Size
from bouncegate.policy.fold import Policy
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.recording import identity, name_of_sent
from bouncegate.store.store import Bounce, Store

from .conftest import Command

ANN = "ann@example.com"
DAY = 86_400


def mailed(config: Path) -> StoreSettings:
    """Ann's mailbox was full for the first and third of three messages, ten days ago."""
    settings = StoreSettings(path=config.parent / "store", map_size=Size(2**26))
    start = int(time.time()) - 10 * DAY
    sends = [Sent(start + n, bytes([n]) * 8, "news@example.org", (ANN,)) for n in range(3)]
    with closing(Ledger.open(settings, LedgerSettings(), readonly=False)) as ledger:
        ledger.write([entry_of(sent) for sent in sends])
    with closing(Store.open(settings)) as store:
        for sent in (sends[0], sends[2]):
            full = bounce_of(ANN, 0, sent.time + 60, Reason.MAILBOX_FULL)
            name = identity(name_of_sent(sent.time, sent.message), ANN)
            event = replace(full, sent=sent.time, identity=name)
            store.record([Bounce([event], b"")], Policy(PolicySettings(), SIGNED))
    return settings


def soft_in_row(settings: StoreSettings) -> int:
    with closing(Store.open(settings)) as store:
        state = store.addresses.get(ANN)
    assert state is not None
    return state.soft_in_row


def test_a_delivery_in_between_is_found_in_the_background(
    config: Path, bouncegate: Command
) -> None:
    settings = mailed(config)
    assert soft_in_row(settings) == 2
    with config.open("a") as file:
        file.write("[ledger]\nenabled = true\n[dns]\nenabled = false\n")
    assert bouncegate("maintain", "--once").code == 0
    assert soft_in_row(settings) == 1
    explained = bouncegate("explain", ANN).out
    assert "delivery" in explained
    assert "by ledger" in explained


def test_sends_prove_nothing_where_the_operator_says_so(config: Path, bouncegate: Command) -> None:
    settings = mailed(config)
    with config.open("a") as file:
        file.write(
            '[ledger]\nenabled = true\n[dns]\nenabled = false\n[policy]\nsettling = "0 days"\n'
        )
    assert bouncegate("maintain", "--once").code == 0
    assert soft_in_row(settings) == 2
