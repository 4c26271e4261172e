"""The scribe: the one process that writes the ledger, so that no worker ever waits for a disk.

A worker hands over what was sent as one datagram and goes on. The scribe gathers what has come and
commits it. When its disk stalls or is full, the socket between them fills up, and what does not
fit any more is dropped and said in the log: mail flows on, and the bounces of those messages will
prove nothing and lock nobody.
"""

import logging
import select
import signal
import socket
import time
from contextlib import suppress
from typing import Final

import msgspec

from bouncegate.config.settings import Settings
from bouncegate.daemon.mishaps import Mishaps
from bouncegate.refusal.recipient import KeyOf, exact_key, folded_key
from bouncegate.store.errors import StoreError
from bouncegate.store.ledger import MOST_PARTS, RECIPIENTS_A_PART, Ledger, Sent

_LOG: Final = logging.getLogger("bouncegate.scribe")

# Room for some hundred messages; the kernel grants up to net.core.wmem_max, 208 KiB by default.
_BUFFER: Final = 4 * 2**20
# 1,000 recipients of 254 octets, and as much again for all else.
_LONGEST: Final = 512 * 1024
_MOST_AT_ONCE: Final = 500
# How long entries gather before a commit, in seconds; hardly a bounce is faster.
_GATHER: Final = 0.005
_WAKE_UP: Final = 1.0
_EXPIRE_EVERY: Final = 3600.0


class SentRaw(msgspec.Struct, frozen=True, array_like=True):
    """`Sent` as a worker hands it over: recipients as the client gave them."""

    time: int
    message: bytes
    sender: str
    recipients: list[bytes]
    queue_id: str = ""
    message_id: str = ""
    mailing: str = ""
    group: str = ""
    part: int = 0


class Overflow(Exception):
    """The scribe does not keep up: what was sent could not be handed over."""


_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(SentRaw).decode


class Line:
    """The socket between the workers, who share one end, and the scribe."""

    def __init__(self) -> None:
        """Make the pair; to be called before any worker is forked."""
        self._worker, self._scribe = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._worker.setblocking(False)
        self._worker.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)

    def send(self, sent: SentRaw) -> None:
        """Hand over what was sent; raises Overflow, at once, where there is no room."""
        try:
            for start in range(0, len(sent.recipients), RECIPIENTS_A_PART):
                self._worker.send(_ENCODE(_part(sent, start)))
        except OSError as error:
            raise Overflow(
                f"the ledger does not keep up, sends are not recorded: {error}"
            ) from None

    def close(self) -> None:
        """Give both ends back; what was handed over and not drained is gone."""
        self._worker.close()
        self._scribe.close()

    def wait(self, patience: float) -> bool:
        """Whether anything comes within `patience` seconds."""
        return bool(select.select([self._scribe], [], [], patience)[0])

    def drain(self) -> list[bytes]:
        """The datagrams that are there, up to as many as one commit takes."""
        datagrams: list[bytes] = []
        with suppress(BlockingIOError):
            while len(datagrams) < _MOST_AT_ONCE:
                datagrams.append(self._scribe.recv(_LONGEST, socket.MSG_DONTWAIT))
        return datagrams


def write_ledger(settings: Settings, line: Line) -> None:
    """Write what workers hand over, until SIGTERM."""
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopping.append(number))
    ledger = Ledger.open(settings.store, settings.ledger, readonly=False)
    mishaps = Mishaps("the bounces of these messages will lock nobody")
    scribe = _Scribe(settings, ledger)
    try:
        while not stopping:
            try:
                scribe.write(_gather(line))
                scribe.expire(time.time())
            except StoreError as error:
                mishaps.tell("ledger", error, expected=True)
        scribe.write(line.drain())
    finally:
        ledger.close()


class _Scribe:
    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._key: KeyOf = folded_key if settings.store.fold_local_part else exact_key
        self._keep = settings.ledger.keep
        self._ledger = ledger
        self._next_expiry = 0.0

    def write(self, datagrams: list[bytes]) -> None:
        if datagrams:
            self._ledger.write([self._entry(_DECODE(datagram)) for datagram in datagrams])

    def expire(self, now: float) -> None:
        """Forget what is too old, every hour."""
        if now < self._next_expiry:
            return
        self._next_expiry = now + _EXPIRE_EVERY
        # Calendar months are counted backwards by their length from here on.
        kept_for = self._keep.after(int(now)) - int(now)
        forgotten = self._ledger.expire(int(now) - kept_for)
        if forgotten:
            _LOG.info("forgot %d sends whose time was up", forgotten)

    def _entry(self, raw: SentRaw) -> Sent:
        keys = (self._key(recipient) for recipient in raw.recipients)
        recipients = tuple(dict.fromkeys(key.decode() for key in keys if key is not None))
        return Sent(
            raw.time,
            raw.message,
            raw.sender,
            recipients,
            raw.queue_id,
            raw.message_id,
            raw.mailing,
            raw.group,
            raw.part,
        )


def _gather(line: Line) -> list[bytes]:
    """What comes within a moment after the first datagram; nothing if there is none for long.

    Sleeping through that moment costs the workers less than being woken for each datagram.
    """
    if not line.wait(_WAKE_UP):
        return []
    time.sleep(_GATHER)
    return line.drain()


def _part(sent: SentRaw, start: int) -> SentRaw:
    if len(sent.recipients) <= RECIPIENTS_A_PART:
        return sent
    number = min(start // RECIPIENTS_A_PART, MOST_PARTS)
    some = sent.recipients[start : start + RECIPIENTS_A_PART]
    return msgspec.structs.replace(sent, recipients=some, part=number)
