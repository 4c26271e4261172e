"""A person's data goes on request, all of it, and no mail is sent there by mistake afterwards."""

import json
import re
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import pytest
from msgspec.structs import replace
from tests.unit.store.bounces import SIGNED, bounce_of

from bouncegate.config.settings import LedgerSettings, PolicySettings, StoreSettings
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import Size
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Act, Audit, Delivered, Event, Ruling
from bouncegate.store import lockrecord
from bouncegate.store.audit import new_key
from bouncegate.store.deliverylog import Accepted, Batch, Deferral, Deferred, Delivery, Step
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.locktable import LockTable
from bouncegate.store.store import Bounce
from bouncegate.store.tools.verify.addresses import AddressCheck
from bouncegate.store.tools.verify.journal import JournalCheck
from bouncegate.store.tools.verify.records import RecordCheck

from .conftest import Command, store_of

NOW = int(time.time())
DAY = 86_400
ANN, BOB, EVE = "ann@shop.example", "bob@shop.example", "joann@shop.example"
POLICY = Policy(PolicySettings(), SIGNED)
BOTH = b"""Subject: failed

Ann@Shop.example: user unknown
<bounce+ann=shop.example@news.example> rfc822;bob@shop.example
joann@shop.example and ann@shop.example.org are others
"""
LEDGER = LedgerSettings(max_size=Size(2**26))


def settings(config: Path) -> StoreSettings:
    return StoreSettings(path=config.parent / "store", map_size=Size(64 * 2**20))


@pytest.fixture
def config(config: Path) -> Path:
    """A store in which much is known of ann, alone and together with others."""
    with config.open("a") as file:
        file.write('[ledger]\nenabled = true\nmax_size = "64 MiB"\n')
    alone = replace(
        bounce_of(ANN, 1, NOW - 9), diagnostic=f"no {ANN}", final_recipient="a@b.example"
    )
    shared = [bounce_of(ANN, 2, NOW - 8), bounce_of(BOB, 3, NOW - 8, Reason.MAILBOX_FULL)]
    large = b"Subject: large\n\n" + bytes(range(256)) * 400
    other = replace(bounce_of(EVE, 4, NOW - 7), diagnostic=f"forwarded for <{ANN}>")
    with closing(store_of(config)) as store:
        store.record([Bounce([alone], b"to ann@shop.example, a@b.example")], POLICY)
        store.record([Bounce(shared, BOTH), Bounce([other], b"joann")], POLICY)
        store.record([Bounce([bounce_of(ANN, 5, NOW - 6)], large)], POLICY)
        store.act([Delivered((ANN, BOB), NOW - 5, NOW - 5, "log")], POLICY.fold)
        correct = Act(("an@shop.example",), NOW - 4, "correct", "desk", f"meant {ANN}", other=ANN)
        store.act([correct], POLICY.fold)
        store.lastmailed.record({ANN: 20_000, BOB: 20_000}, lambda _: "")
        waiting, taken = Delivery(ANN, NOW - 3, b"message1"), Delivery(BOB, NOW - 3, b"message2")
        steps: list[Step] = [
            Deferred(waiting, Deferral("4aBc", 1, NOW, NOW, "4.2.2", "full"), None),
            Accepted(taken, NOW, bytes(16)),
        ]
        store.deliverylog.record(Batch(b"", b"place", steps), POLICY)
    with closing(Ledger.open(settings(config), LEDGER, readonly=False)) as ledger:
        sent = Sent(NOW - 9, b"message1", "news@a.example", (ANN, BOB), queue_id="4aBc")
        ledger.write([entry_of(sent), entry_of(Sent(NOW, b"message2", "x@a.example", (ANN,)))])
    return config


def everything(config: Path) -> bytes:
    """All octets that the tables hold, those that are compressed as they were."""
    found = b""
    with closing(store_of(config)) as store:
        for _, entry in store.journal.entries():
            found += repr(entry).encode()
            if isinstance(entry, Event) and entry.raw:
                found += store.messages.get(entry.raw) or b""
        environment = store._environment
        for name in store.space().entries:
            db = environment.open_db(name.encode(), create=False)
            with environment.begin(db=db) as transaction, transaction.cursor() as cursor:
                found += b"".join(k + b" " + v for k, v in cursor.iternext() if cursor.key())
    with closing(Ledger.open(settings(config), LEDGER)) as ledger:
        found += repr(ledger.walk(b"", NOW + 1, 1000)).encode()
    return found


