"""A backup: what it holds, that it is of one moment, and that it overwrites nothing."""

import os
import tarfile
import threading
from contextlib import closing
from pathlib import Path

import pytest
import zstandard

from bouncegate.policy.records import Act
from bouncegate.store.bulk import Bulk
from bouncegate.store.errors import StoreFull
from bouncegate.store.ledger import Ledger
from bouncegate.store.space import Space
from bouncegate.store.store import Store
from bouncegate.store.tools import backup
from bouncegate.store.tools.backup import Source, draft_of, make_backup, remove_drafts
from bouncegate.store.tools.errors import TargetExists

from .site import (
    LEDGER,
    NOW,
    POLICY,
    another_process,
    fill,
    settings_of,
    source_of,
)

WRITER = """
store = Store.open(settings_of(folder))
for number in range(1000, 10**6):
    store.record([bounce(number, size=3000)], POLICY)
    if number == 1050:
        print("begun", flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path / "store")
    return tmp_path / "store"


def test_a_backup_is_a_store_that_works(folder: Path, tmp_path: Path) -> None:
    with source_of(folder) as source:
        made = make_backup(source, tmp_path / "backup", NOW)
    assert made.manifest.messages == 1
    with closing(Store.open(settings_of(folder), readonly=True)) as store:
        expected = (
            list(store.journal.entries()),
            list(store.addresses.locks()),
            list(store.history.by_address()),
        )
    with closing(Store.open(settings_of(made.path))) as store:
        assert (
            list(store.journal.entries()),
            list(store.addresses.locks()),
            list(store.history.by_address()),
        ) == expected
        large = max(expected[0], key=lambda item: getattr(item[1], "raw", b""))[1]
        assert (store.messages.get(large.raw) or b"").startswith(b"bounce 60 ")  # type: ignore[union-attr]
    with closing(Ledger.open(settings_of(made.path), LEDGER)) as ledger:
        assert ledger.by_name(["4aBc"]) is not None
    assert (made.path / "keys").read_bytes() == (folder / "keys").read_bytes()


def test_nobody_but_the_owner_can_read_it(folder: Path, tmp_path: Path) -> None:
    """It holds the secrets that sign return paths."""
    old = os.umask(0)
    try:
        with source_of(folder) as source:
            make_backup(source, tmp_path / "backup", NOW)
            make_backup(source, tmp_path / "backup.tar.zst", NOW)
    finally:
        os.umask(old)
    files = [*(tmp_path / "backup").rglob("*"), tmp_path / "backup", tmp_path / "backup.tar.zst"]
    assert len(files) > 5
    assert not [path for path in files if path.stat().st_mode & 0o077]


@pytest.mark.parametrize("name", ["backup.tar", "backup.tar.zst"])
def test_a_backup_in_one_file_holds_the_same(folder: Path, tmp_path: Path, name: str) -> None:
    with source_of(folder) as source:
        whole = make_backup(source, tmp_path / "backup", NOW).path
        packed = make_backup(source, tmp_path / name, NOW).path
    content = packed.read_bytes()
    if name.endswith(".zst"):
        content = zstandard.ZstdDecompressor().decompressobj().decompress(content)
    plain = tmp_path / "plain.tar"
    plain.write_bytes(content)
    with tarfile.open(plain) as tar:
        held = {m.name: tar.extractfile(m).read() for m in tar if m.isreg()}  # type: ignore[union-attr]
    expected = {
        path.relative_to(whole).as_posix(): path.read_bytes()
        for path in whole.rglob("*")
        if path.is_file()
    }
    assert held == expected


def test_it_is_of_one_moment_while_bounces_come_in(folder: Path, tmp_path: Path) -> None:
    with another_process(WRITER, folder), source_of(folder) as source:
        before = list(source.store.journal.entries())[-1][0]  # type: ignore[attr-defined]
        made = make_backup(source, tmp_path / "backup", NOW)
        after = source.store.journal.last()  # type: ignore[attr-defined]
    with closing(Store.open(settings_of(made.path), readonly=True)) as store:
        assert before <= store.journal.last() < after, "the writer was not kept waiting"
        numbers = [number for number, _ in store.journal.entries()]
        assert numbers == list(range(1, store.journal.last() + 1))
        for _, state, entries in store.history.by_address():
            kept = POLICY.fold
            folded = type(state)()
            for number, entry, mark in entries:
                folded = folded if mark else kept(folded, number, entry)
            assert folded == state


@pytest.mark.parametrize("name", ["backup", "backup.tar.zst"])
def test_nothing_is_overwritten(folder: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    target.write_bytes(b"precious")
    with source_of(folder) as source, pytest.raises(TargetExists):
        make_backup(source, target, NOW)
    assert target.read_bytes() == b"precious"


def test_what_fails_leaves_nothing_behind(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk cannot be filled here: writing the archive fails as it would then."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "write_archive", full)
    before = set(tmp_path.iterdir())
    with source_of(folder) as source, pytest.raises(StoreFull, match="No space"):
        make_backup(source, tmp_path / "backup.tar", NOW)
    assert set(tmp_path.iterdir()) == before


STUCK = """
import sys
from bouncegate.store.tools import backup
def stay(*_, **__):
    print("packing", flush=True)
    sys.stdin.read()
