"""What the store promises: together or not at all, once, durable, and readable ever after."""

import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.events import event_of

from bouncegate.config.reasons import REASONS
from bouncegate.config.settings import PolicySettings, StoreSettings, Trust
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import Size
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Act, Event, Lock, Origin
from bouncegate.store import layout, lockrecord
from bouncegate.store.errors import (
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreLayout,
    StoreMissing,
)
from bouncegate.store.store import Bounce, Store

NOW = 1_770_000_000
SIGNED: tuple[Trust, ...] = ("signed",)
POLICY = Policy(PolicySettings(), SIGNED)
FOLD = POLICY.fold


def event(address: str = "ann@example.com", message: int = 1) -> Event:
    return event_of(
        address,
        NOW,
        rule="user-unknown",
        identity=message.to_bytes(8, "big") + address.encode()[:8].ljust(8),
        diagnostic="550 5.1.1 no such user",
    )


def test_a_bounce_is_kept_with_its_message_and_locks_its_address(store: Store) -> None:
    ((recorded,),) = store.record([Bounce([event()], b"the bounce")], POLICY)
    assert recorded.is_new
    state = store.addresses.get("ann@example.com")
    assert state is not None
    assert state.lock is not None
    assert dict(store.addresses.locks()) == {"ann@example.com": state.lock}
    ((number, kept),) = store.journal.of_address("ann@example.com")
    assert isinstance(kept, Event)
    assert number == recorded.number == state.lock.cause
    assert store.messages.get(kept.raw) == b"the bounce"
    assert list(store.journal.entries()) == [(number, kept)]


def test_a_bounce_counts_once_however_often_it_comes(store: Store) -> None:
    bounce = Bounce([event()], b"the bounce")
    store.record([bounce, bounce], POLICY)
    ((again,),) = store.record([bounce], POLICY)
    assert not again.is_new
    assert len(store.journal.of_address("ann@example.com")) == 1
    state = store.addresses.get("ann@example.com")
    assert state is not None
    assert state.hard == 1


def test_each_recipient_of_a_bounce_is_an_event_of_its_own(store: Store) -> None:
    events = [event("ann@example.com"), event("bob@example.com")]
    store.record([Bounce(events, b"m")], POLICY)
    assert [address for address, _ in store.addresses.locks()] == [
        "ann@example.com",
        "bob@example.com",
    ]


def test_a_bounce_that_names_nobody_is_kept_and_locks_nobody(store: Store) -> None:
    store.record([Bounce([event("")], b"unreadable")], POLICY)
    ((_, kept),) = store.journal.entries()
    assert isinstance(kept, Event)
    assert store.messages.get(kept.raw) == b"unreadable"
    assert list(store.addresses.locks()) == []


def test_a_large_message_lies_outside_the_store_and_comes_back_as_it_was(
    store: Store, settings: StoreSettings
) -> None:
    raw = os.urandom(300_000)
    ((recorded,),) = store.record([Bounce([event()], raw)], POLICY)
    assert store.messages.get(recorded.event.raw) == raw
    assert len(list(settings.path.glob("messages/*/*.zst"))) == 1


def test_messages_are_kept_as_long_as_the_operator_says_and_no_longer(
    store: Store, settings: StoreSettings
) -> None:
    old = replace(event(message=1), time=NOW - 100_000)
    large = replace(event(message=2), time=NOW - 100_000)
    random = os.urandom(100_000)
    outcomes = store.record(
        [Bounce([old], b"old"), Bounce([large], random), Bounce([event(message=3)], b"new")], POLICY
    )
    assert store.messages.expire(NOW) == 2
    keys = [recorded.event.raw for (recorded,) in outcomes]
    assert [store.messages.get(key) for key in keys] == [None, None, b"new"]
    assert list(settings.path.glob("messages/*")) == []
    assert len(store.journal.of_address("ann@example.com")) == 3, (
        "the events outlive their messages"
    )


