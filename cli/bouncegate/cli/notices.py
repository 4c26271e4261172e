"""`notices`: the senders of local mail are told what was left out of it; in the foreground."""

import typer

from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.logs import set_up_logging
from bouncegate.cli.notify import notify


def notices(context: typer.Context) -> None:
    """Hand to Postfix the notices for the senders of mail from sendmail(1)."""
    from bouncegate.notice.daemon import NoticeDaemon  # noqa: PLC0415 - the daemon's alone
    from bouncegate.notice.spool import Spool  # noqa: PLC0415

    settings = invocation_of(context).settings
    set_up_logging(settings.log, "notices")
    spool = Spool(settings.store.path, settings.local.notices_waiting)
    NoticeDaemon(settings.local, spool).run(lambda: notify("READY=1"))
