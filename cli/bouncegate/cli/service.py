"""A daemon under its service manager: sd_notify(3), reload at SIGHUP, and restart in place."""

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import Final

from bouncegate.cli.invocation import Invocation
from bouncegate.cli.logs import set_up_logging
from bouncegate.config.problems import ConfigError
from bouncegate.config.settings import Settings

_DATAGRAM: Final = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC

_STANDARD_ERROR: Final = 2


def notify(state: str) -> None:
    """Send `READY=1` and the like; does nothing where no manager asked for it.

    A manager that is gone, or does not read, keeps no mail waiting.
    """
    name = os.environ.get("NOTIFY_SOCKET", "")
    if not name.startswith(("/", "@")):
        return
    address = "\0" + name[1:] if name.startswith("@") else name
    with suppress(OSError), socket.socket(socket.AF_UNIX, _DATAGRAM) as sock:
        sock.sendto(state.encode(), socket.MSG_DONTWAIT, address)


def reloaded_settings(config: Path | None, daemon: str) -> Settings | None:
    """The settings as the file has them now, with logging set up by them; None if they are bad."""
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


def restart(is_ended: Callable[[], bool]) -> None:
    """Start the same command again in this process, for daemons without sessions.

    Returns if `is_ended`: a signal came meanwhile. A later one ends the process at once, until it
    handles signals again.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    if is_ended():
        return
    logging.shutdown()
    _close_files_at_exec()
    os.execv(sys.executable, sys.orig_argv)


def _close_files_at_exec() -> None:
    """Let no file outlive execve(2) but the first three; sockets are for others to pass on.

    LMDB opens its data file twice, and once without O_CLOEXEC: each reload would leave one more.
    """
    for number in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        with suppress(OSError):  # that of the folder, which is closed by now
            if number > _STANDARD_ERROR and S_ISREG(os.fstat(number).st_mode):
                os.set_inheritable(number, False)
