"""Many people's data goes at once; what is left is what purging each of them alone leaves."""

import io
import json
import shutil
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from tests.unit.store.bounces import bounce_of

from bouncegate.config.taxonomy import Reason
from bouncegate.policy.records import MOST_TARGETS, Act, Event, Ruling
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Bounce
from bouncegate.store.tools.verify.addresses import AddressCheck
from bouncegate.store.tools.verify.journal import JournalCheck
from bouncegate.store.tools.verify.records import RecordCheck

from .conftest import Command, store_of
from .test_purge import ANN, BOB, EVE, LEDGER, NOW, POLICY, config, everything, settings, shown

__all__ = ["config"]

STRANGER: Final = "stranger@shop.example"
TYPO: Final = "an@shop.example"


def left_in(config: Path) -> list[Any]:
    """What is stored of everybody; purges leave marks in the journal, which are not compared."""
    with closing(store_of(config)) as store:
        entries = [e for _, e in store.journal.entries() if not isinstance(e, Ruling)]
        states = {name: store.addresses.get(name) for name in (ANN, BOB, EVE, TYPO)}
        messages = [store.messages.get(e.raw) for e in entries if isinstance(e, Event) and e.raw]
    with closing(Ledger.open(settings(config), LEDGER)) as ledger:
        return [entries, states, messages, ledger.walk(b"", NOW + 1, 99)]


def addresses_in(folder: Path) -> bytes:
    """All that the store in a folder holds, without those who only look like them."""
    text = everything(folder).lower()
    for other in (EVE.encode(), b"ann@shop.example.org"):
        text = text.replace(other, b"")
    return text


def test_purge_of_several_leaves_what_one_purge_each_leaves(
    config: Path, bouncegate: Command, tmp_path_factory: pytest.TempPathFactory
) -> None:
    saved = tmp_path_factory.mktemp("saved") / "store"
    bouncegate("lock", ANN, BOB, "--why", f"{ANN} and {BOB}")
    shutil.copytree(config.parent / "store", saved)
    assert bouncegate("purge", ANN, BOB, "--yes").code == 0
    at_once = left_in(config)
    for name in (b"ann@shop.example", b"bob@shop.example", b"a@b.example"):
        assert name not in addresses_in(config)
    shutil.rmtree(config.parent / "store")
    shutil.copytree(saved, config.parent / "store")
    assert left_in(config) != at_once
    for address in (ANN, BOB):
        assert bouncegate("purge", address, "--yes").code == 0
    assert left_in(config) == at_once


def test_purge_of_several_leaves_a_sound_store_and_their_locks(
    config: Path, bouncegate: Command
) -> None:
    bouncegate("lock", BOB)
    said = bouncegate("purge", ANN, BOB, "--yes").out
    assert "2 addresses: purged" in said
    assert "2 addresses stay locked: only salted hashes are kept." in said
    assert all(shown(bouncegate, address)["locked"] for address in (ANN, BOB))
    with closing(store_of(config)) as store:
        environment = store._environment
        for check in (
            JournalCheck(environment),
            AddressCheck(environment, POLICY.fold),
            RecordCheck(environment, config.parent / "store"),
        ):
            assert [str(one) for one in check.differences()] == []


@pytest.mark.parametrize("source", ["file", "-"])
def test_purge_takes_a_file_or_standard_input(
    config: Path, bouncegate: Command, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    text = f"# erasures\nAnn@Shop.Example\nBob <{BOB}>\n{STRANGER}\n"
    path = config.parent / "erasures.txt"
    path.write_text(text)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    file = source if source == "-" else str(path)
    before = addresses_in(config)
    dry = bouncegate("purge", "--file", file, "--dry-run")
    assert dry.code == 0, dry.err
    for line in (
        "2 addresses: this would be removed:",
        "  1 other event: deliveries, signs of life, changes by operators",
        *("  4 bounces", "  3 bounce messages about them alone", "  3 sends in the ledger"),
        "  2 days on which they were last mailed",
        f"{STRANGER}: nothing is stored about it",
        "1 of them is locked: a salted hash of each is kept for that.",
    ):
        assert line in dry.out.splitlines(), dry.out
    assert addresses_in(config) == before
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    refused = bouncegate("purge", "--file", file)
    assert (refused.code, addresses_in(config)) == (64, before), "nobody is there to confirm it"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert bouncegate("purge", "--file", file, "--yes").code == 0
    assert b"ann@shop.example" not in addresses_in(config)


def test_purge_of_a_bad_file_changes_nothing(config: Path, bouncegate: Command) -> None:
    path = config.parent / "erasures.txt"
    before = addresses_in(config)
    path.write_text(f"{ANN}\nnobody\n")
    assert bouncegate("purge", "--file", str(path), "--yes").code == 65
    path.write_text(f"{ANN}\n@shop.example\n")
    assert bouncegate("purge", "--file", str(path), "--yes").code == 2
    for wrong in ([], ["--all", ANN]):
        assert bouncegate("purge", *wrong, "--yes").code == 2
    assert addresses_in(config) == before


def test_purge_selects_by_list_and_filters(config: Path, bouncegate: Command) -> None:
    assert not bouncegate("lock", "@shop.example").code
    with closing(store_of(config)) as store:
        for number, name in enumerate(("uma@b.example", "max@b.example"), 90):
            store.record([Bounce([bounce_of(name, number, NOW)], b"")], POLICY)
    done = bouncegate("purge", "--all", "--state", "bounced", "--domain", "b.example", "--yes")
    assert "2 addresses: purged" in done.out, done.err
    (audit,) = map(
        json.loads, bouncegate("audit", "--json", "--address", "uma@b.example").out.splitlines()
    )
    assert (audit["command"], audit["count"], audit["addresses"]) == ("purge --all", 2, [])
    nobody = bouncegate("purge", "--all", "--domain", "nowhere.example", "--yes")
    assert (nobody.code, nobody.out) == (0, "no address is selected\n")
    bouncegate("purge", "--all", "--reason", "mailbox-full", "--yes")
    assert not shown(bouncegate, BOB)["bounces"]
    assert shown(bouncegate, ANN)["bounces"]
    bouncegate("purge", "--all", "--yes")
    assert not shown(bouncegate, ANN)["bounces"]
    assert shown(bouncegate, "@shop.example")["locked"], "a domain is nobody's data"


def test_purge_of_more_than_a_record_names_tells_their_number(
    config: Path, bouncegate: Command
) -> None:
    names = [f"subscriber{n}@b.example" for n in range(MOST_TARGETS + 1)]
    with closing(store_of(config)) as store:
        for number, name in enumerate(names, 900):
            event = bounce_of(name, number, NOW, Reason.MAILBOX_FULL)
            store.record([Bounce([event], b"")], POLICY)
        store.act([Act(tuple(names), NOW, "unlock", "desk")], POLICY.fold)
    assert not bouncegate("purge", *names, "--yes").code
    audits = [json.loads(line) for line in bouncegate("audit", "--json").out.splitlines()]
    assert [one["count"] for one in audits if one["command"] == "purge"] == [len(names)]
    assert b"subscriber" not in everything(config)
