"""`alive`: a sign of life lifts soft locks and resets the counts of an address.

For systems that track opens and clicks, and report them one by one or as a file. Nothing is written
for addresses that never bounced, which most are, so that all opens of a mailing can be reported.
"""

import logging
import os
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer
from msgspec import Struct

from bouncegate.admin.lists.lines import addresses_of
from bouncegate.admin.lists.reactions import Reactions
from bouncegate.cli.inputfiles import opened
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.logs import set_up_logging
from bouncegate.cli.operator import audit_of
from bouncegate.cli.options import AddressFile, By, Json, Why
from bouncegate.cli.output import complain, write_json
from bouncegate.cli.sentences import write_text
from bouncegate.config.text import counted
from bouncegate.store.address import AddressError, canonical
from bouncegate.store.errors import StoreMissing

log: Final = logging.getLogger("bouncegate.alive")

_AT_ONCE: Final = 10_000
"""Addresses that are kept in memory."""


class AliveView(Struct):
    """The result of a report."""

    read: int = 0
    recorded: int = 0
    """Addresses that had bounced: their counts start again."""
    freed: int = 0
    """Addresses whose lock this lifted."""
    malformed: int = 0


def alive(
    context: typer.Context,
    addresses: Annotated[
        list[str] | None,
        typer.Argument(metavar="ADDRESS", help="Addresses that reacted.", show_default=False),
    ] = None,
    *,
    file: AddressFile = None,
    message: Annotated[
        bool,
        typer.Option(
            "--message",
            help="Read one message on standard input: a sign of life if [alive] allows it.",
        ),
    ] = False,
    why: Why = "",
    by: By = "",
    json: Json = False,
) -> None:
    """Report that addresses reacted: an open, a click, a reply.

    This lifts soft locks and resets the counts of an address. Hard and imported locks are lifted
    only if [policy] alive_frees_hard allows it, locks made by hand never.

    Examples:

    grep ' opened ' tracker.log | cut -d' ' -f3 | bouncegate alive --file -
    """
    invocation = invocation_of(context)
    if message:
        raise typer.Exit(_take_message(invocation, sys.stdin.buffer))
    if not addresses and file is None:
        raise typer.BadParameter("name addresses, or use --file or --message")
    view = AliveView()
    audit = audit_of("alive", int(time.time()), by=by, why=why)
    report = Reactions(invocation.policy.fold, audit)
    keys = _keys(invocation, _lines(addresses or [], file), view)
    if _exists(invocation):
        with closing(invocation.open_store()) as store:
            while some := dict.fromkeys(islice(keys, _AT_ONCE)):
                report.take(store, list(some))
    else:
        deque(keys, maxlen=0)  # there are no bounces yet
    view.recorded, view.freed = report.recorded, report.freed
    _tell(view, json=json)
    raise typer.Exit(os.EX_DATAERR if view.malformed else os.EX_OK)


def _take_message(invocation: Invocation, stream: BinaryIO) -> int:
    """Read one message, as pipe(8) or a sieve script passes it on; returns the exit code.

    That is 0 or EX_TEMPFAIL: with any other code pipe(8) would return the message to its sender.
    """
    from bouncegate.classifier.alive.listener import Listener  # noqa: PLC0415 - for messages only
    from bouncegate.classifier.returnpath.probe import stamp  # noqa: PLC0415

    try:
        settings = invocation.settings
        set_up_logging(settings.log, "alive")
        if not settings.alive.authserv_ids:
            log.warning("no mail is a sign of life: [alive] authserv_ids is empty")
            return os.EX_OK
        raw = stream.read(settings.return_path.max_size.octets)
        while stream.read(1 << 20):  # the rest of a larger one, which the writer must get rid of
            pass
        with closing(invocation.open_store(for_daemon=True)) as store:
            listener = Listener(settings, store, invocation.policy)
            if not stamp(settings.store.path, raw, listener.believes):
                listener.take((), raw, None, int(time.time()))
    except Exception as error:  # noqa: BLE001 - any other exit code would bounce the message
        complain(str(error))
        return os.EX_TEMPFAIL
    return os.EX_OK


def _exists(invocation: Invocation) -> bool:
    try:
        invocation.open_store(readonly=True).close()
    except StoreMissing:
        return False
    return True


def _lines(addresses: list[str], file: Path | None) -> Iterator[tuple[str, str]]:
    """Each address with its place: `argument`, or file and line."""
    yield from (("argument", address) for address in addresses)
    if file is not None:
        name = "standard input" if str(file) == "-" else str(file)
        with opened(str(file)) as octets:
            yield from ((f"{name}:{number}", text) for number, text in addresses_of(octets))


def _keys(
    invocation: Invocation, lines: Iterable[tuple[str, str]], view: AliveView
) -> Iterator[str]:
    fold = invocation.settings.store.fold_local_part
    for source, text in lines:
        view.read += 1
        try:
            yield canonical(text, fold=fold)
        except AddressError as error:
            view.malformed += 1
            complain(f"{source}: {error}")


def _tell(view: AliveView, *, json: bool) -> None:
    if json:
        write_json(view)
        return
    write_text(
        f"{view.read} read, {view.recorded} of them had bounced and start again, "
        f"{counted(view.freed, 'lock')} lifted, {view.malformed} malformed"
    )
