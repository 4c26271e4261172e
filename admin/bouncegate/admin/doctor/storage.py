"""The store and the ledger: whether they can be opened, and how much room is left."""

from collections.abc import Iterator
from contextlib import closing
from typing import Final

from bouncegate.admin.doctor.findings import Finding, Severity
from bouncegate.config.settings import Settings
from bouncegate.store.errors import StoreError, StoreMissing
from bouncegate.store.lastbackup import last_backup
from bouncegate.store.ledger import Ledger
from bouncegate.store.space import Space
from bouncegate.store.store import Store

_MIB: Final = 2**20
# A commit needs room for the pages that it changes, several times over while readers hold old ones.
_LITTLE_DISK: Final = 512 * _MIB
_NO_DISK: Final = 64 * _MIB
_FULL: Final = 0.8
_OVERFULL: Final = 0.95
# The ledger drops its oldest sends at three quarters (bouncegate.store.ledger).
_FORGETS: Final = 0.7
_HOUR: Final = 3600
# A backup of millions of locks, say, reads for minutes; a process that was stopped, for good.
_LONG_READ: Final = 100_000
# A clock that was set back makes locks that begin in the future, and end too late.
_CLOCK: Final = 120


def check_store(settings: Settings, now: int) -> Iterator[Finding]:
    """The store of locks, addresses and events."""
    try:
        with closing(Store.open(settings.store, readonly=True)) as store:
            dead = store.check_readers()
            room = store.space()
            latest = max(
                (entry.time for _, entry in store.journal.entries(store.journal.last())), default=0
            )
    except StoreMissing as error:
        fix = "start bouncegate-return-path, which makes it"
        yield Finding("store", Severity.NOTE, str(error), fix)
        return
    except StoreError as error:
        text = f"{error}: the milter lets mail pass, and bounces wait in Postfix's queue"
        yield Finding("store", Severity.ERROR, text, "mend what the message says")
        return
    yield Finding("store", Severity.OK, f"{room.entries['locks']:,} locks in {settings.store.path}")
    yield from _map("store", room, "[store] map_size")
    yield from _surroundings("store", room)
    if dead:
        text = f"{dead} reader slots of processes that were killed were freed: they kept old pages"
        yield Finding("store", Severity.WARNING, text, "see in the log who was killed")
    if latest > now + _CLOCK:
        text = f"its last entry lies {latest - now} seconds in the future: the clock was set back"
        yield Finding("clock", Severity.WARNING, text, "let chrony or systemd-timesyncd run")


def check_ledger(settings: Settings, now: int) -> Iterator[Finding]:
    """The ledger of sends, whose oldest entries go where its map is full."""
    if not settings.keeps_ledger:
        return
    try:
        with closing(Ledger.open(settings.store, settings.ledger)) as ledger:
            room, (oldest, newest) = ledger.space(), ledger.times()
    except StoreMissing as error:
        yield Finding("ledger", Severity.NOTE, str(error), "start bouncegate-milter")
    except StoreError as error:
        text = f"{error}: bounces cannot be proven, and do not count"
        yield Finding("ledger", Severity.ERROR, text, "mend what the message says")
    else:
        yield Finding("ledger", Severity.OK, f"{room.entries.get('sent', 0):,} sends")
        yield from _surroundings("ledger", room)
        keep = settings.ledger.keep.after(now) - now
        if room.fill > _FORGETS and newest - oldest < keep:
            text = f"has room for the sends of {(newest - oldest) // _HOUR} hours alone: bounces "
            text += "that come later cannot be proven, and do not count"
            fix = "raise [ledger] max_size and reload the daemons"
            yield Finding("ledger", Severity.WARNING, text, fix)


def check_backup(settings: Settings, now: int) -> Iterator[Finding]:
    """How old the last backup is."""
    if not (settings.store.path / "data.mdb").exists() or not settings.alarm.backup.after(0):
        return
    last = last_backup(settings.store.path)
    if last is None:
        text, fix = "no backup was made yet", "enable bouncegate-backup.timer"
        yield Finding("backup", Severity.NOTE, text, fix)
        return
    text = f"the last backup is {max(now - last.time, 0) // _HOUR} hours old: {last.path}"
    if settings.alarm.backup.after(last.time) < now:
        fix = "see why bouncegate-backup fails, or set [alarm] backup"
        yield Finding("backup", Severity.WARNING, text, fix)
    else:
        yield Finding("backup", Severity.OK, text)


def _map(name: str, room: Space, key: str) -> Iterator[Finding]:
    if room.fill > _FULL:
        severity = Severity.ERROR if room.fill > _OVERFULL else Severity.WARNING
        text = f"the map is {room.fill:.0%} full: beyond it bounces wait in Postfix's queue"
        yield Finding(name, severity, text, f"raise {key} and reload the daemons")


def _surroundings(name: str, room: Space) -> Iterator[Finding]:
    if room.disk_free < _LITTLE_DISK:
        severity = Severity.ERROR if room.disk_free < _NO_DISK else Severity.WARNING
        text = f"{room.disk_free // _MIB} MiB are free on its disk: beyond it bounces wait"
        yield Finding(name, severity, text, "make room on the disk")
    if room.lag > _LONG_READ:
        text = f"a reader has not let go for {room.lag:,} transactions: its file grows meanwhile"
        yield Finding(name, Severity.WARNING, text, "see whether a process stands still")
    if room.readers > _FULL * room.most_readers:
        text = f"{room.readers} of {room.most_readers} reader slots are taken"
        yield Finding(name, Severity.WARNING, text, "see which processes hold the store open")