def shown(bouncegate: Command, address: str) -> dict[str, Any]:
    return dict(json.loads(bouncegate("show", "--json", address).out))


def test_nothing_that_names_the_address_is_left_anywhere(config: Path, bouncegate: Command) -> None:
    bouncegate("unlock", "--yes", "--force", ANN, "--why", f"she is {ANN}")
    bouncegate("lock", ANN, BOB)
    told = everything(config).lower().replace(EVE.encode(), b"").replace(b"shop.example.org", b"")
    assert told.count(b"ann@shop.example") > 10
    done = bouncegate("purge", "Ann@SHOP.example", "--yes", "--why", f"request of {ANN}")
    assert done.code == 0, done.err
    left = (
        everything(config).lower().replace(EVE.encode(), b"").replace(b"ann@shop.example.org", b"")
    )
    for name in (b"ann@shop.example", b"ann=shop.example", b"a@b.example"):
        assert name not in left
    assert not any("ann@shop" in str(p) for p in config.parent.rglob("*"))


def test_what_concerns_others_stays_without_the_address(config: Path, bouncegate: Command) -> None:
    before = shown(bouncegate, BOB)
    bouncegate("purge", ANN, "--yes")
    assert shown(bouncegate, BOB) == before
    with closing(store_of(config)) as store:
        event = next(e for _, e in store.journal.of_address(BOB) if isinstance(e, Event))
        message = store.messages.get(event.raw)
        (other, *_) = (e for _, e in store.journal.of_address(EVE) if isinstance(e, Event))
        delivered = [e for _, e in store.journal.entries() if isinstance(e, Delivered)]
    assert message is not None
    assert b"bob@shop.example" in message
    assert b"joann@shop.example and ann@shop.example.org are others" in message
    assert len(message) == len(BOTH)
    assert other.diagnostic == "forwarded for <xxxxxxxxxxxxxxxx>"
    assert [entry.addresses for entry in delivered] == [(BOB,)]
    with closing(Ledger.open(settings(config), LEDGER)) as ledger:
        assert [sent.recipients for _, sent in ledger.walk(b"", NOW + 1, 9)] == [(BOB,)]
        assert ledger.by_name(["4aBc"]) is not None
    assert shown(bouncegate, "an@shop.example")["corrected_to"] is None


def test_a_store_is_sound_after_a_purge(config: Path, bouncegate: Command) -> None:
    bouncegate("purge", ANN, "--yes")
    with closing(store_of(config)) as store:
        environment = store._environment
        for check in (
            JournalCheck(environment),
            AddressCheck(environment, POLICY.fold),
            RecordCheck(environment, config.parent / "store"),
        ):
            assert [str(one) for one in check.differences()] == []


def test_the_send_path_refuses_the_address_still(config: Path, bouncegate: Command) -> None:
    with closing(LockTable.open(settings(config))) as table:
        before = table.find(ANN.encode())
    assert before is not None
    assert "It stays locked until" in bouncegate("purge", ANN, "--yes").out
    with closing(LockTable.open(settings(config))) as table:
        record = table.find(ANN.encode())
        assert table.find(b"nobody@shop.example") is None
    assert record is not None
    lock, known = lockrecord.unpack(record), lockrecord.unpack(before)
    assert lock is not None
    assert known is not None
    assert lock == replace(known, cause=0), "what the refusal says is the same, but for the case"
    told = shown(bouncegate, ANN)
    assert (told["locked"], told["reason"], told["hard"]) == (True, "user-unknown", 0)
    assert "was purged" in bouncegate("explain", ANN).out


