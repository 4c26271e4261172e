"""SIGHUP: the config file is read anew; if it is bad, the log says why, and the old one holds."""

import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from bouncegate.cli.invocation import Invocation
from bouncegate.cli.logs import set_up_logging
from bouncegate.config.problems import ConfigError
from bouncegate.config.settings import Settings


def settings_anew(config: Path | None, daemon: str) -> Settings | None:
    """The settings as the file has them now, with the log's in force; None if they are bad."""
    log = logging.getLogger(f"bouncegate.{daemon}")
    try:
        settings = Invocation(config).settings
    except ConfigError as error:
        for problem in error.problems:
            log.error("reload: %s", problem)
        log.error("reload: the old settings stay in force")
        return None
    set_up_logging(settings.log, daemon)
    return settings


def begin_anew(is_ended: Callable[[], bool]) -> None:
    """Start the same command in this process, for daemons that hold nobody's session.

    Returns if it `is_ended`, by a signal that came meanwhile; one that comes later ends the process
    at once, until it handles signals again.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    if is_ended():
        return
    logging.shutdown()
    os.execv(sys.executable, sys.orig_argv)
