"""Opening a file that must be one: a fifo would wait for a writer, a device never ends.

Whatever stands at a name may be exchanged between a look and the opening, so it is opened first,
without waiting (open(2), O_NONBLOCK), and looked at then.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

# Octets of a file of settings or rules: far beyond any hand-written one; a wrong path such as a
# mail spool is refused at once.
LARGEST_FILE: Final = 1 << 20
# What a shell hands over is meant: `<(command)` and `/dev/stdin` are pipes.
_HANDED_OVER: Final = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
_KINDS: Final = {
    stat.S_IFIFO: "a fifo",
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


class NoRegularFile(OSError):
    """What has this name is something else."""


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read it; raises OSError, with a `strerror`, for all that is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket cannot be opened at all
            raise NoRegularFile(error.errno, "is a socket, not a file", str(path)) from None
        raise
    try:
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        if kind != stat.S_IFREG and not (kind == stat.S_IFIFO and _is_handed_over(path)):
            what = _KINDS.get(kind, "something else")
            raise NoRegularFile(errno.EINVAL, f"is {what}, not a file", str(path))
        os.set_blocking(descriptor, True)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, most: int) -> bytes:
    """The content of a file of at most so many octets; raises OSError."""
    with open_regular(path) as file:
        octets = file.read(most + 1)
    if len(octets) > most:
        raise NoRegularFile(errno.EFBIG, f"larger than {most} octets", str(path))
    return octets


def _is_handed_over(path: Path) -> bool:
    return str(path).startswith(_HANDED_OVER)
