"""The queue from the workers to the ledger writer: what was sent or refused, a datagram an entry.

A worker never waits: what does not fit into the socket is refused at once. There is room for some
400 messages, which the kernel bounds by net.core.wmem_max (208 KiB by default). To send a datagram
costs a worker 1.0 us, and to receive it costs the ledger writer 1.3. To be woken costs it 50 to
100, so it sleeps as long as the queue has room: with 700 messages a second this brought it from 20
us of processor time a message to 8.
"""

import select
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import msgspec

from bouncegate.store.entry import Entry, Sent, encoded, entry_with, parts_of
from bouncegate.store.refusals import Refused

Received = Entry | Refused

_BUFFER: Final = 4 * 2**20
# 1,000 recipients of 254 octets, and as much again for all else.
_LONGEST: Final = 512 * 1024
# As many entries as one commit takes.
MOST_AT_ONCE: Final = 500
# What comes alone is written after so many seconds, and hardly a bounce is faster.
_PAUSE: Final = 0.010
_ALONE: Final = 1
# The first octet of a datagram that tells of refusals: no MessagePack begins with it.
_REFUSALS: Final = b"\xc1"
_refused_of: Final = msgspec.msgpack.Decoder(Refused).decode
# What keeps coming is gathered for so long, in pauses that let a sixth of the queue fill up.
_GATHERING: Final = 0.25
_A_PAUSE: Final = 64
_SHORTEST, _LONGEST_PAUSE = 0.002, 0.1


class QueueFull(Exception):
    """The ledger writer does not keep up: what was sent could not be handed over."""


class LedgerQueue:
    """The socket between the workers, who share one end, and the ledger writer."""

    def __init__(self) -> None:
        """Make the pair; to be called before any worker is forked."""
        self._worker, self._ledger_writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._worker.setblocking(False)
        self._worker.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        # One for all: to allocate so much for each datagram costs 14 us, most of it the kernel's.
        self._datagram = memoryview(bytearray(_LONGEST))
        self._pause = _PAUSE

    def send(self, sent: Sent) -> None:
        """Hand over what was sent; raises QueueFull, at once, where there is no room."""
        self._send(encoded(part) for part in parts_of(sent))

    def send_refused(self, refused: Refused) -> None:
        """Hand over whom a message was refused; raises QueueFull, at once, where there is no room.

        It names no more recipients than a part of a send does.
        """
        self._send((_REFUSALS + encoded(refused),))

    def _send(self, datagrams: Iterable[bytes]) -> None:
        try:
            for datagram in datagrams:
                self._worker.send(datagram)
        except OSError as error:
            raise QueueFull(
                f"the ledger does not keep up, sends are not recorded: {error}"
            ) from None

    def close(self) -> None:
        """Give both ends back; what was handed over and not drained is gone."""
        self._worker.close()
        self._ledger_writer.close()

    def gather(self, timeout: float) -> list[Received]:
        """What one commit takes; nothing if nothing comes within `timeout` seconds."""
        if not select.select([self._ledger_writer], [], [], timeout)[0]:
            return []
        entries: list[Received] = []
        end = time.monotonic() + _GATHERING
        while True:
            time.sleep(self._pause)
            some = self.drain(MOST_AT_ONCE - len(entries))
            entries += some
            self._pause = _pause_after(len(some), self._pause)
            if len(some) <= _ALONE or len(entries) >= MOST_AT_ONCE or time.monotonic() >= end:
                return entries

    def drain(self, most: int = MOST_AT_ONCE) -> list[Received]:
        """What is there, up to so many entries."""
        entries: list[Received] = []
        with suppress(BlockingIOError):
            while len(entries) < most:
                octets = self._ledger_writer.recv_into(self._datagram, 0, socket.MSG_DONTWAIT)
                entries.append(_received(self._datagram[:octets].tobytes()))
        return entries


def _received(datagram: bytes) -> Received:
    if datagram.startswith(_REFUSALS):
        return _refused_of(datagram[1:])
    return entry_with(datagram)


def _pause_after(came: int, pause: float) -> float:
    """How long the next pause may be, if so many came in the last one."""
    if came <= _ALONE:
        return _PAUSE
    return min(max(pause * _A_PAUSE / came, _SHORTEST), _LONGEST_PAUSE)