backup.write_archive = stay
with source_of(folder) as source:
    backup.make_backup(source, folder.parent / "backup.tar.zst", NOW)
"""


def test_draft_of_a_killed_backup_is_removed_by_the_next_one(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar.zst"
    with another_process(STUCK, folder):
        assert (draft_of(target) / "contents" / "data.mdb").exists()
    with source_of(folder) as source:
        make_backup(source, target, NOW)
    assert {path.name for path in tmp_path.iterdir()} == {"store", "backup.tar.zst"}


def test_drafts_of_a_series_have_other_names_and_go_too(folder: Path, tmp_path: Path) -> None:
    with another_process(STUCK, folder):
        pass
    remove_drafts(tmp_path, "other*")
    assert draft_of(tmp_path / "backup.tar.zst").exists()
    remove_drafts(tmp_path, "backup*.tar.zst")
    assert {path.name for path in tmp_path.iterdir()} == {"store"}


def test_draft_of_a_backup_that_is_being_made_stays(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar.zst"
    with another_process(STUCK, folder):
        remove_drafts(tmp_path, "backup*")
        with source_of(folder) as source, pytest.raises(TargetExists, match="being written"):
            make_backup(source, target, NOW)
        assert (draft_of(target) / "contents" / "data.mdb").exists()


MANY = """
store = Store.open(settings_of(folder))
for number in range(10_000, 10_300):
    store.record([Bounce((replace(event(number), address="one@hit.example"),), b"", ())], POLICY)
store.close()
from bouncegate.store.tools.backup import make_backup
with source_of(folder) as source:
    make_backup(source, folder.parent / "backup", NOW)
print("made", flush=True)
"""


def test_backup_of_hundreds_of_events_of_one_address(folder: Path, tmp_path: Path) -> None:
    """Their numbers fill pages of their own: the library's own copy ends the process by SIGSEGV."""
    with another_process("from msgspec.structs import replace\n" + MANY, folder):
        pass
    with closing(Store.open(settings_of(tmp_path / "backup"), readonly=True)) as store:
        assert len(store.journal.of_address("one@hit.example")) == 300


class Huge:
    """A store larger than any disk."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def copy(self, target: Path) -> None:
        raise AssertionError(f"written to {target} before it was known to fit")

    def space(self) -> Space:
        return self._space._replace(used=2**60)


def test_a_disk_without_room_is_found_before_anything_is_written(
    folder: Path, tmp_path: Path
) -> None:
    with source_of(folder) as source:
        huge = Source(folder, Huge(source.store.space()), None)
        with pytest.raises(StoreFull, match="are needed"):
            make_backup(huge, tmp_path / "backup", NOW)


def test_no_act_on_many_is_in_it_by_halves(folder: Path, tmp_path: Path) -> None:
    many = [
        Act(tuple(f"u{n}@many.example" for n in range(s, s + 500)), NOW, "lock", by="root")
        for s in range(0, 20_000, 500)
    ]
    begun = threading.Event()
    with closing(Store.open(settings_of(folder))) as store:
        bulk = Bulk(store, folder)
        thread = threading.Thread(
            target=bulk.carry_out, args=(many, POLICY.fold, lambda _: begun.set())
        )
        thread.start()
        assert begun.wait(10)
        made = make_backup(Source(folder, store, None), tmp_path / "backup", NOW)
        thread.join()
    with closing(Store.open(settings_of(made.path), readonly=True)) as store:
        assert (
            sum(address.endswith("many.example") for address, _ in store.addresses.locks())
            == 20_000
        )


def test_what_was_decided_and_not_done_is_done_after_a_restore(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = Act(("late@many.example",), NOW, "lock", by="root")
    with closing(Store.open(settings_of(folder))) as store:
        monkeypatch.setattr(store, "act", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Bulk(store, folder).carry_out([act], POLICY.fold)
        made = make_backup(Source(folder, store, None), tmp_path / "backup", NOW)
    with closing(Store.open(settings_of(made.path))) as store:
        assert Bulk(store, made.path).finish(POLICY.fold)
        assert store.addresses.get("late@many.example") is not None
