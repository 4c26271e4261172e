"""`milter`, `return-path` and `receive`: the two paths, wired and run in the foreground."""

import os
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import typer

from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.logs import set_up_logging
from bouncegate.cli.notify import notify
from bouncegate.cli.output import complain

if TYPE_CHECKING:
    from bouncegate.classifier.judgement import Judge


def milter(context: typer.Context) -> None:
    """Run the milter: refuse locked recipients while the client is still connected."""
    from bouncegate.cli.milter import run_milter  # noqa: PLC0415 - the other commands need no libmilter

    settings = invocation_of(context).settings
    set_up_logging(settings.log, "milter")
    raise typer.Exit(run_milter(settings, lambda: notify("READY=1")))


def return_path(context: typer.Context) -> None:
    """Run the return-path handler: take DSNs by LMTP and lock what bounces."""
    from bouncegate.classifier.daemon import ListenError, ReturnPathDaemon  # noqa: PLC0415
    from bouncegate.classifier.intake import Intake  # noqa: PLC0415

    invocation = invocation_of(context)
    settings = invocation.settings
    set_up_logging(settings.log, "return-path")
    intake = Intake(judge_of(invocation), invocation.policy, settings)
    store = invocation.open_store()
    try:
        daemon = ReturnPathDaemon(settings.return_path, store, intake, invocation.policy.fold)
        daemon.run(lambda: notify("READY=1"))
    except ListenError as error:
        complain(str(error))
        raise typer.Exit(os.EX_UNAVAILABLE) from None
    finally:
        store.close()


def receive(context: typer.Context) -> None:
    """Take one message on standard input; 0 only when it is durable, 75 otherwise."""
    raise typer.Exit(_receive(invocation_of(context)))


def _receive(invocation: Invocation) -> int:
    from bouncegate.classifier.intake import Intake  # noqa: PLC0415
    from bouncegate.classifier.receive import receive as take  # noqa: PLC0415

    try:
        settings = invocation.settings
        set_up_logging(settings.log, "receive")
        intake = Intake(judge_of(invocation), invocation.policy, settings)
        store = invocation.open_store()
    except Exception as error:  # noqa: BLE001 - any other exit code would lose the message
        complain(str(error))
        return os.EX_TEMPFAIL
    with closing(store):
        most = settings.return_path.max_size.octets
        return take(sys.stdin.buffer, store, intake, invocation.policy.fold, most)


def judge_of(invocation: Invocation) -> "Judge":
    """The rules in force, compiled; raises ConfigError."""
    from bouncegate.classifier.judgement import Judge  # noqa: PLC0415
    from bouncegate.config.rules import load_rules  # noqa: PLC0415

    return Judge(load_rules(invocation.settings.rules.folder))
