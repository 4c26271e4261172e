"""`postfix enable` and `disable`: what they would change, and the change itself.

The backup is on the disk before the first file is replaced, and each file is replaced atomically.
So after a kill it is clear for each file what it was, what it was to become, and which of the two
it is.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, NamedTuple

from bouncegate.admin.postfix import backup, install
from bouncegate.admin.postfix.coverage import State, coverage, of_milter
from bouncegate.admin.postfix.facts import Facts
from bouncegate.admin.postfix.logsource import log_source
from bouncegate.admin.postfix.ownconfig import NAME, OwnConfig, Values, log_values
from bouncegate.admin.postfix.plan import MAIN, MASTER, Conflict, Edit, Tables, plan
from bouncegate.admin.postfix.revert import Undone, named, without, without_settings
from bouncegate.admin.postfix.sharing import hand_over, heir
from bouncegate.admin.postfix.sockets import OURS
from bouncegate.admin.postfix.trial import Change, read_copy, try_edits
from bouncegate.config.settings import Settings

Mode = Literal["enforce", "observe"]

_NO_LOG: Final = (
    "Postfix's log is not read ([maillog]): which messages Postfix accepted is unknown, so silence "
    "lifts no lock"
)


_NOT_TOLD: Final = (
    'all senders are signed ([return_path] sign = "all"): bounces come to Bouncegate, and people '
    "who write to a wrong address are no longer told. To tell them, attach [map] return_to_sender "
    '(docs/send-path.md); or set sign = "own" and list in own_domains what sends mailings'
)


class Options(NamedTuple):
    """The options of `postfix enable`."""

    enforce: bool = False
    table: bool = False
    """Whether to attach the map too."""
    return_to_sender: bool = False
    """Whether to attach the table that sends bounces to the original senders as well."""
    sign_domains: tuple[str, ...] = ()
    """The only domains whose senders are signed; empty: as the settings say."""
    sign_all: bool = False
    """Whether all senders are signed, whatever the settings say."""

    @property
    def tables(self) -> Tables:
        """The tables to attach."""
        return Tables(transport=self.table, return_to_sender=self.return_to_sender)


class Proposal(NamedTuple):
    """A change, to be confirmed."""

    changes: tuple[Change, ...]
    """Our own config first."""
    edits: tuple[Edit, ...]
    conflicts: tuple[Conflict, ...]
    notes: tuple[str, ...]
    mode: Mode
    """Of the milter, after the change."""
    settings: Settings
    """After the change."""
    way: Options


class Reversal(NamedTuple):
    """What `postfix disable` changes."""

    changes: tuple[Change, ...]
    by_hand: tuple[tuple[Path, tuple[str, ...]], ...]
    """By file, the lines from which ours must be removed by hand."""
    shared: tuple[tuple[Change, Path], ...] = ()
    """Changes that stay, and another Postfix that needs them still."""


def propose(config: Path, facts: Facts, way: Options) -> Proposal:
    """What `postfix enable` would change; raises ConfigError, PostfixError and OSError.

    A Postfix that is attached for the first time starts in observe mode.
    """
    own = OwnConfig(config)
    mode = _mode(own.settings, facts, way)
    values = _values(own.settings, mode, way)
    settings = own.wanted(values)
    planned = plan(settings, facts, way.tables)
    conflicts = list(planned.conflicts)
    if values and not own.set(values):
        keys = ", ".join(f"[{table}] {key}" for table, keys in values.items() for key in keys)
        text = f"{own.path} cannot change {keys}: a later file sets it"
        conflicts.append(Conflict(text, "change it there"))
    notes = list(planned.notes)
    if planned.edits and are_senders_not_told(settings):
        notes.append(_NOT_TOLD)
    if settings.keeps_ledger and settings.maillog.source == "none":
        log = log_source(facts, settings.store.path)
        wanted = log is not None and not conflicts and not own.sets("maillog")
        read = log if log and wanted and own.set(log_values(log)) else None
        notes.append(f"{read.name} will be read" if read else _NO_LOG)
    if planned.edits or own.after != own.before:
        own.attach(facts.folder)
    changes = []
    if own.after != own.before:
        changes.append(Change(own.path, own.before, own.after))
    if planned.edits and not conflicts:
        changes += try_edits(settings, facts, planned.edits, way.tables)
    return Proposal(
        tuple(changes), planned.edits, tuple(conflicts), tuple(notes), mode, settings, way
    )


def settings_after(config: Path, way: Options) -> Settings:
    """The settings with what the options ask for, the mode as it is; raises ConfigError."""
    own = OwnConfig(config)
    return own.wanted(_values(own.settings, own.settings.milter.mode, way))


def _mode(settings: Settings, facts: Facts, way: Options) -> Mode:
    if way.enforce:
        return "enforce"
    found = of_milter(settings, facts)
    attached = any(one.state in (State.ATTACHED, State.FRAGILE) for one in found)
    return settings.milter.mode if attached else "observe"


def _values(settings: Settings, mode: Mode, way: Options) -> Values:
    """Our own settings that change."""
    values: dict[str, dict[str, object]] = {}
    if mode != settings.milter.mode:
        values["milter"] = {"mode": mode}
    if way.return_to_sender and not settings.map.return_to_sender:
        values["map"] = {"return_to_sender": True}
    own, domains = settings.return_path, list(way.sign_domains)
    if domains and (own.sign, list(own.own_domains)) != ("own", domains):
        values["return_path"] = {"sign": "own", "own_domains": domains}
    if way.sign_all and own.sign != "all":
        values["return_path"] = {"sign": "all"}
    return values


def are_senders_not_told(settings: Settings) -> bool:
    """Whether all senders are signed and none gets a bounce."""
    return bool(settings.return_path.domains.rest) and not settings.map.return_to_sender


def apply(folder: Path, changes: Sequence[Change]) -> None:
    """Apply a change; raises Edited, PostfixError and OSError."""
    earlier = {one.path: one for one in backup.load(folder)}
    merged = dict(earlier)
    for change in changes:
        base = change.before
        if change.path in earlier:
            undone = _undone(base, earlier[change.path])
            if undone.left:
                text = "; ".join(undone.left)
                raise install.Edited(f"{change.path}: lines of Bouncegate were edited: {text}")
            base = undone.octets
        merged[change.path] = Change(change.path, base, change.after)
    backup.save(folder, list(merged.values()))
    for change in changes:
        change.path.parent.mkdir(exist_ok=True)
        install.replace_file(change.path, change.after, change.before)


def _undone(now: bytes | None, change: Change) -> Undone:
    """A file as it is now without a change."""
    undo = without_settings if change.path.name == NAME else without
    return undo(now, change.before, change.after)


def propose_reversal(folder: Path) -> Reversal:
    """What `postfix disable` would change; raises PostfixError and OSError."""
    known = backup.load(folder)
    changes: list[Change] = []
    by_hand = []
    shared = []
    for one in known:
        if one.path.name == NAME and (other := heir(one.path, folder)):
            shared.append((one, other))
            continue
        now = install.content_of(one.path)
        undone = _undone(now, one)
        if undone.left:
            by_hand.append((one.path, undone.left))
        elif undone.octets != now:
            changes.append(Change(one.path, now, undone.octets))
    for path, now in _elsewhere(folder, known):
        found = (without(now, one.before, one.after) for one in known)
        undone = next((one for one in found if not one.left), Undone(now, tuple(named(now))))
        if undone.left:
            by_hand.append((path, undone.left))
        else:
            changes.append(Change(path, now, undone.octets))
    return Reversal(tuple(changes), tuple(by_hand), tuple(shared))


def _elsewhere(folder: Path, known: Sequence[Change]) -> Iterator[tuple[Path, bytes]]:
    """Files of Postfix that name us but are not those that were changed.

    postconf(1) and configuration management replace a symbolic link by a file.
    """
    for name in (MAIN, MASTER):
        path = (folder / name).resolve()
        now = install.content_of(path)
        if path not in {one.path for one in known} and now is not None and named(now):
            yield path, now


def remaining(settings: Settings, folder: Path) -> list[str]:
    """What in a Postfix still asks us, by postconf(1); raises PostfixError and OSError."""
    facts = read_copy({name: (folder / name).read_bytes() for name in (MAIN, MASTER)})
    ours = [name for name in OURS if name in facts.explicit]
    asked = (State.ATTACHED, State.FRAGILE, State.BROKEN)
    found = [one for one in coverage(settings, facts) if one.plane in ("milter", "map")]
    return ours + [f"{one.plane} of {one.subject}" for one in found if one.state in asked]


def roll_back(folder: Path, changes: Sequence[Change], earlier: Sequence[Change]) -> None:
    """Restore the files, and the backup, from before a change; raises Edited and OSError."""
    for change in changes:
        now = install.content_of(change.path)
        # Leave a file that was edited in the meantime, unless it names us.
        if now == change.after or (now != change.before and named(now or b"")):
            install.replace_file(change.path, change.before, change.after)
    _remove_empty_folder(changes)
    if earlier:
        backup.save(folder, earlier)
    else:
        backup.drop(folder)


def _remove_empty_folder(changes: Iterable[Change]) -> None:
    """Remove the folder of drop-ins if nothing is in it."""
    for change in changes:
        if change.path.name == NAME:
            with suppress(OSError):
                change.path.parent.rmdir()


def revert(folder: Path, reversal: Reversal) -> None:
    """Apply a reversal, and remove the backup if nothing is left; raises Edited and OSError."""
    # Postfix's files first: while they name us, our own config must still apply.
    for change in reversed(reversal.changes):
        install.replace_file(change.path, change.after, change.before)
    _remove_empty_folder(backup.load(folder))
    for change, other in reversal.shared:
        hand_over(change, other)
    if not reversal.by_hand:
        backup.drop(folder)
