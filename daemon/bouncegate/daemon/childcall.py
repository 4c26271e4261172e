"""A call that may block forever, made in a child process that can be killed.

A supervisor that blocked would handle no signal: LMDB waits for its write lock in a call that
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
_POLL_INTERVAL: Final = 0.05


class Unfinished(Exception):
    """The call was given up; the text says why."""


def is_stopping() -> bool:
    """Whether a signal that ends the daemon is pending."""
    return not STOP.isdisjoint(signal.sigpending())


def call_in_child(function: Callable[[], object], seconds: float) -> None:
    """Call a function in a child process; raises what it raises there.

    Raises Unfinished if it takes longer than `seconds`, or the daemon is to stop.
    """
    reader, writer = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _be_child(function, parent, writer)
    os.close(writer)
    with closing(os.fdopen(reader, "rb")) as pipe:
        reason = _why_given_up(reader, time.monotonic() + seconds)
        if reason:
            os.kill(pid, signal.SIGKILL)
        answer = pipe.read()
        os.waitpid(pid, 0)
    if reason:
        raise Unfinished(f"{reason}: another process may hold the write lock")
    if not answer:
        raise Unfinished("the process that tried it out has died")
    if (error := pickle.loads(answer)) is not None:
        raise error


def _why_given_up(reader: int, deadline: float) -> str:
    """Wait until the child has answered or died; why it was not waited for, or empty."""
    while not select.select([reader], [], [], _POLL_INTERVAL)[0]:
        if is_stopping():
            return "told to stop meanwhile"
        if time.monotonic() > deadline:
            return "it took too long"
    return ""


def _be_child(function: Callable[[], object], parent: int, writer: int) -> NoReturn:
    error: Exception | None = None
    try:
        if die_with(parent):
            function()
    except Exception as raised:  # noqa: BLE001 - it is raised again in the parent
        error = raised
    try:
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(pickle.dumps(error))
    finally:
        os._exit(os.EX_OK)