def test_an_operators_act_is_kept_with_who_when_and_why(store: Store) -> None:
    act = Act(("ann@example.com",), NOW, "lock", by="root", why="asked on the phone")
    store.act([act], FOLD)
    state = store.addresses.get("ann@example.com")
    assert state is not None
    assert state.lock is not None
    assert state.lock.origin is Origin.MANUAL
    store.act([Act(("ann@example.com",), NOW + 1, "unlock", by="root")], FOLD)
    assert list(store.addresses.locks()) == []
    assert store.journal.of_address("ann@example.com")[0][1] == act


def test_a_full_map_takes_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    store = Store.open(StoreSettings(path=tmp_path, map_size=Size(256 * 1024)))
    bounces = [Bounce([event(f"u{i}@example.com")], os.urandom(2000)) for i in range(500)]
    with pytest.raises(StoreFull, match="raise map_size"):
        store.record(bounces, POLICY)
    assert list(store.journal.entries()) == [], "half a batch would be acknowledged by nobody"
    assert store.record(bounces[:1], POLICY), "and the store goes on working"
    store.close()


READER = """
import sys; from pathlib import Path
from bouncegate.config.settings import StoreSettings
from bouncegate.store.locktable import LockTable
table = LockTable.open(StoreSettings(path=Path(sys.argv[1])))
for address in sys.stdin.buffer:
    print((table.find(address.strip()) or b"").hex(), flush=True)
"""


def test_the_send_path_finds_the_lock_of_an_address_and_of_its_domain(
    store: Store, settings: StoreSettings
) -> None:
    acts = [Act(("ann@example.com", "@example.org"), NOW, "lock", by="root")]
    store.act(acts, FOLD)
    # LMDB allows an environment once in a process: the reader is another, as the milter is.
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(settings.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None

        def find(address: str) -> bytes:
            assert reader.stdin is not None
            assert reader.stdout is not None
            reader.stdin.write(address.encode() + b"\n")
            reader.stdin.flush()
            return bytes.fromhex(reader.stdout.readline().decode())

        for address in ("ann@example.com", "anyone@example.org"):
            lock = lockrecord.unpack(find(address))
            assert lock is not None
            assert lock.origin is Origin.MANUAL
        assert find("bob@example.com") == b""
        assert find("ann@sub.example.org") == b""
        store.act([Act(("ann@example.com",), NOW, "unlock", by="root")], FOLD)
        assert find("ann@example.com") == b"", "a change is seen at the next look-up"
        reader.stdin.close()


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("origin", Origin)
def test_a_lock_reads_back_from_its_twenty_octets(reason: Reason, origin: Origin) -> None:
    definition = REASONS[reason]
    lock = Lock(definition.kind, definition.category, reason, origin, NOW, NOW + 1, 2**40)
    record = lockrecord.pack(lock)
    assert len(record) == 20
    assert lockrecord.unpack(record) == lock
    assert lockrecord.until_of(record) == lock.until


@pytest.mark.parametrize("record", [b"", bytes(19), bytes(20), b"\x20" + bytes(19), b"\xff" * 20])
def test_what_is_no_lock_record_is_an_error_and_no_lock(record: bytes) -> None:
    with pytest.raises(lockrecord.LockRecordError):
        lockrecord.unpack(record)


def test_the_numbers_of_reasons_are_unique_and_part_of_the_layout() -> None:
    numbers = [definition.number for definition in REASONS.values()]
    assert sorted(numbers) == list(range(1, len(REASONS) + 1))
    assert set(REASONS) == set(Reason)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing, match="no such folder: create it"):
        Store.open(StoreSettings(path=tmp_path / "nowhere"))


def test_reading_where_nothing_was_recorded_yet_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing, match="no store yet"):
        Store.open(StoreSettings(path=tmp_path), readonly=True)


