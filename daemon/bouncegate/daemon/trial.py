"""What may wait for another process without end, tried out by a child that can be given up.

A supervisor that waited itself would hear no signal: LMDB waits for its write lock in a call that
nothing interrupts.
"""

import os
import pickle
import select
import signal
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final, NoReturn

from bouncegate.daemon.child import die_with

STOP: Final = frozenset({signal.SIGTERM, signal.SIGINT})
_LOOK_EVERY: Final = 0.05


class Unfinished(Exception):
    """A trial was given up."""


def is_stopping() -> bool:
    """Whether a signal that ends the daemon waits to be taken by a supervisor."""
    return not STOP.isdisjoint(signal.sigpending())


def try_out(trial: Callable[[], object], seconds: float) -> None:
    """Do something in a child process; raises what it raises there.

    And Unfinished where it takes longer, or the daemon is to stop.
    """
    reader, writer = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _be_child(trial, parent, writer)
    os.close(writer)
    with closing(os.fdopen(reader, "rb")) as pipe:
        reason = _why_given_up(reader, time.monotonic() + seconds)
        if reason:
            os.kill(pid, signal.SIGKILL)
        told = pipe.read()
        os.waitpid(pid, 0)
    if reason:
        raise Unfinished(f"{reason}: another process may hold the write lock")
    if not told:
        raise Unfinished("the process that tried it out has died")
    if (error := pickle.loads(told)) is not None:
        raise error


def _why_given_up(reader: int, deadline: float) -> str:
    """Wait until the child has told something or has died; empty if it has."""
    while not select.select([reader], [], [], _LOOK_EVERY)[0]:
        if is_stopping():
            return "told to stop meanwhile"
        if time.monotonic() > deadline:
            return "it took too long"
    return ""


def _be_child(trial: Callable[[], object], parent: int, writer: int) -> NoReturn:
    error: Exception | None = None
    try:
        if die_with(parent):
            trial()
    except Exception as raised:  # noqa: BLE001 - it is raised again in the parent
        error = raised
    try:
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(pickle.dumps(error))
    finally:
        os._exit(os.EX_OK)
