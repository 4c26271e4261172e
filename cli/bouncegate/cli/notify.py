"""Telling the service manager how a daemon fares: the one datagram of sd_notify(3)."""

import os
import socket


def notify(state: str) -> None:
    """Send `READY=1` and the like; does nothing where no manager asked for it."""
    name = os.environ.get("NOTIFY_SOCKET", "")
    if not name.startswith(("/", "@")):
        return
    address = "\0" + name[1:] if name.startswith("@") else name
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.sendto(state.encode(), address)