@pytest.mark.parametrize(
    ("number", "advice"), [(1, "`bouncegate store upgrade`"), (99, "or a later one")]
)
def test_a_store_of_another_layout_is_refused(
    store: Store, settings: StoreSettings, number: int, advice: str
) -> None:
    store.close()
    env = layout.open_environment(settings, readonly=False)
    with env.begin(write=True, db=env.open_db(layout.META)) as transaction:
        transaction.put(b"layout", struct.pack(">I", number))
    env.close()
    with pytest.raises(StoreLayout, match=f"layout {number}, .* {advice}") as caught:
        Store.open(settings)
    assert caught.value.exit_code == os.EX_CONFIG


def test_a_store_of_an_earlier_version_is_completed_by_whoever_may_write(
    store: Store, settings: StoreSettings
) -> None:
    store.record([Bounce([event()], b"m")], POLICY)
    store.close()
    env = layout.open_environment(settings, readonly=False)
    with env.begin(write=True) as transaction:
        transaction.drop(env.open_db(layout.HELD, txn=transaction))
    env.close()
    with pytest.raises(StoreLayout, match="start the return path once"):
        Store.open(settings, readonly=True)
    store = Store.open(settings)
    assert [address for address, _ in store.addresses.locks()] == ["ann@example.com"]
    assert store.incidents.held(1) == []
    store.close()


@pytest.mark.parametrize("octets", [0.5, 0.9])
def test_a_store_that_was_cut_short_is_an_error_and_no_crash(
    store: Store, settings: StoreSettings, octets: float
) -> None:
    store.record(
        [Bounce([event(f"u{i}@example.com")], os.urandom(900)) for i in range(200)], POLICY
    )
    store.close()
    data = settings.path / "data.mdb"
    os.truncate(data, int(data.stat().st_size * octets) // 4096 * 4096)
    # In a process of its own, since the wrong answer would be SIGBUS.
    script = (
        "import sys; from pathlib import Path\n"
        "from bouncegate.config.settings import StoreSettings\n"
        "from bouncegate.store.store import Store\n"
        "from bouncegate.store.errors import StoreError\n"
        "try: Store.open(StoreSettings(path=Path(sys.argv[1])), readonly=True)\n"
        "except StoreError as error: print(error); sys.exit(error.exit_code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(settings.path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (os.EX_DATAERR, "")
    assert "truncated" in done.stdout


@pytest.mark.parametrize("content", [b"x", b"x" * 100_000, bytes(8192)])
def test_a_file_that_is_no_store_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.mdb").write_bytes(content)
    with pytest.raises(StoreDamaged) as caught:
        Store.open(StoreSettings(path=tmp_path))
    assert caught.value.exit_code == os.EX_DATAERR


def test_two_processes_that_make_the_store_at_once_make_one(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from bouncegate.config.settings import StoreSettings\n"
        "from bouncegate.store.store import Store\n"
        "Store.open(StoreSettings(path=Path(sys.argv[1])))\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(4)]
    assert [process.wait(30) for process in processes] == [0, 0, 0, 0]
    Store.open(StoreSettings(path=tmp_path), readonly=True).close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user who may not read")
@pytest.mark.parametrize("readonly", [True, False])
def test_a_store_of_somebody_else_is_refused_with_what_to_do(readonly: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        settings = StoreSettings(path=Path(name))
        Store.open(settings).close()
        settings.path.chmod(0o755)
        pid = os.fork()
        if not pid:
            os.setuid(65534)
            try:
                Store.open(settings, readonly=readonly)
            except StoreError as error:
                says = "run as the user that owns the store" in str(error)
                os._exit(error.exit_code if says else 1)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == os.EX_NOPERM


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for somebody else")
def test_what_root_makes_belongs_to_the_user_of_the_daemons(settings: StoreSettings) -> None:
    os.chown(settings.path, 65534, 65534)
    Store.open(settings).close()
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in settings.path.iterdir()}
    assert owners == {(65534, 65534)}
