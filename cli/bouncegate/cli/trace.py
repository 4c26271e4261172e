"""`trace`: a message followed through both paths: the ledger, Postfix's log and ours, the store."""

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from functools import partial
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec import Struct

from bouncegate.admin.ledgers import ledger_for_reading, refusals_of
from bouncegate.admin.views.values import iso
from bouncegate.classifier.maillog.files import LogFile
from bouncegate.classifier.maillog.journal import Journal
from bouncegate.classifier.maillog.line import LogMessage, Parser
from bouncegate.classifier.maillog.source import LinePredicate, Searchable, SourceError
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.options import WHEN, Json
from bouncegate.cli.output import complain, write_json
from bouncegate.cli.table import write_table
from bouncegate.cli.times import time_of
from bouncegate.config.settings import Settings
from bouncegate.config.taxonomy import log_fields
from bouncegate.policy.records import Event
from bouncegate.policy.timeline import Step, steps
from bouncegate.policy.undeliverable import ref_to
from bouncegate.store.address import canonical
from bouncegate.store.entry import Sent
from bouncegate.store.errors import StoreMissing
from bouncegate.store.refusals import Refusal
from bouncegate.store.store import Store

_MOST_SENDS: Final = 100
_SHOWN_RECIPIENTS: Final = 3
# A long queue id (enable_long_queue_ids) or a short one; a Message-ID has an @ and brackets.
_QUEUE_ID: Final = re.compile(r"[0-9A-Za-z]{5,32}")
_MESSAGE_ID: Final = re.compile(r"<[^<>\s]{3,990}>")
_JOURNAL: Final = Path("/run/systemd/journal")
# Within its angle brackets, and without regard to case, as the store has it.
_NAMED: Final = "<{}>"


class Moment(Struct):
    """One line of the account; times in UTC, ISO 8601."""

    time: str | None
    source: str
    """`ledger`, `log` or `store`."""
    queue_id: str
    who: str
    said: str


class _Record(Struct):
    at: int
    source: str
    queue_id: str
    who: str
    said: str


