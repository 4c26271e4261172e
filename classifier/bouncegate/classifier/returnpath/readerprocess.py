"""Reads a message in a process of its own, which may crash.

No message is known to crash a reader, but all readers parse what strangers send. So a large
message, and one with which a worker has died, is read by a child that is forked for it. If the
child crashes or takes too long, the message is unreadable, and nothing else is harmed.

A worker has threads and an open store, so it does not fork the children: a process does that, which
the worker forks before it has either.
"""

import logging
import os
import pickle
import select
import signal
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, NoReturn, Self, cast

from bouncegate.classifier import limits
from bouncegate.classifier.classified import ClassifiedMessage, Classify
from bouncegate.daemon.child import end_with

log: Final = logging.getLogger("bouncegate.return-path")


class Unreadable(Exception):
    """The process that read a message has crashed or exceeded its time."""


class Deadline(NamedTuple):
    """How long one message may take, in seconds."""

    processor: float = 5.0
    """Of the processor: 4 MiB, of which no more is read, take less than one."""
    clock: float = 20.0
    """On the clock, where a child waits or the machine is busy."""


DEADLINE: Final = Deadline()

_HEAD: Final = struct.Struct("=cQ")
_READ, _UNREADABLE, _FAILED = b"r", b"u", b"f"
_CHUNK: Final = 2**16
# A signal to all processes is meant for the worker, which records messages in progress first.
_LEFT_TO_THE_WORKER: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def classify_apart(raw: bytes, classify: Classify, deadline: Deadline) -> ClassifiedMessage:
    """Read a message in a child; raises Unreadable, and OSError where none can be forked."""
    return _unpacked(_read_apart(raw, classify, deadline), raw)


def limit_processor_time(seconds: float) -> None:
    """End this process (setitimer(2), SIGPROF) when it has used so much more; 0 for no end."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


class ReaderProcess:
    """The process that forks a child for each message that it is given, one after the other."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        """What is at the other end of a connection."""
        self._connection = connection
        self._pid = pid

    @classmethod
    def start(cls, classify: Classify, deadline: Deadline = DEADLINE) -> Self:
        """Fork it, in a process that has no threads and no store open."""
        ours, theirs = socket.socketpair()
        worker = os.getpid()
        pid = os.fork()
        if pid == 0:
            ours.close()
            _serve(theirs, classify, deadline, worker)
        theirs.close()
        return cls(ours, pid)

    def classify(self, raw: bytes) -> ClassifiedMessage:
        """Have a message read; blocks. Raises Unreadable, and OSError where it cannot be tried."""
        _send(self._connection, _READ, raw[: limits.MESSAGE])
        kind, payload = _receive(self._connection)
        if kind == _READ:
            return _unpacked(payload, raw)
        words = payload.decode("utf-8", "replace")
        raise Unreadable(words) if kind == _UNREADABLE else OSError(words)

    def close(self) -> None:
        """Kill it; a caller that waits for a message gets an OSError."""
        self._connection.shutdown(socket.SHUT_RDWR)
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._connection.close()


def _serve(
    connection: socket.socket, classify: Classify, deadline: Deadline, worker: int
) -> NoReturn:
    """Read what is asked for, until the worker has ended."""
    try:
        if not end_with(worker):
            raise ConnectionResetError
        for number in _LEFT_TO_THE_WORKER:
            signal.signal(number, signal.SIG_IGN)
        # Neither the listening socket nor a pipe to the supervisor may be kept open from here.
        _close_all_but(connection.fileno())
        while True:
            _, raw = _receive(connection)
            try:
                kind, payload = _READ, _read_apart(raw, classify, deadline)
            except Unreadable as error:
                kind, payload = _UNREADABLE, str(error).encode()
            except OSError as error:
                kind, payload = (
                    _FAILED,
                    f"no process can be made to read it: {error.strerror}".encode(),
                )
            _send(connection, kind, payload)
    except OSError:
        pass  # the worker has ended
    finally:
        os._exit(os.EX_OK)


def _read_apart(raw: bytes, classify: Classify, deadline: Deadline) -> bytes:
    """The result of the child that reads a message, packed."""
    reader, writer = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        if not end_with(parent):
            os._exit(os.EX_OK)
        _be_child(raw, classify, deadline, writer)
    os.close(writer)
    packed = _all_of(reader, time.monotonic() + deadline.clock)
    os.close(reader)
    if packed is None:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if packed is None:
        raise Unreadable(f"it takes more than {deadline.clock:g} s to read")
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGPROF:
        raise Unreadable(f"it takes more than {deadline.processor:g} s of the processor to read")
    if code or not packed:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise Unreadable(f"the process that read it has ended ({how})")
    return packed


def _be_child(raw: bytes, classify: Classify, deadline: Deadline, writer: int) -> NoReturn:
    code = os.EX_SOFTWARE
    try:
        limit_processor_time(deadline.processor)
        packed = pickle.dumps(classify(raw)._replace(raw=b""), pickle.HIGHEST_PROTOCOL)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(packed)
        code = os.EX_OK
    except Exception:
        log.exception("a message of %d octets cannot be read; please report it", len(raw))
    finally:
        os._exit(code)


def _unpacked(packed: bytes, raw: bytes) -> ClassifiedMessage:
    return cast("ClassifiedMessage", pickle.loads(packed))._replace(raw=raw)


def _all_of(reader: int, deadline: float) -> bytes | None:
    """The data from a pipe until its writer has ended; None if the time is up first."""
    chunks: list[bytes] = []
    while select.select([reader], [], [], max(0.0, deadline - time.monotonic()))[0]:
        if not (chunk := os.read(reader, _CHUNK)):
            return b"".join(chunks)
        chunks.append(chunk)
    return None


def _send(connection: socket.socket, kind: bytes, octets: bytes) -> None:
    connection.sendall(_HEAD.pack(kind, len(octets)))
    connection.sendall(octets)


def _receive(connection: socket.socket) -> tuple[bytes, bytes]:
    """The next packet; raises ConnectionError if the other side has ended."""
    kind, length = _HEAD.unpack(_exactly(connection, _HEAD.size))
    return kind, _exactly(connection, length)


def _exactly(connection: socket.socket, length: int) -> bytes:
    octets = bytearray(length)
    view, begin = memoryview(octets), 0
    while begin < length:
        if not (count := connection.recv_into(view[begin:])):
            raise ConnectionResetError("the other process has ended")
        begin += count
    return bytes(octets)


def _close_all_but(kept: int) -> None:
    """Close all files from before the fork, except the standard streams and `kept`."""
    with suppress(OSError):
        for number in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
            if number > 2 and number != kept:
                with suppress(OSError):  # that of the folder itself
                    os.close(number)
