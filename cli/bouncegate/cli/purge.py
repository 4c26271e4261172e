"""`purge`: removes what is stored about a person; a lock in force stays, as a salted hash."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated

import typer

from bouncegate.admin.ledgers import refusals_of
from bouncegate.admin.views.values import iso
from bouncegate.cli.confirmation import require_consent
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.operator import audit_of
from bouncegate.cli.options import By, DryRun, Why, Yes
from bouncegate.config.text import counted, printable
from bouncegate.policy.fold import is_locked
from bouncegate.policy.records import NO_END, State
from bouncegate.store.address import canonical
from bouncegate.store.errors import StoreMissing
from bouncegate.store.ledger import Ledger
from bouncegate.store.purge import Found


def purge(
    context: typer.Context,
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="The address whose data is removed.")
    ],
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    why: Why = "",
    by: By = "",
) -> None:
    """Remove what is stored about an address.

    What would be removed is shown first, for you to confirm. If the address is locked, a salted
    hash of it is kept: the lock stays in force, and the hash does not reveal the address. See
    docs/retention.md.

    Examples:

    bouncegate purge ann@example.com --why "request of 3 March"
    """
    invocation = invocation_of(context)
    key = canonical(address, fold=invocation.settings.store.fold_local_part)
    if key.startswith("@"):
        raise typer.BadParameter("expected an address, got a domain; to lift its lock, use unlock")
    now = int(time.time())
    with closing(invocation.open_store(readonly=dry_run)) as store:
        found = store.purge.find(key)
        state = store.addresses.get(key) or State()
        sends = _sends(invocation, key)
        refusals = sum(refusal.count for refusal in refusals_of(invocation, key))
        for line in _lines(key, found, (sends, refusals), state, now):
            print(printable(line))
        in_ledger = bool(sends or refusals)
        if dry_run or (found == Found() and not in_ledger):
            return
        require_consent(f"Remove everything about {key}?", "nothing was removed", yes=yes)
        if in_ledger:
            with closing(
                Ledger.open(invocation.settings.store, invocation.settings.ledger, readonly=False)
            ) as ledger:
                ledger.forget_recipient(key)
        audit = audit_of("purge", now, by=by, why=why, count=1)
        left = store.purge.carry_out(key, audit)
    print(f"{key}: purged")
    ledger_too = " and `bouncegate store compact --ledger`" if in_ledger else ""
    print(
        "The data stays in unused pages of the file until they are overwritten. To erase it now, "
        f"stop the daemons that write and run `bouncegate store compact`{ledger_too}."
    )
    if is_locked(left, now):
        print(
            f"It stays locked {_until(left, now)}: only a salted hash of it is kept. "
            f"To unlock it: bouncegate unlock {key}"
        )


def _sends(invocation: Invocation, address: str) -> int:
    try:
        with closing(Ledger.open(invocation.settings.store, invocation.settings.ledger)) as ledger:
            return sum(1 for _ in ledger.sent_to(address, 0))
    except StoreMissing:
        return 0


def _lines(
    address: str, found: Found, in_ledger: tuple[int, int], state: State, now: int
) -> Iterator[str]:
    sends, refusals = in_ledger
    rows = (
        (found.events, "bounce", ""),
        (found.acts, "other event", ": deliveries, signs of life, changes by operators"),
        (found.summarized, "older entry", " that a summary replaces"),
        (found.messages, "bounce message", " about it alone"),
        (found.shared_messages, "bounce message", " about others too, in which it is blanked"),
        (found.mentions, "entry", " about others, in which it is blanked"),
        (found.waiting, "message", " waiting in Postfix, or accepted lately"),
        (sends, "send", " in the ledger"),
        (refusals, "refusal", " in the ledger"),
        (found.audits, "audit record", " naming it"),
        (found.requests, "request", " to unlock, about it or naming it"),
        (int(found.used), "day", " on which it was last mailed"),
    )
    found_lines = [f"  {counted(number, what)}{rest}" for number, what, rest in rows if number]
    yield (
        f"{address}: this would be removed:"
        if found_lines
        else f"{address}: nothing is stored about it"
    )
    yield from found_lines
    if is_locked(state, now):
        yield f"It is locked {_until(state, now)}: a salted hash is kept, so that it stays locked."


def _until(state: State, now: int) -> str:
    locks = (state.lock, *(streak.lock for streak in state.groups.values()))
    end = max(lock.until for lock in locks if lock is not None and lock.in_force(now))
    return "without end" if end == NO_END else f"until {iso(end)}"
