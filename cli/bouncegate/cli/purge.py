"""`purge`: what is stored about a person goes, on request; a lock in force stays, nameless."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated

import typer

from bouncegate.cli.confirmation import require_consent
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.logs import printable
from bouncegate.cli.operator import audit_of
from bouncegate.cli.options import By, DryRun, Why, Yes
from bouncegate.cli.output import iso
from bouncegate.policy.fold import is_locked
from bouncegate.policy.records import NO_END, State
from bouncegate.store.address import canonical
from bouncegate.store.errors import StoreMissing
from bouncegate.store.ledger import Ledger
from bouncegate.store.purge import Found


def purge(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="The address whose data is removed.")],
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
        raise typer.BadParameter("a domain is no person: name an address, or unlock the domain")
    now = int(time.time())
    with closing(invocation.open_store(readonly=dry_run)) as store:
        found = store.purge.find(key)
        state = store.addresses.get(key) or State()
        sends = _sends(invocation, key)
        for line in _lines(key, found, sends, state, now):
            print(printable(line))
        if dry_run or (found == Found() and not sends):
            return
        require_consent(f"Remove all of it about {key}?", "nothing was removed", yes=yes)
        if sends:
            with closing(
                Ledger.open(invocation.settings.store, invocation.settings.ledger, readonly=False)
            ) as ledger:
                ledger.forget_recipient(key)
        audit = audit_of("purge", now, by=by, why=why, count=1)
        left = store.purge.carry_out(key, audit)
    print(f"{key}: purged")
    ledger_too = " and `bouncegate store compact --ledger`" if sends else ""
    print(
        "Its octets stay in unused pages of the file until these are used again: with the writing "
        f"daemons stopped, `bouncegate store compact`{ledger_too} leaves nothing of them."
    )
    if is_locked(left, now):
        print(
            f"It stays locked {_until(left, now)}: a salted hash of it is kept, and nothing else. "
            f"bouncegate unlock {key} lifts that."
        )


def _sends(invocation: Invocation, address: str) -> int:
    try:
        with closing(Ledger.open(invocation.settings.store, invocation.settings.ledger)) as ledger:
            return sum(1 for _ in ledger.sent_to(address, 0))
    except StoreMissing:
        return 0


def _lines(address: str, found: Found, sends: int, state: State, now: int) -> Iterator[str]:
    rows = (
        (found.events, "bounces"),
        (found.acts, "deliveries, signs of life and acts of operators"),
        (found.summarized, "older entries, of which a summary is kept"),
        (found.messages, "bounce messages about it alone"),
        (found.shared_messages, "bounce messages about others too, in which it is blanked"),
        (found.mentions, "entries about others that name it, in which it is blanked"),
        (found.waiting, "messages that wait or were accepted of late"),
        (sends, "sends in the ledger"),
        (found.audits, "records of operators' changes that name it"),
        (int(found.used), "day on which it was last mailed"),
    )
    told = [f"  {number} {what}" for number, what in rows if number]
    yield f"{address}: this would go:" if told else f"{address}: nothing is stored about it"
    yield from told
    if is_locked(state, now):
        yield f"It is locked {_until(state, now)}: a salted hash is kept, so that it stays locked."


def _until(state: State, now: int) -> str:
    locks = (state.lock, *(streak.lock for streak in state.groups.values()))
    end = max(lock.until for lock in locks if lock is not None and lock.in_force(now))
    return "without end" if end == NO_END else f"until {iso(end)}"
