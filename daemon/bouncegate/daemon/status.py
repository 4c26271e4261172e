"""What a daemon tells the service manager of itself, in the words of sd_notify(3)."""

import time

from bouncegate.config.build import build


def described(words: str) -> str:
    """What runs, for the log and for `systemctl status`, with the version.

    The Debian package looks for that when it is upgraded.
    """
    return f"{words}, version {build()}"


def reloading() -> str:
    """New settings or new code are being taken; `ready` follows in any case."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"


def ready(words: str, trouble: str = "") -> str:
    """The daemon serves, as described; `trouble` is what systemctl(1) is to show besides."""
    return f"READY=1\nSTATUS={words}{f'; {trouble}' if trouble else ''}"
