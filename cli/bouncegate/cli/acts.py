"""What the commands that change addresses share: which addresses, and how acts are carried out."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from bouncegate.admin.lists import asking
from bouncegate.admin.lists.lines import addresses_of
from bouncegate.admin.lists.unlocking import ForceRule, rights_of_command
from bouncegate.cli.inputfiles import opened
from bouncegate.cli.invocation import Invocation
from bouncegate.cli.output import complain
from bouncegate.cli.progress import bar
from bouncegate.cli.sentences import write_text
from bouncegate.config.text import counted
from bouncegate.policy.records import Act, Audit
from bouncegate.store.address import AddressError, canonical
from bouncegate.store.bulk import LeftOut
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
    with opened(str(file)) as stream:
        found = asking.keys_of(addresses_of(stream), fold=fold)
    for fault in found.faults:
        complain(f"{file}:{fault.number}: {fault.english}")
    if found.faults:
        raise AddressError(
            f"{counted(len(found.faults), 'line')} of {file} without a valid address: "
            "nothing was changed"
        )
    return list(keys | dict.fromkeys(found.keys))


def force_rule_of(
    invocation: Invocation, store: Store, now: int, *, force: bool = False
) -> ForceRule:
    """Which locks need force to be lifted, by the settings."""
    hard = invocation.settings.policy.unlock_hard
    rights = rights_of_command(force=force, unlock_hard=hard)
    return ForceRule(store, invocation.policy.fold, now, rights)


def carry_out(
    invocation: Invocation, store: Store, acts: Iterable[Act], total: int, audit: Audit
) -> LeftOut:
    """Carry out acts on `total` addresses, all or none; many with a bar on a terminal.

    Addresses that no longer meet the condition of their act are left out, and named on stderr.
    """
    left_out = asking.carry_out(invocation, store, acts, total, audit, bar)
    shown = left_out.first[:_SHOWN]
    for address in shown:
        complain(f"{address}: its locks changed meanwhile: not changed")
    if left_out.number > len(shown):
        complain(f"... and {left_out.number - len(shown)} more")
    return left_out


def say_all(lines: list[str], total: int, rest: str) -> None:
    """Print the first lines, and how many more there are; `lines` need not have all of them."""
    for line in lines[:_SHOWN]:
        write_text(line)
    if total > _SHOWN:
        write_text(f"... and {total - _SHOWN} more {rest}")
