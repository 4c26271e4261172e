"""`notices`: the senders of local mail are told what was left out of it; in the foreground."""

import signal

import typer

from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.logs import set_up_logging
from bouncegate.cli.notify import notify
from bouncegate.cli.reload import begin_anew, settings_anew


def notices(context: typer.Context) -> None:
    """Run the notices daemon: tell local senders what was refused.

    It hands Postfix a notice for the sender of a message that came from sendmail(1).

    Examples:

    bouncegate notices
    """
    from bouncegate.milter.notices.daemon import NoticeDaemon  # noqa: PLC0415 - the daemon's alone
    from bouncegate.milter.notices.spool import Spool  # noqa: PLC0415

    config, settings = invocation_of(context).config, invocation_of(context).settings
    set_up_logging(settings.log, "notices")
    spool = Spool(settings.store.path, settings.local.notices_waiting)
    daemon = NoticeDaemon(settings.local, spool)

    def take_anew(*_: object) -> None:
        if settings_anew(config, "notices") is not None:
            daemon.begin_anew()

    signal.signal(signal.SIGHUP, take_anew)
    daemon.run(lambda: notify("READY=1"), lambda: notify("WATCHDOG=1"))
    if daemon.is_to_begin_anew:
        begin_anew(lambda: daemon.is_ended)
