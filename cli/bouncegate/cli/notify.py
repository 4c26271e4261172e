"""Telling the service manager how a daemon fares: the one datagram of sd_notify(3)."""

import os
import socket
from contextlib import suppress
from typing import Final

_DATAGRAM: Final = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC


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
