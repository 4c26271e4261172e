"""`unlock`: lifts locks of named addresses, or of all that filters select."""

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated, Final

import typer

from bouncegate.admin.lists.asking import address_to_notify
from bouncegate.admin.lists.externalsort import SortedRuns
from bouncegate.admin.lists.row import Row, RowFilters
from bouncegate.admin.lists.unlocking import Target, UnlockSummary, acts_of, named_locks
from bouncegate.admin.lists.unlockmail import UnlockMail
from bouncegate.admin.views.rows import listing_of, row_view
from bouncegate.admin.views.values import iso
from bouncegate.cli.acts import carry_out, force_rule_of, keys_of, say_all
from bouncegate.cli.confirmation import confirm_by_mail, require_consent
from bouncegate.cli.filters import ListFilters
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.operator import audit_of
from bouncegate.cli.options import Addresses, AddressFile, By, DryRun, Notify, Why, Yes, with_groups
from bouncegate.cli.output import complain, write_views
from bouncegate.cli.sentences import write_text
from bouncegate.config.settings import Settings
from bouncegate.config.text import counted
from bouncegate.policy.records import NO_END, Act
from bouncegate.store.address import domain_of
from bouncegate.store.store import Store

_COLUMNS: Final = ("address", "scope", "kind", "category", "detail", "group", "since", "until")
_REMEMBERS: Final = (
    "Postfix asks the map: an smtpd(8) that has refused an address refuses it until it ends, or "
    'until "postfix reload"'
)


@with_groups
def unlock(
    context: typer.Context,
    addresses: Addresses = None,
    *,
    file: AddressFile = None,
    every: Annotated[bool, typer.Option("--all", help="Select by the options below.")] = False,
    filters: ListFilters,
    yes: Yes = False,
    dry_run: DryRun = False,
    force: Annotated[bool, typer.Option("--force", help="Lift hard locks as well.")] = False,
    notify: Notify = "",
    why: Why = "",
    by: By = "",
) -> None:
    """Unlock addresses.

    Hard locks need --force, unless [policy] unlock_hard allows it; so do hard locks below one made
    by hand. Locks after a complaint or an unsubscription always need it. Of named addresses all are
    unlocked, or none; --all leaves those that need --force, and says how many. The locks are shown
    first, for you to confirm.

    Exit code 69: done, but the mail of --notify could not be sent. 75: some locks changed
    meanwhile, and were left alone. 77: hard locks need --force.

    Examples:

    bouncegate unlock ann@example.com --why "mailbox was emptied"

    bouncegate unlock --all --kind soft --provider gmx --notify desk@example.com
    """
    if every == bool(addresses or file is not None):
        raise typer.BadParameter("name addresses or a --file of them, or --all with filters")
    invocation = invocation_of(context)
    now = int(time.time())
    recipient = address_to_notify(notify) if notify else ""
    wanted = filters.wanted(invocation, now)
    with ExitStack() as stack:
        store = stack.enter_context(closing(invocation.open_store(readonly=dry_run)))
        if every:
            rows = listing_of(invocation, store, now).rows("locked", wanted)
        else:
            keys = keys_of(invocation, addresses or [], file)
            rows = _rows_of(invocation, store, keys, wanted, now)
        kinds = Counter[str]()
        rows = _counting(rows, kinds)
        summary = UnlockSummary(force_rule_of(invocation, store, now, force=force))
        targets = stack.enter_context(SortedRuns(summary.targets(rows), Target, Target.order))
        _tell_left(summary)
        if summary.left and not (every and summary.rows):
            complain("nothing was unlocked")
            raise typer.Exit(os.EX_NOPERM)
        if summary.rows:
            _show(summary, yes=yes and not dry_run)
        if not summary.rows or dry_run:
            return
        number = summary.addresses
        require_consent(f"Unlock {counted(number, 'address')}?", "nothing was unlocked", yes=yes)
        command = "unlock" + " --all" * every + " --force" * force
        audit = audit_of(command, now, by=by, why=why, targets=summary.names, count=number,
            scopes=summary.scopes)  # fmt: skip
        acts = acts_of(targets, Act((), now, "unlock", by, why, condition="as-seen"))
        left_out = carry_out(invocation, store, acts, summary.rows, audit)
    names = sorted(set(summary.names) - set(left_out.first))
    number -= left_out.number
    say_all([f"{address}: unlocked" for address in names], number, "unlocked")
    if number and _may_postfix_remember(invocation.settings):
        complain(_REMEMBERS)
    is_mailed = True
    if recipient:
        mail = UnlockMail(by, why, number, names, kinds, summary.left, summary.reasons_left)
        is_mailed = confirm_by_mail(recipient, mail.subject, mail.text)
    if left_out.number:
        raise typer.Exit(os.EX_TEMPFAIL)
    if not is_mailed:
        raise typer.Exit(os.EX_UNAVAILABLE)


def _counting(rows: Iterable[Row], kinds: Counter[str]) -> Iterator[Row]:
    """The rows; their kinds and reasons are counted as they pass."""
    for row in rows:
        kinds[f"{row.kind}, {row.reason}"] += 1
        yield row


def _may_postfix_remember(settings: Settings) -> bool:
    """Whether Postfix asks the map: that of MAIL_CONFIG, as for its own commands, or the default.

    False if it cannot say.
    """
    from bouncegate.admin.postfix.command import PostfixError  # noqa: PLC0415 - only to unlock
    from bouncegate.admin.postfix.coverage import names_map  # noqa: PLC0415
    from bouncegate.admin.postfix.postconf import parameters  # noqa: PLC0415

    try:
        folder = os.environ.get("MAIL_CONFIG")
        values = parameters(Path(folder) if folder else None, "transport_maps", "queue_directory")
    except PostfixError:
        return False
    return names_map(settings, values["transport_maps"], Path(values["queue_directory"]))


def _rows_of(
    invocation: Invocation, store: Store, keys: Sequence[str], wanted: RowFilters, now: int
) -> Iterator[Row]:
    """The locks in force of the named addresses; reports those without one."""
    for named in named_locks(store, listing_of(invocation, store, now), keys, wanted):
        yield from named.rows
        key = named.address
        if named.only_domain:
            complain(f"{key}: only its domain is locked; use: bouncegate unlock @{domain_of(key)}")
        elif not named.rows:
            write_text(f"{key}: not locked")


def _tell_left(summary: UnlockSummary) -> None:
    """Say which locks are left: mailing their addresses again costs reputation."""
    for address, lock, covered in summary.first_left:
        end = "without end" if lock.until == NO_END else f"until {iso(lock.until)}"
        place = " below a lock made by hand" * covered
        complain(f"{address}: {lock.kind}-locked ({lock.reason}) {end}{place}")
    if summary.left:
        left = f"{counted(summary.left, 'address')} left locked ({summary.reasons_left})"
        complain(f'{left}: use --force, or ask by "bouncegate requests add"')


def _show(summary: UnlockSummary, *, yes: bool) -> None:
    if yes:
        return
    views = map(row_view, summary.first)
    write_views(views, _COLUMNS, json=False)
    if summary.rows > len(summary.first):
        write_text(f"... and {summary.rows - len(summary.first)} more")
