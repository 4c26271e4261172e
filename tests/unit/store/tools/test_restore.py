"""Bringing a backup back: all of it or nothing, and what was there is not lost."""

import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import zstandard

from bouncegate.policy.records import Act
from bouncegate.store.bulk import Bulk
from bouncegate.store.errors import StoreBusy, StoreError, StoreFull, StoreLayout
from bouncegate.store.ledger import Ledger
from bouncegate.store.messages import is_whole
from bouncegate.store.store import Store
from bouncegate.store.tools.backup import make_backup
from bouncegate.store.tools.errors import BackupDamaged, TargetExists
from bouncegate.store.tools.restore import Restored, restore

from .site import LEDGER, NOW, POLICY, another_process, fill, settings_of, source_of

WRITER = """
store = Store.open(settings_of(folder))
print("open", flush=True)
import sys; sys.stdin.read()
"""
SCRIBE = WRITER.replace(
    "Store.open(settings_of(folder))", "Ledger.open(settings_of(folder), LEDGER, readonly=False)"
)
READER = """
import sys
from bouncegate.store.reopening import ReopeningLockTable
table = ReopeningLockTable(settings_of(folder))
print("open", flush=True)
for line in sys.stdin.buffer:
    table.check()
    print(table.find(line.strip()) is not None, flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture(params=["backup", "backup.tar.zst"])
def backup(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Path:
    with source_of(folder) as source:
        return make_backup(source, tmp_path / str(request.param), NOW).path


def sound(_folder: Path) -> None:
    pass


def restored(backup: Path, folder: Path, *, replace: bool = False) -> Restored:
    return restore(backup, folder, NOW, sound, replace=replace)


def contents(folder: Path) -> tuple[object, ...]:
    with (
        closing(Store.open(settings_of(folder), readonly=True)) as store,
        closing(Ledger.open(settings_of(folder), LEDGER)) as ledger,
    ):
        keys = (folder / "keys").read_bytes()
        messages = sorted(p.name for p in folder.glob("messages/*/*"))
        return (
            list(store.journal.entries()),
            list(store.addresses.locks()),
            ledger.times(),
            keys,
            messages,
        )


def act(folder: Path, address: str) -> None:
    with closing(Store.open(settings_of(folder))) as store:
        store.act([Act((address,), NOW, "lock", by="root")], POLICY.fold)


def test_on_a_new_machine_everything_is_there_again(
    backup: Path, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    restored(backup, tmp_path / "new")
    assert contents(tmp_path / "new") == contents(folder)
    assert (tmp_path / "new" / "keys").stat().st_mode & 0o777 == 0o600
    act(tmp_path / "new", "later@hand.example")


def test_a_store_is_replaced_only_if_that_is_said_and_is_kept(backup: Path, folder: Path) -> None:
    expected = contents(folder)
    act(folder, "later@hand.example")
    with pytest.raises(TargetExists, match="--replace"):
        restored(backup, folder)
    with closing(Store.open(settings_of(folder))) as store:
        assert store.addresses.get("later@hand.example") is not None
    kept = restored(backup, folder, replace=True).kept
    assert contents(folder) == expected
    assert kept is not None
    with closing(Store.open(settings_of(kept), readonly=True)) as store:
        assert store.addresses.get("later@hand.example") is not None


def test_the_send_path_takes_it_up_by_itself(backup: Path, folder: Path) -> None:
    act(folder, "later@hand.example")
    with another_process(READER, folder) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        answers: list[bytes] = []
        for _ in range(2):
            reader.stdin.write(b"later@hand.example\nann@hand.example\n")
            reader.stdin.flush()
            answers += [reader.stdout.readline() for _ in range(2)]
            if len(answers) == 2:
                restored(backup, folder, replace=True)
                act(folder, "other@hand.example")
    assert answers == [b"True\n", b"True\n", b"False\n", b"True\n"]


@pytest.mark.parametrize("program", [WRITER, SCRIBE], ids=["store", "ledger"])
def test_nothing_is_restored_under_a_process_that_writes(
    backup: Path, folder: Path, program: str
) -> None:
    expected = contents(folder)
    with another_process(program, folder), pytest.raises(StoreBusy):
        restored(backup, folder, replace=True)
    assert contents(folder) == expected
    assert not list(folder.glob(".*")) + list(folder.glob("replaced*"))


def test_a_newer_key_than_the_backups_stays(backup: Path, folder: Path) -> None:
    """What was signed since the backup can be proven still."""
    keys = folder / "keys"
    keys.write_text(keys.read_text() + f"2 2026-02-01T00:00:00Z {'cd' * 32}\n")
    both = keys.read_bytes()
    assert restored(backup, folder, replace=True).left_alone == ("keys",)
    assert keys.read_bytes() == both


def test_a_key_that_a_daemon_made_before_the_restore_gives_way(backup: Path, folder: Path) -> None:
    old = (folder / "keys").read_bytes()
    (folder / "keys").write_text(f"1 2026-02-01T00:00:00Z {'cd' * 32}\n")
    done = restored(backup, folder, replace=True)
    assert (folder / "keys").read_bytes() == old
    assert done.kept is not None
    assert b"cdcd" in (done.kept / "keys").read_bytes()


def test_an_act_that_was_not_carried_out_is_not_carried_out_upon_the_backup(
    backup: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Store.open(settings_of(folder))) as store:
        monkeypatch.setattr(store, "act", lambda *_: 1 / 0)
        late = [Act(("late@b.example",), NOW, "lock", by="root")]
        with pytest.raises(ZeroDivisionError):
            Bulk(store, folder).carry_out(late, POLICY.fold)
    restored(backup, folder, replace=True)
    with closing(Store.open(settings_of(folder))) as store:
        assert not Bulk(store, folder).finish(POLICY.fold)


def damaged(backup: Path) -> Iterator[bytes]:
    octets = backup.read_bytes()
    middle = len(octets) // 2
    yield octets[:middle]
    yield octets[:-1000]
    yield octets[:middle] + bytes([octets[middle] ^ 1]) + octets[middle + 1 :]
    yield b""
    yield b"not a backup at all"


def test_a_damaged_backup_touches_nothing(folder: Path, tmp_path: Path) -> None:
    with source_of(folder) as source:
        whole = make_backup(source, tmp_path / "whole.tar.zst", NOW).path
    expected = contents(folder)
    for octets in damaged(whole):
        bad = tmp_path / "bad.tar.zst"
        bad.write_bytes(octets)
        with pytest.raises(StoreError):
            restored(bad, folder, replace=True)
        assert contents(folder) == expected
        assert not list(folder.glob(".*")) + list(folder.glob("replaced*"))


@pytest.mark.parametrize("name", ["data.mdb", "ledger/data.mdb", "keys"])
def test_one_changed_octet_is_found(folder: Path, tmp_path: Path, name: str) -> None:
    with source_of(folder) as source:
        backup = make_backup(source, tmp_path / "backup", NOW).path
    with (backup / name).open("r+b") as file:
        file.seek(-3, os.SEEK_END)
        file.write(b"\1")
    with pytest.raises(BackupDamaged, match=f"{name} is damaged"):
        restored(backup, folder, replace=True)


def test_a_missing_message_is_found(folder: Path, tmp_path: Path) -> None:
    with source_of(folder) as source:
        backup = make_backup(source, tmp_path / "backup", NOW).path
    next(backup.glob("messages/*/*")).unlink()
    with pytest.raises(BackupDamaged, match="0 of 1 message:"):
        restored(backup, folder, replace=True)


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "messages/../../evil", "data.mdb/../x", "Evil", ".hidden"]
)
def test_an_archive_can_write_nothing_but_what_a_backup_holds(
    folder: Path, tmp_path: Path, name: str
) -> None:
    evil = tmp_path / "evil.tar"
    with tarfile.open(evil, "w") as tar:
        member = tarfile.TarInfo(name)
        member.size = 4
        tar.addfile(member, io.BytesIO(b"evil"))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BackupDamaged, match="unexpected"):
        restored(evil, folder, replace=True)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_in_an_archive_is_not_followed(folder: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil.tar"
    with tarfile.open(evil, "w") as tar:
        member = tarfile.TarInfo("keys")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(BackupDamaged):
        restored(evil, folder, replace=True)


def test_a_backup_of_a_later_version_is_refused(folder: Path, tmp_path: Path) -> None:
    with source_of(folder) as source:
        backup = make_backup(source, tmp_path / "backup", NOW).path
    manifest = json.loads((backup / "manifest.json").read_text())
    (backup / "manifest.json").write_text(json.dumps({**manifest, "layout": 99}))
    with pytest.raises(StoreLayout, match="a later one"):
        restored(backup, folder, replace=True)


def test_what_the_check_refuses_takes_no_place(backup: Path, folder: Path) -> None:
    expected = contents(folder)

    def refuse(draft: Path) -> None:
        raise StoreError(f"{draft}: invariants do not hold")

    with pytest.raises(StoreError, match="invariants"):
        restore(backup, folder, NOW, refuse, replace=True)
    assert contents(folder) == expected


def packed(path: Path, members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def manifest_of(files: dict[str, int], messages: int = 0) -> tuple[tarfile.TarInfo, bytes]:
    """One that vouches for files of these sizes."""
    known = {name: {"size": size, "sha256": "0" * 64} for name, size in files.items()}
    told = {"format": 1, "made": "", "layout": 2, "files": known, "messages": messages}
    return tarfile.TarInfo("manifest.json"), json.dumps(told).encode()


def test_restore_unpacks_no_more_than_the_manifest_says(folder: Path, tmp_path: Path) -> None:
    bomb = packed(
        tmp_path / "bomb.tar",
        [manifest_of({"data.mdb": 1000}), (tarfile.TarInfo("data.mdb"), bytes(2**22))],
    )
    with pytest.raises(BackupDamaged, match="larger than 1,000 octets"):
        restored(bomb, folder, replace=True)


def test_restore_asks_for_the_room_that_the_manifest_says_first(
    folder: Path, tmp_path: Path
) -> None:
    bomb = packed(tmp_path / "bomb.tar", [manifest_of({"data.mdb": 2**60})])
    with pytest.raises(StoreFull, match=r"1,152,9[0-9,]* octets are needed"):
        restored(bomb, folder, replace=True)


@pytest.mark.parametrize(
    "members",
    [
        [(tarfile.TarInfo("keys"), b"x"), manifest_of({"keys": 1})],
        [manifest_of({}), (tarfile.TarInfo("keys"), b"x")],
        [manifest_of({"keys": 1}), *[(tarfile.TarInfo("keys"), b"x")] * 2],
        [manifest_of({}), (tarfile.TarInfo(f"messages/2026-01-01/{'a' * 32}.zst"), b"x")],
    ],
    ids=["manifest last", "not in the manifest", "twice", "more messages than it says"],
)
def test_restore_takes_nothing_for_which_the_manifest_does_not_vouch(
    folder: Path, tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    expected = contents(folder)
    with pytest.raises(BackupDamaged):
        restored(packed(tmp_path / "b.tar", members), folder, replace=True)
    assert contents(folder) == expected


def test_restore_reads_no_header_that_claims_to_be_large(folder: Path, tmp_path: Path) -> None:
    header = tarfile.TarInfo("./PaxHeaders/x")
    header.type, header.size = tarfile.XHDTYPE, 2**40
    (tmp_path / "b.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(2**16))
    with pytest.raises(BackupDamaged, match=f"a header of {2**40} octets"):
        restored(tmp_path / "b.tar", folder, replace=True)


def test_restore_does_not_allocate_what_a_message_claims_to_hold() -> None:
    frame = zstandard.ZstdCompressor().compress(bytes(100))
    claims = b"\x28\xb5\x2f\xfd\xe0" + (2**50).to_bytes(8, "little") + frame[6:]
    assert not is_whole(bytes(16), claims)


def test_restore_follows_no_link_in_a_folder(folder: Path, tmp_path: Path) -> None:
    with source_of(folder) as source:
        backup = make_backup(source, tmp_path / "backup", NOW).path
    (tmp_path / "elsewhere").write_bytes((backup / "keys").read_bytes())
    (backup / "keys").unlink()
    (backup / "keys").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BackupDamaged, match="unexpected link"):
        restored(backup, folder, replace=True)


def test_restore_does_not_wait_for_a_fifo_in_a_folder(folder: Path, tmp_path: Path) -> None:
    with source_of(folder) as source:
        backup = make_backup(source, tmp_path / "backup", NOW).path
    (backup / "keys").unlink()
    os.mkfifo(backup / "keys")
    with pytest.raises(StoreError):
        restored(backup, folder, replace=True)
