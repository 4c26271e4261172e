"""`lock`: locks addresses and domains by hand, and records who, when and why."""

import os
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Annotated, Final

import typer

from bouncegate.admin.lists.locking import lock_acts, shortened
from bouncegate.admin.lists.unlocking import Guarded
from bouncegate.admin.views.values import iso
from bouncegate.cli.acts import carry_out, force_rule_of, keys_of, say_all
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.operator import audit_of, called
from bouncegate.cli.options import ENDS, Addresses, AddressFile, By, Why
from bouncegate.cli.output import complain
from bouncegate.cli.times import end_of
from bouncegate.config.taxonomy import Reason
from bouncegate.config.text import LONGEST_LINE, clean, counted
from bouncegate.policy.records import NO_END, Act

_SHOWN: Final = 20


def lock(
    context: typer.Context,
    addresses: Addresses = None,
    *,
    file: AddressFile = None,
    until: Annotated[
        str,
        typer.Option(metavar="TIME", help=f"When it ends: {ENDS}."),
    ] = "",
    group: Annotated[
        str, typer.Option(metavar="NAME", help="Lock only for this group of recipients.")
    ] = "",
    reason: Annotated[
        Reason,
        typer.Option(
            metavar="REASON",
            help="The reason code that refusals show: bouncegate-rules(5) lists them.",
        ),
    ] = Reason.OPERATOR,
    why: Why = "",
    by: By = "",
) -> None:
    """Lock addresses by hand.

    Without --until the lock has no end. All addresses are locked, or none: a lock that only "unlock
    --force" lifts is not replaced by one that ends earlier. Bounces are recorded meanwhile.

    Examples:

    bouncegate lock ann@example.com --until "6 months" --why "asked by phone"

    bouncegate lock @dead.example --file more.txt
    """
    if not addresses and file is None:
        raise typer.BadParameter("name addresses, or use --file")
    invocation = invocation_of(context)
    now = int(time.time())
    end = end_of(until, now)
    keys = keys_of(invocation, addresses or [], file)
    command = called("lock", [("until", until), ("group", group)])
    group = clean(group, LONGEST_LINE)
    audit = audit_of(command, now, by=by, why=why, targets=keys, scopes=[group])
    act = Act((), now, "lock", by, why, end, reason=reason, group=group)
    with closing(invocation.open_store()) as store:
        rule = force_rule_of(invocation, store, now)
        _refuse_shorter(shortened(rule, keys, group, end))
        left_out = carry_out(invocation, store, lock_acts(keys, act), len(keys), audit)
    end_text = "without end" if end == NO_END else f"until {iso(end)}"
    end_text += f", for {group} alone" if group else ""
    done = [key for key in keys if key not in left_out.first]
    number = len(keys) - left_out.number
    say_all([f"{key}: locked {end_text}" for key in done], number, "locked")
    if left_out.number:
        raise typer.Exit(os.EX_TEMPFAIL)


def _refuse_shorter(found: Sequence[Guarded]) -> None:
    """End the command if a lock that needs force to be lifted would end earlier."""
    for address, lock, _ in found[:_SHOWN]:
        until = "without end" if lock.until == NO_END else f"until {iso(lock.until)}"
        complain(f"{address}: {lock.kind}-locked ({lock.reason}) {until}")
    if found:
        complain(
            f"{counted(len(found), 'address')} locked for longer: nothing was locked. Leave out "
            '--until, or run "bouncegate unlock --force" first'
        )
        raise typer.Exit(os.EX_NOPERM)
