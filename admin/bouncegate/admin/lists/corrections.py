"""Corrections of mistyped addresses: the old one points to the new one, which starts fresh."""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final, NamedTuple

from msgspec.structs import replace

from bouncegate.admin.lists.columns import Columns
from bouncegate.admin.lists.csvfile import CsvRow
from bouncegate.admin.lists.syntax import fault_of_canonical
from bouncegate.admin.lists.unlocking import ForceRule
from bouncegate.config.taxonomy import Kind
from bouncegate.policy.addressstate import locks_at
from bouncegate.policy.conditions import locks_of, locks_seen
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import Act, Lock, Origin
from bouncegate.store.address import AddressError, canonical
from bouncegate.store.store import Store

# No vowels, so that it is no word in any language; no digits, so that it is no number or date.
_LETTERS: Final = "bcdfghjklmnpqrstvwxz"
_PAIRS: Final = tuple(first + second for second in _LETTERS for first in _LETTERS)
_LENGTH: Final = 14  # 60 bits: among a million addresses two alike are one in two million


class Correction(NamedTuple):
    """A mistyped address, and the right one."""

    old: str
    new: str
    line: int = 0
    """Of the file."""
    seen: int = 0
    """The number of the new address's locks (`bouncegate.policy.conditions`)."""


class Fault(NamedTuple):
    """A line that cannot be applied, and why."""

    line: int
    why: str


class Requested(NamedTuple):
    """The corrections in a file."""

    corrections: dict[str, Correction]
    """By the id of the old address, which is still unknown."""
    unchanged: int
    faults: list[Fault]


def id_of(address: str) -> str:
    """The id of a canonical address in exported files, by which `import` knows it again."""
    number = int.from_bytes(blake2b(address.encode(), digest_size=8).digest(), "big")
    pairs = []
    for _ in range(_LENGTH // 2):
        number, position = divmod(number, len(_PAIRS))
        pairs.append(_PAIRS[position])
    return "".join(pairs)


def read_corrections(rows: Iterable[CsvRow], columns: Columns, *, fold: bool) -> Requested:
    """Read the rows of a file; raises CsvError.

    A row is unchanged if its id is that of its address.
    """
    corrections: dict[str, Correction] = {}
    faults: list[Fault] = []
    unchanged = 0
    for row_number, row in enumerate(rows):
        if not row_number:
            columns.require(row, "id")
            columns.require(row, "address")
        identifier = columns.cell(row, "id")
        try:
            new = canonical(columns.cell(row, "address"), fold=fold)
        except AddressError as error:
            faults.append(Fault(row.line, str(error)))
            continue
        if id_of(new) == identifier:
            unchanged += 1
        elif fault := fault_of_canonical(new):
            faults.append(Fault(row.line, f"{new}: {fault}"))
        elif identifier in corrections and corrections[identifier].new != new:
            first = corrections[identifier]
            faults.append(
                Fault(row.line, f"line {first.line} corrects the same address to {first.new}")
            )
        else:
            corrections[identifier] = Correction("", new, row.line)
    return Requested(corrections, unchanged, faults)


def resolve(store: Store, requested: Requested) -> list[Correction]:
    """The corrections with their old addresses; unknown ids are added to the faults.

    Reads all addresses, two seconds for a million; raises StoreError.
    """
    left = dict(requested.corrections)
    found: list[Correction] = []
    for address in _names(store):
        if not left:
            break
        if (correction := left.pop(id_of(address), None)) is not None:
            found.append(correction._replace(old=address))
    requested.faults.extend(Fault(c.line, "no address has this id") for c in left.values())
    return sorted(found, key=lambda correction: correction.line)


def _names(store: Store) -> Iterator[str]:
    yield from store.lists.names()
    yield from (address for address, _ in store.lastmailed.invalid())
    yield from (used.address for used in store.lastmailed.stale(0xFFFF))


def as_seen(store: Store, correction: Correction, now: int) -> Correction:
    """The correction with the current locks of the new address, read before it is checked."""
    meant = store.addresses.get(correction.new) or EMPTY
    return correction._replace(seen=locks_seen(locks_of(meant), now))


def fault_of(
    store: Store, correction: Correction, now: int, rule: ForceRule, *, force: bool
) -> str:
    """Why a correction cannot be made; empty if it can.

    It lifts only soft automatic locks: other locks mean that the mailbox does not exist, or that an
    operator wants the lock. With `[policy] unlock_hard` it lifts all that the rule does not guard.
    """
    if correction.old == correction.new:
        return "both addresses are the same"
    meant = store.addresses.get(correction.new) or EMPTY
    if force:
        return ""
    guarded = [(scope, one.lock) for scope, one in rule.guarded(correction.new).items()]
    lenient = rule.lifts_hard
    if meant.corrected and not lenient:
        return f"{correction.new} was itself corrected, to {meant.corrected}: use that, or --force"
    others = [] if lenient else [one for one in locks_at(meant, now) if not _is_soft(one.lock)]
    for scope, lock in (*guarded, *others):
        where = f" for {scope}" if scope else ""
        return f"{correction.new} is locked itself{where} ({lock.reason}): use --force"
    return ""


def _is_soft(lock: Lock) -> bool:
    return lock.kind is Kind.SOFT and lock.origin is Origin.AUTOMATIC


def chained(corrections: Iterable[Correction]) -> Iterator[Fault]:
    """The corrections to an address that the same file corrects again: they are ambiguous."""
    found = {correction.old: correction for correction in corrections}
    for correction in found.values():
        if (further := found.get(correction.new)) is not None:
            text = f"line {further.line} corrects {correction.new} to {further.new}: use that"
            yield Fault(correction.line, text)


def is_done(store: Store, correction: Correction) -> bool:
    """Whether this correction was made before."""
    return (store.addresses.get(correction.old) or EMPTY).corrected == correction.new


def acts_of(corrections: Iterable[Correction], time: int, by: str, why: str) -> Iterator[Act]:
    """The acts of the corrections; they fail if the new address's locks have changed since."""
    for old, new, _, seen in corrections:
        act = Act((), time, "correct", by, why, condition="as-seen", seen=(seen,))
        yield replace(act, addresses=(old,), other=new)
        yield replace(act, verb="renew", addresses=(new,), other=old)
