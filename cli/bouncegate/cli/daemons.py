"""`milter`, `return-path` and `receive`: the two paths, wired and run in the foreground."""

import logging
import os
import sys
import time
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.logs import set_up_logging
from bouncegate.cli.output import complain
from bouncegate.cli.service import notify
from bouncegate.config.notes import notes_on
from bouncegate.config.settings import Settings
from bouncegate.store.errors import StoreError
from bouncegate.store.installationmark import made_mark
from bouncegate.store.store import Bounce, Recorded, Store

if TYPE_CHECKING:
    from bouncegate.classifier.classified import Classify
    from bouncegate.classifier.classifier import Classifier
    from bouncegate.classifier.returnpath.bouncebuilder import BounceBuilder
    from bouncegate.classifier.returnpath.proof import Prover
    from bouncegate.classifier.returnpath.recipients import Recipients
    from bouncegate.classifier.returnpath.worker import Opening

log: Final = logging.getLogger("bouncegate.return-path")
milter_log: Final = logging.getLogger("bouncegate.milter")


def milter(context: typer.Context) -> None:
    """Run the milter: refuse mail to locked recipients.

    It answers at RCPT TO, while the client is still connected.

    Examples:

    bouncegate milter
    """
    from bouncegate.milter.listener import MilterError  # noqa: PLC0415 - needs libmilter
    from bouncegate.milter.supervisor import serve  # noqa: PLC0415

    def load() -> Settings:
        settings = Invocation(invocation_of(context).config).settings
        set_up_logging(settings.log, "milter")
        for text in settings.removed:
            milter_log.warning("%s", text)
        return settings

    try:
        raise typer.Exit(serve(load(), notify, load))
    except (MilterError, StoreError) as error:
        complain(str(error))
        raise typer.Exit(error.exit_code) from None


def return_path(context: typer.Context) -> None:
    """Run the return-path handler: read bounces, lock addresses.

    Postfix hands it bounces (DSNs) by LMTP.

    Examples:

    bouncegate return-path
    """
    from bouncegate.classifier.returnpath.daemon import serve  # noqa: PLC0415
    from bouncegate.daemon.listening import ListenError  # noqa: PLC0415

    config = invocation_of(context).config

    def load() -> Settings:
        settings = Invocation(config).settings
        set_up_logging(settings.log, "return-path")
        return settings

    try:
        raise typer.Exit(serve(load(), notify, load, partial(_prepare, config)))
    except ListenError as error:
        complain(str(error))
        raise typer.Exit(os.EX_UNAVAILABLE) from None


def _prepare(config: Path | None, settings: Settings) -> "Opening":
    """How a worker begins.

    The rules stay: a worker that follows one that died classifies as that did.
    """
    from bouncegate.classifier.alive.listener import Listener  # noqa: PLC0415
    from bouncegate.classifier.returnpath.handler import Context, Mailboxes  # noqa: PLC0415
    from bouncegate.classifier.returnpath.probe import ProbeTaker  # noqa: PLC0415
    from bouncegate.classifier.returnpath.worker import Opening, Resources  # noqa: PLC0415

    read = _classify_by(settings)
    _tell_notes(settings)

    def open_resources(stack: ExitStack) -> Resources:
        invocation = Invocation(config)
        invocation.settings = settings
        store = stack.enter_context(closing(invocation.open_store(for_daemon=True)))
        builder = _builder(invocation, read, store, stack)
        policy = invocation.policy
        listener = Listener(settings, store, policy)
        side_handler = ProbeTaker(settings.store.path, listener, listener.believes)
        mailboxes = Mailboxes(side_handler, _recipients(settings))
        return Resources(store, builder, policy, Context(mailboxes), invocation.replaced(store))

    return Opening(open_resources, read)


def receive(
    context: typer.Context,
    recipients: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ADDRESS",
            help="The return path it was sent to: ${original_recipient} of pipe(8).",
        ),
    ] = None,
) -> None:
    """Record one bounce from standard input.

    For pipe(8) and aliases(5). Exit code 0: the message is recorded and durable. 75: it is not, so
    Postfix tries again.

    Examples:

    bouncegate receive bounces@example.com < bounce.eml
    """
    with ExitStack() as stack:
        raise typer.Exit(_receive(invocation_of(context), recipients, stack))


