"""Complaints as operators see them: shown, listed, explained, lifted by force, moved by files."""

import json
from contextlib import closing
from pathlib import Path

from msgspec.structs import replace
from tests.unit.store.bounces import NOW, bounce_of, policy, record

from bouncegate.config.settings import ReplySettings
from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.milter.refusal.reply import compose

from .conftest import Command, store_of

ANN, BOB = "ann@example.com", "bob@example.com"


def complain(config: Path, address: str, message: int, group: str = "") -> None:
    event = bounce_of(address, message, NOW, Reason.COMPLAINT)
    with closing(store_of(config)) as store:
        record(store, [replace(event, action="complaint", feedback="abuse", group=group)], policy())


def test_complaint_is_shown_listed_and_explained(config: Path, bouncegate: Command) -> None:
    complain(config, ANN, 1)
    complain(config, BOB, 2, group="shop.example")
    shown = json.loads(bouncegate("show", "--json", ANN).out)
    assert (shown["kind"], shown["until"], shown["complaints"]) == ("complaint", None, 1)
    assert (shown["state"], shown["hard"], shown["soft"]) == ("locked", 0, 0)
    listed = bouncegate("list", "--state", "locked", "--kind", "complaint", "--json").out
    found = {row["address"]: row["group"] for row in map(json.loads, listed.splitlines())}
    assert found == {ANN: "", BOB: "shop.example"}
    text = bouncegate("explain", ANN).out
    assert "is locked (complaint, undefined, complaint) without end." in text
    assert "What frees it: bouncegate unlock --force." in text


def test_complaint_is_lifted_by_force_alone(config: Path, bouncegate: Command) -> None:
    config.write_text(
        config.read_text() + "[policy]\nunlock_hard = true\nalive_frees_hard = true\n"
    )
    complain(config, ANN, 1)
    refused = bouncegate("unlock", "--yes", ANN)
    assert (refused.code, "complaint-locked (complaint) without end" in refused.err) == (77, True)
    bouncegate("alive", ANN)
    assert json.loads(bouncegate("show", "--json", ANN).out)["locked"]
    assert bouncegate("unlock", "--yes", "--force", ANN, "--why", "asked us to").code == 0
    assert not json.loads(bouncegate("show", "--json", ANN).out)["locked"]
    assert "asked us to" in bouncegate("audit", "--address", ANN).out


def test_complaint_goes_through_export_and_import(
    config: Path, bouncegate: Command, tmp_path: Path
) -> None:
    complain(config, ANN, 1)
    file = tmp_path / "locks.csv"
    file.write_text(bouncegate("export").out)
    assert "complaint" in file.read_text()
    other = tmp_path / "other"
    (other / "store").mkdir(parents=True)
    config.write_text(f'[store]\npath = "{other}/store"\nmap_size = "64 MiB"\n')
    assert bouncegate("import", "--locks", str(file), "--yes").code == 0
    shown = json.loads(bouncegate("show", "--json", ANN).out)
    assert (shown["kind"], shown["reason"], shown["until"]) == ("complaint", "complaint", None)
    assert shown["origin"] == "imported"
    assert bouncegate("unlock", "--yes", ANN).code == 77


def test_complaint_is_what_the_refusal_names(config: Path) -> None:
    complain(config, ANN, 1)
    with closing(store_of(config)) as store:
        ((_, lock),) = store.addresses.locks()
    assert lock.kind is Kind.COMPLAINT
    reply = str(compose(ReplySettings(), lock, ANN))
    assert reply.startswith(
        "550 5.7.1 Recipient address rejected: locked after a complaint of the recipient "
        "without end, ref=1"
    )
