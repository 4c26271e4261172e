"""`purge`: removes what is stored about people; a lock in force stays, as a salted hash."""

import time
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import closing
from typing import Annotated, Final

import typer

from bouncegate.admin.views.rows import State as Listed
from bouncegate.admin.views.rows import listing_of, rows_of
from bouncegate.admin.views.values import iso
from bouncegate.cli.acts import keys_of
from bouncegate.cli.confirmation import require_consent
from bouncegate.cli.filters import ListFilters
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.operator import audit_of
from bouncegate.cli.options import AddressFile, By, DryRun, Why, Yes, with_groups
from bouncegate.cli.progress import bar
from bouncegate.cli.sentences import write_text
from bouncegate.config.text import counted
from bouncegate.policy.fold import EMPTY, is_locked
from bouncegate.policy.records import NO_END, State
from bouncegate.store.errors import StoreMissing
from bouncegate.store.ledger import Ledger, Told
from bouncegate.store.purge import Found
from bouncegate.store.store import Store

_FEW: Final = 500
"""More addresses than these take long enough for a progress bar."""


@with_groups
def purge(
    context: typer.Context,
    addresses: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ADDRESS", help="The addresses whose data is removed.", show_default=False
        ),
    ] = None,
    *,
    file: AddressFile = None,
    every: Annotated[
        bool, typer.Option("--all", help="All addresses of --state that the options select.")
    ] = False,
    state: Annotated[
        Listed, typer.Option(help='With --all, which list: see "bouncegate list -h".')
    ] = Listed.ALL,
    filters: ListFilters,
    dry_run: DryRun = False,
    yes: Yes = False,
    why: Why = "",
    by: By = "",
) -> None:
    """Remove what is stored about addresses.

    What would be removed is shown first, for you to confirm. If an address is locked, a salted hash
    of it is kept: the lock stays in force, and the hash does not reveal the address. See
    docs/retention.md.

    Examples:

    bouncegate purge ann@example.com --why "request of 3 March"

    bouncegate purge --file erasures.txt --dry-run

    bouncegate purge --all --domain customer.example --why "contract has ended"
    """
    if every == bool(addresses or file is not None):
        raise typer.BadParameter("name addresses or a --file of them, or --all with filters")
    invocation = invocation_of(context)
    now = int(time.time())
    with closing(invocation.open_store(readonly=dry_run)) as store:
        if every:
            rows = rows_of(
                listing_of(invocation, store, now), state, filters.wanted(invocation, now)
            )
            keys = frozenset(row.address for row in rows if not row.address.startswith("@"))
        else:
            keys = frozenset(keys_of(invocation, addresses or [], file))
            if any(key.startswith("@") for key in keys):
                raise typer.BadParameter(
                    "expected an address, got a domain; to lift its lock, use unlock"
                )
        plan = _Plan(keys, store.purge.find(keys), _told(invocation, keys))
        locked = _locked(store, keys, now)
        for line in (*plan.lines(), *_lines_of_locks(plan.name, locked, now)):
            write_text(line)
        if dry_run or not plan.known:
            return
        question = f"Remove everything about {plan.name_of_known}?"
        require_consent(question, "nothing was removed", yes=yes)
        if plan.in_ledger:
            settings = invocation.settings
            with closing(Ledger.open(settings.store, settings.ledger, readonly=False)) as ledger:
                ledger.forget_recipients(plan.in_ledger)
        _tell_endpoints(invocation, store, plan.known, now)
        number = len(plan.known)
        audit = audit_of("purge" + " --all" * every, now, by=by, why=why, count=number)
        with bar(number if number > _FEW else 0) as show_progress:
            left = store.purge_addresses(plan.known, audit, show_progress)
    for line in _done(plan, left, now):
        write_text(line)