def test_a_daemon_that_runs_learns_of_it_at_once(config: Path) -> None:
    with closing(store_of(config)) as store:
        table = LockTable(store._environment)
        known = table.find(ANN.encode())
        store.purge.carry_out({ANN}, Audit(new_key(NOW), NOW, "purge", "desk"))
        assert store.addresses.get(ANN) is not None
        record = table.find(ANN.encode())
        assert known is not None
        assert record is not None
        assert record[:12] == known[:12]
        store.act([Act((ANN,), NOW, "unlock", "desk")], POLICY.fold)
        assert table.find(ANN.encode()) is None


def test_no_list_and_no_table_shows_what_has_no_name(config: Path, bouncegate: Command) -> None:
    bouncegate("purge", ANN, "--yes")
    for command in (["list"], ["list", "--json"], ["export"]):
        told = bouncegate(*command)
        assert told.code == 0
        assert "joann@" in told.out
        assert "\nann@" not in f"\n{told.out}"
    done = bouncegate("map", "export", f"texthash:{config.parent}/locked")
    assert "1 lock of purged addresses" in done.err


def test_the_salt_is_for_its_owner_alone_and_without_it_mail_flows_loudly(
    config: Path, bouncegate: Command, caplog: pytest.LogCaptureFixture
) -> None:
    bouncegate("purge", ANN, "--yes")
    salt = config.parent / "store" / "salt"
    assert salt.stat().st_mode & 0o777 == 0o600
    assert len(salt.read_bytes()) == 32
    salt.unlink()
    with closing(LockTable.open(settings(config))) as table:
        assert table.find(ANN.encode()) is None
        assert table.find(ANN.encode()) is None
    assert [r.message for r in caplog.records if "not enforced" in r.message] == [
        f"locks of purged addresses are not enforced: no salt in {config.parent}/store"
    ]


def test_an_unlock_frees_a_purged_address(config: Path, bouncegate: Command) -> None:
    bouncegate("purge", ANN, "--yes")
    assert bouncegate("unlock", "--yes", ANN).code != 0, "a hard lock, as it was before"
    assert bouncegate("unlock", "--yes", "--force", ANN).code == 0
    assert shown(bouncegate, ANN)["locked"] is False
    with closing(LockTable.open(settings(config))) as table:
        assert table.find(ANN.encode()) is None


def test_a_late_bounce_makes_it_known_again_and_its_lock_stays(
    config: Path, bouncegate: Command
) -> None:
    until = shown(bouncegate, ANN)["until"]
    bouncegate("purge", ANN, "--yes")
    with closing(store_of(config)) as store:
        store.record([Bounce([bounce_of(ANN, 99, NOW)], b"")], POLICY)
        assert store.purged.count() == 0
        found = AddressCheck(store._environment, POLICY.fold).differences()
        assert [str(one) for one in found] == []
    told = shown(bouncegate, ANN)
    assert (told["locked"], told["until"], told["hard"]) == (True, until, 1)
    assert "its locks alone were kept" in bouncegate("explain", ANN).out


def test_undoing_bounces_leaves_the_lock_of_a_purged_address(
    config: Path, bouncegate: Command
) -> None:
    """Known again by a bounce, it keeps what it was locked by, whose bounces ever are undone."""
    bouncegate("purge", ANN, "--yes")
    with closing(store_of(config)) as store:
        first = store.journal.last()
        for address, message in ((EVE, 98), (ANN, 99)):
            store.record([Bounce([bounce_of(address, message, NOW)], b"")], POLICY)
        until = store.addresses.get(ANN).lock.until  # type: ignore[union-attr]
        for number in (first + 1, first + 2):
            store.void([number], Ruling("void", (), NOW + 1, by="root"), POLICY.fold)
            lock = store.addresses.get(ANN).lock  # type: ignore[union-attr]
            assert lock is not None
            assert lock.until == until
            found = AddressCheck(store._environment, POLICY.fold).differences()
            assert [str(one) for one in found] == []


def test_lists_show_a_purged_address_that_bounced_again_when_its_lock_has_ended(
    config: Path, bouncegate: Command
) -> None:
    bouncegate("purge", ANN, "--yes")
    with closing(store_of(config)) as store:
        soft = bounce_of(ANN, 99, NOW, Reason.MAILBOX_FULL)
        store.record([Bounce([soft], b"")], POLICY)
        assert ANN in [address for address, _ in store.lists.detected(NOW + 900 * DAY)]


