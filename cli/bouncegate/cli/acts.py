"""What the commands that change addresses share: which addresses, and how acts are carried out."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Final

from bouncegate.admin.lists.lines import addresses_of
from bouncegate.admin.lists.unlocking import ForceRule
from bouncegate.cli.inputfiles import opened
from bouncegate.cli.invocation import Invocation
from bouncegate.cli.lineformat import printable
from bouncegate.cli.output import complain
from bouncegate.cli.progress import bar
from bouncegate.config.text import counted
from bouncegate.policy.records import Act, Audit
from bouncegate.store.address import AddressError, canonical
from bouncegate.store.bulk import MOST_AT_ONCE, Bulk, LeftOut
from bouncegate.store.store import Store

_SHOWN: Final = 20


def keys_of(invocation: Invocation, addresses: Iterable[str], file: Path | None) -> list[str]:
    """The addresses that were named and those of a file, each once; raises AddressError.

    Every bad line is reported first.
    """
    fold = invocation.settings.store.fold_local_part
    keys = dict.fromkeys(canonical(address, fold=fold) for address in addresses)
    if file is None:
        return list(keys)
    faults = 0
    with ExitStack() as stack:
        for line in addresses_of(stack.enter_context(opened(str(file)))):
            try:
                keys[canonical(line.text, fold=fold)] = None
            except AddressError as error:
                faults += 1
                complain(f"{file}:{line.number}: {error}")
    if faults:
        raise AddressError(
            f"{counted(faults, 'line')} of {file} without a valid address: nothing was changed"
        )
    return list(keys)


def force_rule_of(
    invocation: Invocation, store: Store, now: int, *, force: bool = False
) -> ForceRule:
    """Which locks need force to be lifted, by the settings."""
    hard = invocation.settings.policy.unlock_hard
    return ForceRule(store, invocation.policy.fold, now, force=force, unlock_hard=hard)


def carry_out(
    invocation: Invocation, store: Store, acts: Iterable[Act], total: int, audit: Audit
) -> LeftOut:
    """Carry out acts on `total` addresses, all or none; many with a bar on a terminal.

    Addresses that no longer meet the condition of their act are left out, and named on stderr.
    """
    fold = invocation.policy.fold
    if total <= MOST_AT_ONCE:
        left_out = LeftOut().with_more(store.act(list(acts), fold, audit=audit).left_out)
    else:
        bulk = Bulk(store, invocation.settings.store.path)
        with bar(total) as show_progress:
            left_out = bulk.carry_out(acts, fold, show_progress, audit)
    shown = left_out.first[:_SHOWN]
    for address in shown:
        complain(f"{address}: its locks changed meanwhile: not changed")
    if left_out.number > len(shown):
        complain(f"... and {left_out.number - len(shown)} more")
    return left_out


def portions(keys: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """The addresses in order, as many at a time as one of several acts may name."""
    ordered = iter(keys)
    while some := tuple(islice(ordered, MOST_AT_ONCE)):
        yield some


def say_all(lines: list[str], total: int, rest: str) -> None:
    """Print the first lines, and how many more there are; `lines` need not have all of them."""
    print("\n".join(map(printable, lines[:_SHOWN])))
    if total > _SHOWN:
        print(f"... and {total - _SHOWN} more {rest}")