class _Plan:
    """What there is to remove."""

    def __init__(self, keys: AbstractSet[str], found: Found, told: Mapping[str, Told]) -> None:
        self._keys = keys
        self._told = told
        self._found = found
        self.in_ledger: Final = frozenset(told)
        self.known: Final = self.in_ledger.union(found.known)
        """The addresses of which there is anything."""

    @property
    def name(self) -> str:
        """The addresses in a word or two."""
        return _name(self._keys)

    @property
    def name_of_known(self) -> str:
        """The same of those of which there is anything."""
        return _name(self.known)

    def lines(self) -> Iterator[str]:
        """What would be removed, for people."""
        if not self._keys:
            yield "no address is selected"
        if self.known:
            yield f"{self.name_of_known}: this would be removed:"
        found, them = self._found, _them(self.known)
        blanked = f"in which {'it is' if them == 'it' else 'they are'} blanked"
        mailed = "it was" if them == "it" else "they were"
        rows = (
            (found.events, "bounce", ""),
            (found.acts, "other event", ": deliveries, signs of life, changes by operators"),
            (found.summarized, "older entry", " that a summary replaces"),
            (found.messages, "bounce message", f" about {them} alone"),
            (found.shared_messages, "bounce message", f" about others too, {blanked}"),
            (found.mentions, "entry", f" about others, {blanked}"),
            (found.waiting, "message", " waiting in Postfix, or accepted lately"),
            (sum(one.sends for one in self._told.values()), "send", " in the ledger"),
            (sum(one.refusals for one in self._told.values()), "refusal", " in the ledger"),
            (found.audits, "audit record", f" naming {them}"),
            (found.requests, "request", f" to unlock, about {them} or naming {them}"),
            (found.used, "day", f" on which {mailed} last mailed"),
        )
        yield from (f"  {counted(number, what)}{rest}" for number, what, rest in rows if number)
        if unknown := self._keys - self.known:
            yield f"{_name(unknown)}: nothing is stored about {_them(unknown)}"


def _name(keys: AbstractSet[str]) -> str:
    return next(iter(keys)) if len(keys) == 1 else counted(len(keys), "address")


def _them(keys: AbstractSet[str]) -> str:
    return "it" if len(keys) == 1 else "them"


def _tell_endpoints(
    invocation: Invocation, store: Store, addresses: AbstractSet[str], now: int
) -> None:
    """Let endpoints of events remove them too, and keep nothing for them that names one."""
    settings = invocation.settings
    if not (settings.events.enabled or (settings.store.path / "events").is_dir()):
        return
    from bouncegate.web.events.purging import note_purges  # noqa: PLC0415 - where there are events

    note_purges(settings.store, store, addresses, now)


def _told(invocation: Invocation, keys: AbstractSet[str]) -> dict[str, Told]:
    """What the ledger knows of each address, of those of which it knows anything."""
    try:
        with closing(Ledger.open(invocation.settings.store, invocation.settings.ledger)) as ledger:
            return ledger.told_of(keys)
    except StoreMissing:
        return {}


def _locked(store: Store, keys: AbstractSet[str], now: int) -> dict[str, State]:
    states = ((key, store.addresses.get(key) or EMPTY) for key in keys)
    return {key: state for key, state in states if is_locked(state, now)}


def _lines_of_locks(name: str, locked: Mapping[str, State], now: int) -> Iterator[str]:
    if name in locked:
        until = _until(locked[name], now)
        yield f"It is locked {until}: a salted hash is kept, so that it stays locked."
    elif locked:
        are = "is" if len(locked) == 1 else "are"
        yield f"{len(locked)} of them {are} locked: a salted hash of each is kept for that."


def _done(plan: _Plan, left: Mapping[str, State], now: int) -> Iterator[str]:
    """What was done, and what is left."""
    yield f"{plan.name_of_known}: purged"
    ledger_too = " and `bouncegate store compact --ledger`" if plan.in_ledger else ""
    yield (
        "The data stays in unused pages of the file until they are overwritten. To erase it now, "
        f"stop the daemons that write and run `bouncegate store compact`{ledger_too}."
    )
    locked = [address for address, state in left.items() if is_locked(state, now)]
    if len(left) == 1 and locked:
        until = _until(left[locked[0]], now)
        yield (
            f"It stays locked {until}: only a salted hash of it is kept. "
            f"To unlock it: bouncegate unlock {locked[0]}"
        )
    elif locked:
        stay = "stays" if len(locked) == 1 else "stay"
        yield (
            f"{counted(len(locked), 'address')} {stay} locked: only salted hashes are kept. To "
            "unlock one, name it: bouncegate unlock ADDRESS"
        )


def _until(state: State, now: int) -> str:
    locks = (state.lock, *(streak.lock for streak in state.groups.values()))
    end = max(lock.until for lock in locks if lock is not None and lock.in_force(now))
    return "without end" if end == NO_END else f"until {iso(end)}"