@pytest.mark.parametrize("verb", ["alive", "unlock", "lock"])
def test_a_store_is_sound_when_what_a_mistyped_address_meant_is_purged(
    config: Path, bouncegate: Command, verb: Literal["alive", "unlock", "lock"]
) -> None:
    typo = "an@shop.example"  # of which nothing but the correction to ann is known
    with closing(store_of(config)) as store:
        store.act([Act((typo,), NOW, verb, by="root")], POLICY.fold)
    bouncegate("purge", ANN, "--yes")
    with closing(store_of(config)) as store:
        found = AddressCheck(store._environment, POLICY.fold).differences()
        assert [str(one) for one in found] == []


def test_purge_says_where_octets_are_left_and_what_overwrites_them(
    config: Path, bouncegate: Command
) -> None:
    data = config.parent / "store" / "data.mdb"
    # Others whose addresses end or begin like hers stay.
    hers = re.compile(rb"(?<![a-z])ann@shop\.example(?!\.org)")
    assert "bouncegate store compact" in bouncegate("purge", ANN, "--yes").out
    assert hers.search(data.read_bytes()), "in pages that are not used now"
    assert bouncegate("store", "compact").code == 0
    assert not hers.search(data.read_bytes())


def test_when_the_lock_has_ended_its_hash_goes_too(config: Path, bouncegate: Command) -> None:
    bouncegate("purge", ANN, "--yes")
    with closing(store_of(config)) as store:
        assert store.retention.expire_purged(NOW) == 0
        assert store.retention.expire_purged(NOW + 400 * DAY) == 1
        assert store.purged.count() == 0


def test_it_is_on_record_that_somebody_was_purged_and_not_who(
    config: Path, bouncegate: Command
) -> None:
    bouncegate("purge", ANN, "--yes", "--by", "desk", "--why", "GDPR request 17")
    (told,) = [json.loads(line) for line in bouncegate("audit", "--json").out.splitlines()]
    assert (told["command"], told["by"], told["why"]) == ("purge", "desk", "GDPR request 17")
    assert (told["addresses"], told["count"]) == ([], 1)
    assert json.loads(bouncegate("audit", "--json", "--address", ANN).out) == told
    assert bouncegate("audit", "--json", "--address", BOB).out == ""


def test_it_shows_first_what_would_go_and_asks(config: Path, bouncegate: Command) -> None:
    before = everything(config)
    told = bouncegate("purge", ANN, "--dry-run").out
    for line in (
        *("  3 bounces", "  1 bounce message about others too", "  2 bounce messages about it"),
        *("  2 sends in the ledger", "  1 message waiting", "  2 entries about others"),
    ):
        assert line in told
    assert "salted hash" in told
    assert bouncegate("purge", ANN).code != 0, "there is no terminal to ask at"
    assert "nothing is stored" in bouncegate("purge", "stranger@shop.example", "--yes").out
    assert bouncegate("purge", "@shop.example", "--yes").code == 2
    assert everything(config) == before


def test_a_person_gets_all_that_is_stored_and_nothing_of_others(
    config: Path, bouncegate: Command
) -> None:
    bouncegate("lock", ANN, BOB, "--why", "asked")
    told = json.loads(bouncegate("export", "Ann@Shop.EXAMPLE").out)
    assert told["address"] == ANN
    assert told["known"]["locked"] is True
    assert [entry["what"] for entry in told["entries"]] == [
        *("event", "event", "event", "delivered", "act")
    ]
    assert [message["event"] for message in told["messages"]] == [
        entry["number"] for entry in told["entries"][:3]
    ]
    assert [send["sender"] for send in told["sends"]] == ["x@a.example", "news@a.example"]
    assert told["deferrals"][0]["queue_id"] == "4aBc"
    assert told["last_mailed"] == "2024-10-04T00:00:00Z"
    assert told["audit"][0]["why"] == "asked"
    without = {k: v for k, v in told.items() if k not in ("messages", "audit")}
    assert BOB not in json.dumps(without)
    empty = json.loads(bouncegate("export", "stranger@shop.example").out)
    assert (empty["entries"], empty["sends"]) == ([], [])
