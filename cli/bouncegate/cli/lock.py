"""`lock`: locks addresses and domains by hand, and records who, when and why."""

import time
from contextlib import closing
from typing import Annotated

import typer
from msgspec.structs import replace

from bouncegate.cli.acts import carry_out, keys_of, portions, say_all
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.operator import audit_of, called
from bouncegate.cli.options import ENDS, Addresses, AddressFile, By, Why
from bouncegate.cli.output import iso
from bouncegate.cli.times import end_of
from bouncegate.config.taxonomy import Reason
from bouncegate.config.text import LONGEST_LINE, clean
from bouncegate.policy.records import NO_END, Act


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

    Without --until the lock has no end. All addresses are locked, or none. Bounces are recorded
    meanwhile.

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
    acts = (replace(act, addresses=some) for some in portions(sorted(keys)))
    with closing(invocation.open_store()) as store:
        carry_out(invocation, store, acts, len(keys), audit)
    end_text = "without end" if end == NO_END else f"until {iso(end)}"
    end_text += f", for {group} alone" if group else ""
    say_all([f"{key}: locked {end_text}" for key in keys], len(keys), "locked")
