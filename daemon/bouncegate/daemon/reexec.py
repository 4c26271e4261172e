"""The same process goes on with the code that is installed now: execve(2) of its own command line.

As `systemctl daemon-reexec` does it. The process id stays, and so do the children: the new program
is told their ids and rows, and the descriptors of the listening socket and of the scoreboard. All
of it is in an environment variable, which the new program takes out.

What does not stay: locks of LMDB and mapped memory. The supervisor has no store open, and its
children, which have, are not touched. If the supervisor is killed, they end as before: the request
to the kernel (PR_SET_PDEATHSIG) is theirs.

Before, the command line is started once more as a child that only tells whether it could start:
code that cannot must not take the place of code that works.
"""

import logging
import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, NoReturn

import msgspec

from bouncegate.config.endpoints import Endpoint, parse_endpoint
from bouncegate.daemon.child import Child, die_with
from bouncegate.daemon.childcall import is_stopping
from bouncegate.daemon.scoreboard import Scoreboard
from bouncegate.daemon.wire import for_log

_LOG: Final = logging.getLogger("bouncegate.daemon")

# Of what is handed over; a program that does not know it must not take over.
_FORMAT: Final = "2"
_TRIAL: Final = "BOUNCEGATE_TRIAL"
_INHERITED: Final = "BOUNCEGATE_INHERITED"
# What would let the child speak to the service manager, or write as to the journal.
_NOT_FOR_A_TRIAL: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "JOURNAL_STREAM")
_LOOK_EVERY: Final = 0.05
_LONGEST_OUTPUT: Final = 4096


Role = Literal["worker", "retired", "helper"]


class InheritedChild(msgspec.Struct, frozen=True):
    """A child that the program before has started."""

    pid: int
    name: str
    role: Role
    since: float
    """When it was started, by CLOCK_MONOTONIC."""
    row: int | None = None
    """The place of its row; None: it is not watched."""

    def put_into(self, place: Child) -> Child:
        """The place, filled by this child."""
        place.pid, place.since, place.is_inherited = self.pid, self.since, True
        return place


def handed_over(
    role: Role, children: Sequence[Child], board: Scoreboard
) -> tuple[InheritedChild, ...]:
    """What the next program must know of some children.

    Who still drains from before a reload that changed the scoreboard is not watched any more.
    """
    return tuple(
        InheritedChild(
            p.pid,
            p.name,
            role,
            p.since,
            p.row.entry.place if p.row is not None and p.row.board is board else None,
        )
        for p in children
        if p.pid
    )


class Inheritance(msgspec.Struct, frozen=True):
    """What one program leaves to the next one in the same process."""

    pid: int
    listener: int
    """The descriptor of the listening socket."""
    at: str
    """Where that listens, as the config file writes it."""
    board: int
    """The descriptor of the scoreboard."""
    children: tuple[InheritedChild, ...]

    @property
    def endpoint(self) -> Endpoint:
        """Where the socket listens."""
        return parse_endpoint(self.at)

    def of(self, *roles: str) -> Iterator[InheritedChild]:
        """The children of some roles."""
        return (child for child in self.children if child.role in roles)

    def share(self, *, yes: bool) -> None:
        """Keep the descriptors open over an exec, or do not; raises OSError."""
        for descriptor in (self.listener, self.board):
            os.set_inheritable(descriptor, yes)


def inherited() -> Inheritance | None:
    """What the program before has left to this process, to be asked once; None at a first start."""
    encoded = os.environ.pop(_INHERITED, "")
    if not encoded:
        return None
    try:
        found = msgspec.json.decode(encoded, type=Inheritance)
        if found.pid != os.getpid():  # a process started by ours, with its environment
            return None
        found.share(yes=False)
    except (msgspec.MsgspecError, OSError) as error:
        _LOG.error("what the program before has left is of no use: %s", error)
        return None
    return found


def trial_result() -> int | None:
    """The exit code of a process that was only asked whether it could start, as it could.

    None where the process is to serve.
    """
    wanted = os.environ.get(_TRIAL)
    if wanted is None:
        return None
    if wanted != _FORMAT:
        _LOG.error("the running version hands over in a way that this one does not know")
        return os.EX_UNAVAILABLE
    return os.EX_OK


def refusal(seconds: float) -> str:
    """Why the installed code cannot start with the configuration; empty if it can."""
    reader, writer = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _try_to_start(parent, writer)
    os.close(writer)
    output, given_up = _output_of(reader, time.monotonic() + seconds)
    os.close(reader)
    if given_up:
        os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if given_up or not code:
        return given_up
    last = for_log(output.decode("utf-8", "replace").strip().rpartition("\n")[2], _LONGEST_OUTPUT)
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"{how}: {last}" if last else how


def trouble(seconds: float, log: logging.Logger) -> str:
    """What systemctl(1) is to show where the installed code cannot start; the log says more."""
    reason = refusal(seconds)
    if not reason:
        return ""
    log.error("reload: the installed code cannot start: %s", reason)
    log.error("reload: the old code and the old settings stay in force")
    return "the installed code cannot start: see the log"


def execute(inheritance: Inheritance) -> NoReturn:
    """Go on with the installed code; raises OSError, and then all is as before."""
    try:
        inheritance.share(yes=True)
        os.environ[_INHERITED] = msgspec.json.encode(inheritance).decode()
        os.execv(sys.executable, sys.orig_argv)
    finally:
        os.environ.pop(_INHERITED, None)
        inheritance.share(yes=False)


def _try_to_start(parent: int, writer: int) -> NoReturn:
    """Become a process that only tells whether it could start."""
    try:
        if die_with(parent):
            os.dup2(writer, 1)
            os.dup2(writer, 2)
            os.execve(sys.executable, sys.orig_argv, _environment_of_trial(os.environ))
    except OSError as error:
        os.write(writer, f"{sys.executable}: {error.strerror}".encode())
    finally:
        os._exit(os.EX_OSERR)


def _environment_of_trial(environment: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in environment.items() if name not in _NOT_FOR_A_TRIAL}
    return {**kept, _TRIAL: _FORMAT}


def _output_of(reader: int, deadline: float) -> tuple[bytes, str]:
    """What comes through a pipe until its writer has ended, and why it was not waited for."""
    output = b""
    while True:
        if is_stopping():
            return output, "told to stop meanwhile"
        if time.monotonic() > deadline:
            return output, "it took too long to start"
        if not select.select([reader], [], [], _LOOK_EVERY)[0]:
            continue
        if not (octets := os.read(reader, _LONGEST_OUTPUT)):
            return output, ""
        output = (output + octets)[-_LONGEST_OUTPUT:]
