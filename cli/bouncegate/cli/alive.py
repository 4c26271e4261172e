"""`alive`: a proof of life frees soft locks, and lets an address's count start anew.

For a system that tracks opens and clicks, and reports them one by one or as a file. Most addresses
never bounced: of them nothing is written, so that all of a mailing's openings can be reported.
"""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from itertools import count, islice
from pathlib import Path
from typing import IO, Annotated

import typer
from msgspec import Struct

from bouncegate.cli.acts import By, Why
from bouncegate.cli.addresses import Json
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.operator import audit_of, operator
from bouncegate.cli.output import complain, write_json
from bouncegate.policy.fold import EMPTY, Fold
from bouncegate.policy.records import MOST_ADDRESSES, Act
from bouncegate.store.address import AddressError, canonical
from bouncegate.store.errors import StoreMissing
from bouncegate.store.signs import has_bounced, is_aged
from bouncegate.store.store import Store

# RFC 5321, 4.5.3.1.3, and room for a display of it: a longer line names no address.
_LONGEST_LINE = 1000


class AliveView(Struct):
    """What came of a report."""

    read: int = 0
    recorded: int = 0
    """Addresses that had bounced: their count starts anew."""
    freed: int = 0
    """Addresses whose lock this lifted."""
    malformed: int = 0


def alive(
    context: typer.Context,
    addresses: Annotated[
        list[str] | None, typer.Argument(help="Addresses that reacted.", show_default=False)
    ] = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option(help="A file with an address a line, - for standard input."),
    ] = None,
    message: Annotated[
        bool,
        typer.Option(
            "--message",
            help="Read a message on standard input: a sign of life if [alive] says so.",
        ),
    ] = False,
    why: Why = "",
    by: By = "",
    json: Json = False,
) -> None:
    """Report proof of life: an opened mail, a click, an answer.

    It frees soft locks and resets the statistics of an address; hard locks only where [policy]
    alive_frees_hard says so, and never those that were made by hand.

    Examples:

    grep ' opened ' tracker.log | cut -d' ' -f3 | bouncegate alive --file -
    """
    invocation = invocation_of(context)
    if message:
        from bouncegate.cli.listening import hear_one  # noqa: PLC0415

        raise typer.Exit(hear_one(invocation, sys.stdin.buffer))
    if not addresses and file is None:
        raise typer.BadParameter("name addresses, a --file of them, or --message")
    fold = invocation.policy.fold
    view, now, who = AliveView(), int(time.time()), by or operator()
    keys = dict.fromkeys(_keys(invocation, _lines(addresses or [], file), view))
    try:
        with closing(invocation.open_store(readonly=True)) as store:
            aged = [key for key in keys if is_aged(store, key, now)]
            acts = [Act(some, now, "alive", by=who, why=why) for some in _portions(store, keys)]
            view.freed = sum(
                _frees(store, address, act, fold) for act in acts for address in act.addresses
            )
    except StoreMissing:
        acts, aged = [], []
    if acts or aged:
        reached = [address for act in acts for address in act.addresses]
        view.recorded = len(reached)
        audit = audit_of("alive", now, by=who, why=why, targets=reached)
        with closing(invocation.open_store()) as store:
            # Each in a transaction of its own: the handlers wait for none of them long.
            for act in acts:
                store.act([act], fold, audit=audit)
            store.usage.seen(aged, now)
    _tell(view, json=json)
    raise typer.Exit(os.EX_DATAERR if view.malformed else os.EX_OK)


def _lines(addresses: list[str], file: Path | None) -> Iterator[tuple[str, str]]:
    """Each address with the place where it stands."""
    yield from (("argument", address) for address in addresses)
    if file is None:
        return
    name = "standard input" if str(file) == "-" else str(file)
    with _opened(file) as lines:
        for number in count(1):
            line = lines.readline(_LONGEST_LINE)
            if not line:
                return
            if line.strip():
                yield f"{name}:{number}", line.strip()


def _opened(file: Path) -> AbstractContextManager[IO[str]]:
    if str(file) == "-":
        return nullcontext(sys.stdin)
    try:
        return file.open(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from None


def _keys(
    invocation: Invocation, lines: Iterable[tuple[str, str]], view: AliveView
) -> Iterator[str]:
    fold = invocation.settings.store.fold_local_part
    for place, text in lines:
        view.read += 1
        try:
            yield canonical(text, fold=fold)
        except AddressError as error:
            view.malformed += 1
            complain(f"{place}: {error}")


def _portions(store: Store, keys: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """The addresses of which anything is known, as many to an act as one may name."""
    known = (key for key in keys if has_bounced(store.state(key)))
    while some := tuple(sorted(islice(known, MOST_ADDRESSES))):
        yield some


def _frees(store: Store, address: str, act: Act, fold: Fold) -> bool:
    before = store.state(address) or EMPTY
    return before.lock is not None and fold(before, 0, act).lock is None


def _tell(view: AliveView, *, json: bool) -> None:
    if json:
        write_json(view)
        return
    print(
        f"{view.read} read, {view.recorded} of them had bounced and count anew, "
        f"{view.freed} locks lifted, {view.malformed} malformed"
    )
