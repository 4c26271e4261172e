"""Corrections of addresses: mistyped ones point to what was meant, which begins anew."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from msgspec.structs import replace

from bouncegate.admin.lists.columns import Columns
from bouncegate.admin.lists.csvfile import CsvRow
from bouncegate.admin.lists.identifiers import id_of
from bouncegate.admin.lists.syntax import fault_of_canonical
from bouncegate.config.taxonomy import Kind
from bouncegate.policy.conditions import locks_of, locks_seen
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import Act, Origin
from bouncegate.store.address import AddressError, canonical
from bouncegate.store.store import Store


class Correction(NamedTuple):
    """One address that was mistyped, and what was meant."""

    old: str
    new: str
    line: int = 0
    """Of the file that says so."""
    seen: int = 0
    """The number of the locks of what was meant (`bouncegate.policy.conditions`)."""


class Fault(NamedTuple):
    """A line that cannot be done, and why."""

    line: int
    why: str


class Requested(NamedTuple):
    """What a sheet asks for."""

    corrections: dict[str, Correction]
    """By the id of the old address, which is not known yet."""
    unchanged: int
    faults: list[Fault]


def read_corrections(rows: Iterable[CsvRow], columns: Columns, *, fold: bool) -> Requested:
    """What the rows of a sheet ask for; raises CsvError.

    The id of a row that was not corrected is that of its address.
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
            faults.append(Fault(row.line, f"line {first.line} corrects the same to {first.new}"))
        else:
            corrections[identifier] = Correction("", new, row.line)
    return Requested(corrections, unchanged, faults)


def resolve(store: Store, requested: Requested) -> list[Correction]:
    """The corrections with their old addresses; ids that nobody has go to the faults.

    Reads the names of all addresses, two seconds for a million; raises StoreError.
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
    """The correction with the locks that what was meant has now; before anything is decided."""
    meant = store.addresses.get(correction.new) or EMPTY
    return correction._replace(seen=locks_seen(locks_of(meant), now))


def fault_of(store: Store, correction: Correction, now: int, *, force: bool) -> str:
    """Why a correction cannot be made; empty where it can.

    Only what a soft bounce locked is freed by it: any other lock says that nobody is there, or that
    somebody wanted it so.
    """
    if correction.old == correction.new:
        return "both addresses are the same"
    meant = store.addresses.get(correction.new) or EMPTY
    if force:
        return ""
    if meant.corrected:
        return f"{correction.new} was itself corrected, to {meant.corrected}: name that, or --force"
    lock = meant.lock
    if lock is None or not lock.in_force(now):
        return ""
    if lock.kind is Kind.HARD or lock.origin is not Origin.AUTOMATIC:
        return f"{correction.new} is locked itself ({lock.reason}): use --force"
    return ""


def chained(corrections: Iterable[Correction]) -> Iterator[Fault]:
    """The corrections to an address that the same sheet corrects: which was meant is not clear."""
    found = {correction.old: correction for correction in corrections}
    for correction in found.values():
        if (further := found.get(correction.new)) is not None:
            text = f"line {further.line} corrects {correction.new} to {further.new}: name that"
            yield Fault(correction.line, text)


def is_done(store: Store, correction: Correction) -> bool:
    """Whether this very correction was made before."""
    return (store.addresses.get(correction.old) or EMPTY).corrected == correction.new


def acts_of(corrections: Iterable[Correction], time: int, by: str, why: str) -> Iterator[Act]:
    """What makes the corrections, as long as what was meant has the locks that were seen."""
    for old, new, _, seen in corrections:
        act = Act((), time, "correct", by, why, condition="as-seen", seen=(seen,))
        yield replace(act, addresses=(old,), other=new)
        yield replace(act, verb="renew", addresses=(new,), other=old)
