"""`milter`, `return-path` and `receive`: the two paths, wired and run in the foreground."""

import logging
import os
import sys
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.logs import set_up_logging
from bouncegate.cli.notify import notify
from bouncegate.cli.output import complain
from bouncegate.config.settings import Settings
from bouncegate.store.store import Store

if TYPE_CHECKING:
    from bouncegate.classifier.intake import Intake
    from bouncegate.classifier.judgement import Judge
    from bouncegate.classifier.proof import Prover

log: Final = logging.getLogger("bouncegate.return-path")


def milter(context: typer.Context) -> None:
    """Run the milter: refuse locked recipients while the client is still connected.

    Examples:

    bouncegate milter
    """
    from bouncegate.cli.milter import run_milter  # noqa: PLC0415 - the other commands need no libmilter

    def load() -> Settings:
        settings = Invocation(invocation_of(context).config).settings
        set_up_logging(settings.log, "milter")
        return settings

    raise typer.Exit(run_milter(load(), notify, load))


def return_path(context: typer.Context) -> None:
    """Run the return-path handler: take DSNs by LMTP and lock what bounces.

    Examples:

    bouncegate return-path
    """
    from bouncegate.classifier.daemon import ReturnPathDaemon  # noqa: PLC0415
    from bouncegate.daemon.listening import ListenError  # noqa: PLC0415
    from bouncegate.life.listener import Listener  # noqa: PLC0415

    invocation = invocation_of(context)
    settings = invocation.settings
    set_up_logging(settings.log, "return-path")
    with ExitStack() as stack:
        store = stack.enter_context(closing(invocation.open_store()))
        intake = _intake(invocation, store, stack)
        try:
            policy = invocation.policy
            listener = Listener(settings, store, policy)
            daemon = ReturnPathDaemon(settings, store, intake, policy, listener)
            daemon.run(lambda: notify("READY=1"))
        except ListenError as error:
            complain(str(error))
            raise typer.Exit(os.EX_UNAVAILABLE) from None


def receive(
    context: typer.Context,
    recipients: Annotated[
        list[str] | None,
        typer.Argument(help="The return path to which it came: ${original_recipient} of pipe(8)."),
    ] = None,
) -> None:
    """Take one message on standard input; 0 only when it is durable, 75 otherwise.

    Examples:

    bouncegate receive bounces@example.com < bounce.eml
    """
    with ExitStack() as stack:
        raise typer.Exit(_receive(invocation_of(context), recipients, stack))


def _receive(invocation: Invocation, recipients: list[str] | None, stack: ExitStack) -> int:
    from bouncegate.classifier.receive import receive as take  # noqa: PLC0415

    # local(8) tells the address in the environment.
    told = [os.environ[name] for name in ("ORIGINAL_RECIPIENT", "RECIPIENT") if name in os.environ]
    try:
        settings = invocation.settings
        set_up_logging(settings.log, "receive")
        store = stack.enter_context(closing(invocation.open_store()))
        intake = _intake(invocation, store, stack)
    except Exception as error:  # noqa: BLE001 - any other exit code would lose the message
        complain(str(error))
        return os.EX_TEMPFAIL
    most = settings.return_path.max_size.octets
    return take(
        sys.stdin.buffer,
        most,
        recipients or told,
        intake,
        lambda bounce: store.record([bounce], invocation.policy)[0],
    )


def judge_of(invocation: Invocation) -> "Judge":
    """The rules in force, compiled; raises ConfigError."""
    from bouncegate.classifier.judgement import Judge  # noqa: PLC0415
    from bouncegate.config.rules import load_rules  # noqa: PLC0415

    return Judge(load_rules(invocation.settings.rules.folder))


def _intake(invocation: Invocation, store: Store, stack: ExitStack) -> "Intake":
    from bouncegate.classifier.directory import Directory, nothing  # noqa: PLC0415
    from bouncegate.classifier.intake import Intake  # noqa: PLC0415

    settings = invocation.settings
    invocation.exchanges = store.exchanges
    prover = _prover(invocation, stack)
    known = store.exchanges.of if settings.dns.enabled else nothing
    directory = Directory(invocation.providers, known)
    return Intake(judge_of(invocation), invocation.policy, settings, prover, directory)


def _prover(invocation: Invocation, stack: ExitStack) -> "Prover | None":
    """What proves bounces; None where no ledger is kept, and nothing can be proven."""
    from bouncegate.classifier.proof import Prover  # noqa: PLC0415
    from bouncegate.provenance.keys import KEY_FILE, KeyFile  # noqa: PLC0415
    from bouncegate.store.ledger import Ledger  # noqa: PLC0415

    settings = invocation.settings
    if not settings.keeps_ledger:
        for note in settings.notes():
            log.warning("%s", note)
        return None
    ledger = Ledger.open(settings.store, settings.ledger, readonly=False)
    stack.callback(ledger.close)
    invocation.ledger = ledger
    keys = KeyFile(settings.store.path / KEY_FILE, int(time.time()))
    return Prover(settings.return_path, keys, ledger)
