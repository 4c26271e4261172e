"""Store, ledger and backup: whether they can be opened, their free space and age."""

from collections.abc import Iterator
from contextlib import closing
from typing import Final

from bouncegate.admin.doctor.findings import Finding, Severity, not_allowed
from bouncegate.config.settings import Settings
from bouncegate.config.text import counted
from bouncegate.store.errors import StoreError, StoreForbidden, StoreMissing
from bouncegate.store.fileaccess import is_there
from bouncegate.store.lastbackup import last_backup
from bouncegate.store.ledger import Ledger
from bouncegate.store.space import Space
from bouncegate.store.store import Store

_MIB: Final = 2**20
# A commit writes new pages; while readers hold old ones, they are not reused.
_LITTLE_DISK: Final = 512 * _MIB
_NO_DISK: Final = 64 * _MIB
_FULL: Final = 0.8
_OVERFULL: Final = 0.95
# The ledger deletes its oldest sends at three quarters (bouncegate.store.ledger).
_FORGETS: Final = 0.7
_HOUR: Final = 3600
# A backup of millions of locks reads for minutes; a stopped process reads forever.
_LONG_READ: Final = 100_000
# After a clock is set back, entries are in the future, and locks end too late.
_CLOCK: Final = 120


def check_store(settings: Settings, now: int) -> Iterator[Finding]:
    """Check the store."""
    try:
        with closing(Store.open(settings.store, readonly=True)) as store:
            dead = store.check_readers()
            room = store.space()
            latest = max(
                (entry.time for _, entry in store.journal.entries(store.journal.last())), default=0
            )
    except StoreMissing as error:
        fix = "start bouncegate-return-path, which creates it"
        yield Finding("store", Severity.NOTE, str(error), fix)
        return
    except StoreForbidden as error:
        yield not_allowed("store", error)
        return
    except StoreError as error:
        text = f"{error}: the milter lets mail pass, and bounces wait in Postfix's queue"
        yield Finding("store", Severity.ERROR, text, "fix what the message names")
        return
    yield Finding("store", Severity.OK, f"{room.entries['locks']:,} locks in {settings.store.path}")
    yield from _map("store", room, "[store] map_size")
    yield from _surroundings("store", room)
    if dead:
        text = f"freed reader slots of killed processes, which kept old pages: {dead}"
        yield Finding("store", Severity.WARNING, text, "see the log for killed processes")
    if latest > now + _CLOCK:
        ahead = counted(latest - now, "second")
        text = f"the last entry is {ahead} in the future: the clock was set back"
        yield Finding("clock", Severity.WARNING, text, "run chrony or systemd-timesyncd")


def check_ledger(settings: Settings, now: int) -> Iterator[Finding]:
    """Check the ledger."""
    if not settings.keeps_ledger:
        return
    try:
        with closing(Ledger.open(settings.store, settings.ledger)) as ledger:
            room, (oldest, newest) = ledger.space(), ledger.times()
    except StoreMissing as error:
        yield Finding("ledger", Severity.NOTE, str(error), "start bouncegate-milter")
    except StoreForbidden as error:
        yield not_allowed("ledger", error)
    except StoreError as error:
        text = f"{error}: bounces cannot be verified, and do not count"
        yield Finding("ledger", Severity.ERROR, text, "fix what the message names")
    else:
        yield Finding("ledger", Severity.OK, f"{room.entries.get('sent', 0):,} sends")
        yield from _mailings(settings)
        yield from _surroundings("ledger", room)
        keep = settings.ledger.keep.after(now) - now
        if room.fill > _FORGETS and newest - oldest < keep:
            text = (
                f"it holds sends of only {(newest - oldest) // _HOUR} h: later bounces cannot be "
            )
            text += "verified, and do not count"
            fix = "raise [ledger] max_size and reload the daemons"
            yield Finding("ledger", Severity.WARNING, text, fix)


def _mailings(settings: Settings) -> Iterator[Finding]:
    """Whether sends are recorded with their mailing."""
    if not settings.ledger.mailing_headers:
        text = (
            "sends are recorded without their mailing: `report mailing` has the bounces of a "
            "mailing, but no sends, no refused recipients and no rate"
        )
        fix = (
            'if you need them, write mailing_headers = ["X-Campaign-Id"] below [ledger], with the '
            "header field of your sending program (what it costs: docs/reports.md)"
        )
        yield Finding("ledger", Severity.NOTE, text, fix)


def check_backup(settings: Settings, now: int) -> Iterator[Finding]:
    """Check the age of the last backup."""
    try:
        is_due = is_there(settings.store.path / "data.mdb") and settings.alarm.backup.after(0)
    except StoreError as error:
        yield not_allowed("backup", error)
        return
    if not is_due:
        return
    last = last_backup(settings.store.path)
    if last is None:
        text, fix = "no backup yet", "enable bouncegate-backup.timer"
        yield Finding("backup", Severity.NOTE, text, fix)
        return
    text = f"the last backup is {max(now - last.time, 0) // _HOUR} h old: {last.path}"
    if settings.alarm.backup.after(last.time) < now:
        fix = "find out why bouncegate-backup fails, or raise [alarm] backup"
        yield Finding("backup", Severity.WARNING, text, fix)
    else:
        yield Finding("backup", Severity.OK, text)


def _map(name: str, room: Space, key: str) -> Iterator[Finding]:
    if room.fill > _FULL:
        severity = Severity.ERROR if room.fill > _OVERFULL else Severity.WARNING
        text = f"its memory map is {room.fill:.0%} full; at 100% bounces wait in Postfix's queue"
        yield Finding(name, severity, text, f"raise {key} and reload the daemons")


def _surroundings(name: str, room: Space) -> Iterator[Finding]:
    if room.disk_free < _LITTLE_DISK:
        severity = Severity.ERROR if room.disk_free < _NO_DISK else Severity.WARNING
        text = f"{room.disk_free // _MIB} MiB free on its disk; without space bounces wait"
        yield Finding(name, severity, text, "free disk space")
    if room.lag > _LONG_READ:
        text = f"a read transaction is {room.lag:,} transactions old: the file grows meanwhile"
        yield Finding(name, Severity.WARNING, text, "look for a process that hangs")
    if room.readers > _FULL * room.most_readers:
        text = f"{room.readers} of {room.most_readers} reader slots are in use"
        yield Finding(name, Severity.WARNING, text, "look for processes that have the store open")
