"""`bouncegate` whose ledger lies on a disk of its own, of 1 MiB, that nobody else sees.

Called as `python small_disk.py FOLDER --config FILE milter`. The disk is a tmpfs in a mount
namespace of this process: it goes with the last process that lives in it. Needs root.
"""

import ctypes
import os
import sys

from bouncegate.cli.main import main

_CLONE_NEWNS = 0x20000  # <linux/sched.h>
_MS_REC, _MS_PRIVATE = 0x4000, 1 << 18  # <linux/mount.h>
_LIBC = ctypes.CDLL(None, use_errno=True)


def mount(folder: str) -> None:
    """Mount it; raises OSError."""
    _check(_LIBC.unshare(_CLONE_NEWNS))
    _check(_LIBC.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
    _check(_LIBC.mount(b"none", folder.encode(), b"tmpfs", 0, b"size=1m"))


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    mount(sys.argv.pop(1))
    main()