def _receive(invocation: Invocation, recipients: list[str] | None, stack: ExitStack) -> int:
    from bouncegate.classifier.returnpath.readerprocess import DEADLINE, classify_apart  # noqa: PLC0415
    from bouncegate.classifier.returnpath.receive import receive as take  # noqa: PLC0415

    # local(8) passes the address in the environment.
    by_environment = [
        os.environ[name] for name in ("ORIGINAL_RECIPIENT", "RECIPIENT") if name in os.environ
    ]
    try:
        settings = invocation.settings
        set_up_logging(settings.log, "receive")
        _tell_notes(settings)
        store = stack.enter_context(closing(invocation.open_store(for_daemon=True)))
        apart = partial(classify_apart, classify=_classify_by(settings), deadline=DEADLINE)
        builder = _builder(invocation, apart, store, stack)
        own = _recipients(settings)
        people = [
            to for to in recipients or by_environment if own is not None and own.is_person(to)
        ]
    except Exception as error:  # noqa: BLE001 - any other exit code would lose the message
        complain(str(error))
        return os.EX_TEMPFAIL
    if people:
        complain(f"deferred: {people[0]} is a person: lead its mail to a mailbox in Postfix")
        return os.EX_TEMPFAIL
    most = settings.return_path.max_size.octets

    def record(bounce: Bounce) -> list[Recorded]:
        policy = invocation.policy
        recorded = (store.record([portion], policy)[0] for portion in bounce.portions())
        return [outcome for outcomes in recorded for outcome in outcomes]

    return take(sys.stdin.buffer, most, recipients or by_environment, builder, record)


def classifier_of(settings: Settings, mark: str) -> "Classifier":
    """The rules in force, compiled; raises ConfigError. `mark` ends our own refusals."""
    from bouncegate.classifier.classifier import Classifier  # noqa: PLC0415
    from bouncegate.config.rules import load_rules  # noqa: PLC0415

    return Classifier(load_rules(settings.rules.folder), mark)


def _classify_by(settings: Settings) -> "Classify":
    """Classifies messages by the rules in force; raises ConfigError."""
    from bouncegate.classifier.classified import classify_or_raise  # noqa: PLC0415

    classifier = classifier_of(settings, made_mark(settings.store.path))
    return partial(classify_or_raise, classifier=classifier)


def _tell_notes(settings: Settings) -> None:
    for note in notes_on(settings):
        log.warning("%s", note)


def _builder(
    invocation: Invocation, classify: "Classify", store: Store, stack: ExitStack
) -> "BounceBuilder":
    from bouncegate.classifier.returnpath.bouncebuilder import BounceBuilder  # noqa: PLC0415
    from bouncegate.classifier.returnpath.directory import Directory, nothing  # noqa: PLC0415

    settings = invocation.settings
    invocation.mx_cache = store.mx
    prover = _prover(invocation, stack)
    known = store.mx.of if settings.dns.enabled else nothing
    directory = Directory(invocation.providers, known)
    return BounceBuilder(classify, invocation.policy, settings, prover, directory)


def _recipients(settings: Settings) -> "Recipients | None":
    """Which recipients are taken; None, where there is no return domain: every one."""
    from bouncegate.classifier.returnpath.recipients import Recipients  # noqa: PLC0415
    from bouncegate.store.tokens.keys import KEY_FILE, KeyFile  # noqa: PLC0415
    from bouncegate.store.tokens.returndomain import ReturnAddresses  # noqa: PLC0415

    if not settings.return_path.domains:
        return None
    keys = KeyFile(settings.store.path / KEY_FILE, int(time.time()))
    return Recipients(ReturnAddresses(settings, keys), settings.return_path)


def _prover(invocation: Invocation, stack: ExitStack) -> "Prover | None":
    """What proves bounces; None where no ledger is kept, and nothing can be proven."""
    from bouncegate.classifier.returnpath.proof import Prover  # noqa: PLC0415
    from bouncegate.store.ledger import Ledger  # noqa: PLC0415
    from bouncegate.store.tokens.keys import KEY_FILE, KeyFile  # noqa: PLC0415

    settings = invocation.settings
    if not settings.keeps_ledger:
        return None
    ledger = Ledger.open(settings.store, settings.ledger, readonly=False)
    stack.callback(ledger.close)
    invocation.ledger = ledger
    keys = KeyFile(settings.store.path / KEY_FILE, int(time.time()))
    return Prover(settings.return_path, keys, ledger)