def trace(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS|QUEUE-ID|MESSAGE-ID",
            help="Write a Message-ID with its <angle brackets>.",
        ),
    ],
    *,
    since: Annotated[
        str, typer.Option(metavar="TIME", help=f"Only what happened at this time or later: {WHEN}.")
    ] = "7 days",
    log: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Read this log, and its rotated files beside it.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Follow one message: sent, refused, delivered, bounced.

    Reads the ledger of sends, Postfix's log and the store. Exit code 66 if nothing is known.

    Examples:

    bouncegate trace --since "2 days" clara@orchard.example
    """
    invocation = invocation_of(context)
    now = int(time.time())
    start = time_of(since, now)
    fold = invocation.settings.store.fold_local_part
    name = canonical(what, fold=fold) if _is_address(what) else what
    sends = _sends(invocation, name, start)
    records = [_of_send(sent) for sent in sends]
    if _is_address(name):
        records += [_of_refusal(r) for r in refusals_of(invocation, name) if r.last >= start]
    records += _of_store(invocation, name, sends, start)
    records += _of_log(invocation.settings, log, _matcher(name, sends), start, now)
    if not records:
        complain(f"nothing is known of {what} since {iso(start)}")
        raise typer.Exit(os.EX_NOINPUT)
    records.sort(key=attrgetter("at"))
    moments = [Moment(iso(one.at), one.source, one.queue_id, one.who, one.said) for one in records]
    if json:
        for one in moments:
            write_json(one)
    else:
        rows = ((one.time, one.source, one.queue_id or "-", one.who, one.said) for one in moments)
        write_table(("time", "from", "queue id", "who", "what"), rows)


def _is_address(what: str) -> bool:
    return "@" in what and not _MESSAGE_ID.fullmatch(what)


def _sends(invocation: Invocation, name: str, since: int) -> list[Sent]:
    """What the ledger knows of it, the newest first."""
    with suppress(StoreMissing), ledger_for_reading(invocation) as ledger:
        if _is_address(name):
            return list(islice(ledger.sent_to(name, since), _MOST_SENDS))
        found = ledger.by_name([name, name.strip("<>")])
        return [found] if found is not None else []
    return []


def _of_send(sent: Sent) -> _Record:
    shown = ", ".join(sent.recipients[:_SHOWN_RECIPIENTS])
    more = len(sent.recipients) - _SHOWN_RECIPIENTS
    extra = "".join(
        f" {key}={value}"
        for key, value in (("mailing", sent.mailing), ("message-id", sent.message_id))
        if value
    )
    said = f"sent from <{sent.sender}> to {shown}{f' and {more} more' if more > 0 else ''}{extra}"
    return _Record(sent.time, "ledger", sent.queue_id, "milter", said)


def _of_refusal(refusal: Refusal) -> _Record:
    fields = (("mailing", refusal.mailing), ("group", refusal.group), ("reason", refusal.reason))
    extra = "".join(f" {key}={value}" for key, value in fields if value)
    times = f" {refusal.count} times since {iso(refusal.first)}" if refusal.count > 1 else ""
    said = f"refused{times}: from <{refusal.sender}>{extra} ref={ref_to(refusal.ref)}"
    return _Record(refusal.last, "ledger", "", "milter", said)


def _of_store(
    invocation: Invocation, name: str, sends: list[Sent], since: int
) -> Iterator[_Record]:
    """What was recorded of it: bounces and what they did, acts of operators, deliveries."""
    try:
        store = invocation.open_store(readonly=True)
    except StoreMissing:
        return
    with closing(store):
        ids = {name.strip("<>"), *(sent.queue_id for sent in sends)}
        for address in _addresses(store, name, sends, ids):
            wanted = None if address == name else partial(_is_about, ids)
            for step in steps(store.history.of_address(address), invocation.policy):
                if step.entry.time >= since and (wanted is None or wanted(step)):
                    yield _of_step(address, step)


def _addresses(store: Store, name: str, sends: list[Sent], ids: set[str]) -> Iterable[str]:
    if _is_address(name):
        return [name]
    if sends:
        return dict.fromkeys(address for sent in sends for address in sent.recipients)
    numbers = store.history.find(lambda event: bool(_names(event) & ids))
    return dict.fromkeys(event.address for _, event in store.journal.events(numbers))


def _names(event: Event) -> set[str]:
    return {event.queue_id, event.message_id.strip("<>")} - {""}


def _is_about(ids: set[str], step: Step) -> bool:
    return isinstance(step.entry, Event) and bool(_names(step.entry) & ids)


def _of_step(address: str, step: Step) -> _Record:
    entry = step.entry
    if isinstance(entry, Event):
        said = (
            f"event={step.number} to=<{address}> trust={entry.trust} kind={entry.kind} "
            f"category={entry.category} {log_fields(entry.reason)} status={entry.status or '-'} "
            f"rule={entry.rule or '-'}: {step.effect}: {entry.diagnostic or 'no diagnostic'}"
        )
        return _Record(entry.time, "store", entry.queue_id, "return-path", said)
    who = getattr(entry, "by", "") or "deliveries"
    why = getattr(entry, "why", "")
    said = f"entry={step.number} to=<{address}> {step.effect}{f': {why}' if why else ''}"
    return _Record(entry.time, "store", "", who, said)


def _of_log(
    settings: Settings, file: Path | None, matches: LinePredicate, since: int, now: int
) -> Iterator[_Record]:
    source = _log(settings, file)
    if source is None:
        complain("no log was read: use --log, or set [maillog] source")
        return
    try:
        for message in source.search(matches, since, now):
            yield _of_line(message)
    except SourceError as error:
        complain(f"the log was not read: {error}")


def _log(settings: Settings, file: Path | None) -> Searchable | None:
    """What the operator names, what is set, or where Postfix logs by itself."""
    parser, set_ = Parser(settings.maillog.syslog_name), settings.maillog
    if file is not None or set_.source == "file":
        return LogFile(file or set_.file, parser)
    if set_.source == "journal":
        return Journal(parser)
    if os.access(set_.file, os.R_OK):
        return LogFile(set_.file, parser)
    return Journal(parser) if _JOURNAL.is_dir() else None


def _of_line(message: LogMessage) -> _Record:
    queue_id, colon, text = message.text.partition(": ")
    if not colon or not _QUEUE_ID.fullmatch(queue_id):
        queue_id, text = "", message.text
    return _Record(message.time, "log", queue_id, message.tag, text)


def _matcher(name: str, sends: list[Sent]) -> LinePredicate:
    """Whether a line names the message, or the address; of other recipients it tells nothing."""
    queue_ids = {sent.queue_id for sent in sends if sent.queue_id}
    if not _is_address(name):
        return _any_of(queue_ids | {name.strip("<>")})
    address = _NAMED.format(name).encode()
    of_message = _any_of(queue_ids) if queue_ids else _never

    def matches(line: bytes) -> bool:
        return address in line.lower() or (b"to=<" not in line and of_message(line))

    return matches


def _any_of(names: set[str]) -> Callable[[bytes], bool]:
    pattern = re.compile(
        b"(?<![0-9A-Za-z])(?:%b)(?![0-9A-Za-z])"
        % b"|".join(re.escape(name.encode()) for name in sorted(names))
    )
    return lambda line: pattern.search(line) is not None


def _never(_line: bytes) -> bool:
    return False
