"""`postfix enable` and `disable`: what they would change, and the change itself.

The backup is on the disk before the first file is replaced, and each file is replaced atomically.
So after a kill it is clear for each file what it was, what it was to become, and which of the two
it is.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bouncegate.admin.postfix import backup, install
from bouncegate.admin.postfix.coverage import State, coverage, of_milter
from bouncegate.admin.postfix.facts import Facts
from bouncegate.admin.postfix.logsource import log_source
from bouncegate.admin.postfix.ownconfig import with_log, with_mode
from bouncegate.admin.postfix.plan import MAIN, MASTER, Conflict, Edit, plan
from bouncegate.admin.postfix.revert import Undone, named, without
from bouncegate.admin.postfix.sockets import OURS
from bouncegate.admin.postfix.trial import Change, read_copy, try_edits
from bouncegate.config.settings import Settings

_NO_LOG: Final = (
    "Postfix's log is not read ([maillog]): which messages Postfix accepted is unknown, so silence "
    "lifts no lock"
)


_NOT_TOLD: Final = (
    'all senders are signed ([return_path] sign = "all"): bounces come to Bouncegate, and people '
    "who write to a wrong address are no longer told. To tell them, attach [map] return_to_sender "
    '(docs/send-path.md); or set sign = "own" and list in own_domains what sends mailings'
)


class Proposal(NamedTuple):
    """A change, to be confirmed."""

    changes: tuple[Change, ...]
    """Our own config first."""
    edits: tuple[Edit, ...]
    conflicts: tuple[Conflict, ...]
    notes: tuple[str, ...]
    mode: str
    """Of the milter, after the change."""


class Reversal(NamedTuple):
    """What `postfix disable` changes."""

    changes: tuple[Change, ...]
    by_hand: tuple[tuple[Path, tuple[str, ...]], ...]
    """By file, the lines from which ours must be removed by hand."""


class Options(NamedTuple):
    """The options of `postfix enable`."""

    enforce: bool = False
    table: bool = False
    """Whether to attach the map too."""


def propose(settings: Settings, config: Path, facts: Facts, way: Options) -> Proposal:
    """What `postfix enable` would change; raises PostfixError and OSError.

    A Postfix that is attached for the first time starts in observe mode.
    """
    planned = plan(settings, facts, table=way.table)
    found = list(of_milter(settings, facts))
    attached = any(one.state in (State.ATTACHED, State.FRAGILE) for one in found)
    mode = "enforce" if way.enforce else settings.milter.mode if attached else "observe"
    conflicts = list(planned.conflicts)
    changes = []
    before = after = install.content_of(config)
    if mode != settings.milter.mode:
        after = with_mode(before, mode)
        if after is None:
            text = f"cannot change the mode in {config}"
            conflicts.append(Conflict(text, f'set mode = "{mode}" below [milter]'))
    notes = list(planned.notes)
    if planned.edits and settings.return_path.domains.rest and not settings.map.return_to_sender:
        notes.append(_NOT_TOLD)
    if settings.keeps_ledger and settings.maillog.source == "none":
        log = log_source(facts, settings.store.path)
        logged = with_log(after, log) if log and not conflicts else None
        after = logged or after
        notes.append(f"{log.name} will be read" if log and logged else _NO_LOG)
    if after is not None and after != before:
        changes.append(Change(config.resolve(), before, after))
    if planned.edits and not conflicts:
        changes += try_edits(settings, facts, planned.edits, table=way.table)
    return Proposal(tuple(changes), planned.edits, tuple(conflicts), tuple(notes), mode)


def apply(folder: Path, changes: Sequence[Change]) -> None:
    """Apply a change; raises Edited, PostfixError and OSError."""
    earlier = {one.path: one for one in backup.load(folder)}
    merged = dict(earlier)
    for change in changes:
        base = change.before
        if change.path in earlier:
            undone = without(base, earlier[change.path].before, earlier[change.path].after)
            if undone.left:
                text = "; ".join(undone.left)
                raise install.Edited(f"{change.path}: lines of Bouncegate were edited: {text}")
            base = undone.octets
        merged[change.path] = Change(change.path, base, change.after)
    backup.save(folder, list(merged.values()))
    for change in changes:
        install.replace_file(change.path, change.after, change.before)


def propose_reversal(folder: Path) -> Reversal:
    """What `postfix disable` would change; raises PostfixError and OSError."""
    known = backup.load(folder)
    changes: list[Change] = []
    by_hand = []
    for one in known:
        now = install.content_of(one.path)
        undone = without(now, one.before, one.after)
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
    return Reversal(tuple(changes), tuple(by_hand))


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


def roll_back(folder: Path, changes: Iterable[Change], earlier: Sequence[Change]) -> None:
    """Restore the files, and the backup, from before a change; raises Edited and OSError."""
    for change in changes:
        now = install.content_of(change.path)
        # Leave a file that was edited in the meantime, unless it names us.
        if now == change.after or (now != change.before and named(now or b"")):
            install.replace_file(change.path, change.before, change.after)
    if earlier:
        backup.save(folder, earlier)
    else:
        backup.drop(folder)


def revert(folder: Path, reversal: Reversal) -> None:
    """Apply a reversal, and remove the backup if nothing is left; raises Edited and OSError."""
    # Postfix's files first: while they name us, our own config must still apply.
    for change in reversed(reversal.changes):
        install.replace_file(change.path, change.after, change.before)
    if not reversal.by_hand:
        backup.drop(folder)
