"""Acts on many addresses: all or none, without blocking the return path for long.

One transaction for a million addresses would hold the write lock for a minute, and no bounce could
be acknowledged. So the acts are written into a file first, beside the store. Its renaming decides:
before it nothing has happened, after it all of it will. The acts are then carried out in short
transactions, each of which also records the progress. If the process is killed, the next command or
`maintain` finishes the work.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import IO, Final, NamedTuple, Self

from bouncegate.policy.fold import Fold
from bouncegate.policy.records import Act, Audit
from bouncegate.store.codec import decode_decided, encode_entry, octets_of
from bouncegate.store.errors import StoreDamaged, StoreFull
from bouncegate.store.fileaccess import inaccessible, is_there
from bouncegate.store.layout import hand_over
from bouncegate.store.store import Store
from bouncegate.store.throttle import Throttle

MOST_AT_ONCE: Final = 100
"""How many addresses an act names that is one of many; a transaction takes several of them."""

_SOURCE: Final = "bulk"
_ID: Final = 8
_LENGTH: Final = struct.Struct(">I")

OnProgress = Callable[[int], None]
"""Is on_progress, again and again, how many addresses are done."""

log: Final = logging.getLogger("bouncegate.bulk")


class LeftOut(NamedTuple):
    """The addresses that did not meet the condition of their act when it was carried out."""

    number: int = 0
    first: tuple[str, ...] = ()
    """As many as one transaction names."""

    def with_more(self, addresses: tuple[str, ...]) -> Self:
        """With some more of them."""
        return self._replace(number=self.number + len(addresses), first=self.first or addresses)


class Bulk:
    """The acts on many addresses of one store."""

    def __init__(self, store: Store, folder: Path) -> None:
        """`folder` is that of the store."""
        self._store = store
        self._folder = folder / "bulk"
        self._decided = self._folder / "decided"

    def carry_out(
        self,
        acts: Iterable[Act],
        fold: Fold,
        on_progress: OnProgress = lambda _: None,
        audit: Audit | None = None,
    ) -> LeftOut:
        """Carry out acts, all or none of them, one after the other; `audit` is their record.

        Returns which addresses were left out, since their locks had changed meanwhile. Waits for
        another process that does the same. Raises StoreError, and whatever `acts` raises: then
        nothing has happened, unless it was decided already.
        """
        with bulk_lock(self._folder.parent, wait=True):
            self._resume(fold)
            self._decide(acts if audit is None else chain((audit,), acts))
            return self._finish(fold, on_progress) or LeftOut()

    def finish(self, fold: Fold) -> bool:
        """Finish what somebody who was killed had decided; returns whether there was anything.

        Does nothing while another process is at it. Raises StoreError.
        """
        if not is_unfinished(self._folder.parent):
            return False
        with bulk_lock(self._folder.parent, wait=False) as is_alone:
            return is_alone and self._resume(fold)

    def _resume(self, fold: Fold) -> bool:
        left_out = self._finish(fold, lambda _: None)
        if left_out is not None and left_out.number:
            log.warning(
                "finished an interrupted command; addresses left alone, since their locks have "
                "changed: %d, first=%s",
                left_out.number,
                left_out.first[0],
            )
        return left_out is not None

    def _decide(self, records: Iterable[Act | Audit]) -> None:
        draft = self._folder / "draft"
        try:
            with draft.open("wb") as file:
                file.write(secrets.token_bytes(_ID))
                for record in records:
                    octets = encode_entry(record)
                    file.write(_LENGTH.pack(len(octets)) + octets)
                file.flush()
                os.fsync(file.fileno())
            hand_over(draft, self._folder.parent)
            draft.replace(self._decided)
            _sync_folder(self._folder)
        except OSError as error:
            raise inaccessible(error, draft, StoreFull) from error
        finally:
            draft.unlink(missing_ok=True)

    def _finish(self, fold: Fold, on_progress: OnProgress) -> LeftOut | None:
        """Carry out what is decided; None where nothing is."""
        try:
            file = self._decided.open("rb")
        except FileNotFoundError:
            return None
        left_out = LeftOut()
        with file:
            identity = file.read(_ID)
            position = self._store.progress.get(_SOURCE)
            done = int.from_bytes(position[_ID:], "big") if position[:_ID] == identity else 0
            audit, decided = _parted(self._read(file))
            addresses = sum(len(act.addresses) for act in islice(decided, done))
            throttle = Throttle()
            while acts := _fitting(decided, throttle):
                some = sum(len(act.addresses) for act in acts)
                done, addresses = done + len(acts), addresses + some
                reached = _SOURCE, identity + octets_of(done)
                acted = self._store.act(acts, fold, reached, audit)
                left_out = left_out.with_more(acted.left_out)
                throttle.took(some, acted.held)
                on_progress(addresses)
                time.sleep(throttle.pause)
        self._decided.unlink()
        return left_out

    def _read(self, file: IO[bytes]) -> Iterator[Act | Audit]:
        while head := file.read(_LENGTH.size):
            try:
                (length,) = _LENGTH.unpack(head)
                record = decode_decided(file.read(length))
            except Exception as error:
                raise StoreDamaged(
                    f"{self._decided}: damaged ({error}): move it away, then repeat the command"
                ) from error
            yield record


@contextmanager
def bulk_lock(folder: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the lock of all who carry out acts on many addresses; returns whether it is held.

    `folder` is that of the store. Raises StoreFull.
    """
    own = folder / "bulk"
    try:
        own.mkdir(mode=0o750, exist_ok=True)
        hand_over(own, folder)
        lock = (own / "lock").open("ab")
        hand_over(own / "lock", folder)
    except OSError as error:
        raise inaccessible(error, own, StoreFull) from error
    with lock:
        is_alone = False
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            is_alone = True
        yield is_alone


def _parted(records: Iterator[Act | Audit]) -> tuple[Audit | None, Iterator[Act]]:
    """The record of the change, which comes first if there is one, and the acts."""
    first = list(islice(records, 1))
    audit = next((record for record in first if isinstance(record, Audit)), None)
    return audit, (record for record in chain(first, records) if isinstance(record, Act))


def _fitting(acts: Iterator[Act], throttle: Throttle) -> list[Act]:
    """The next acts, in order: as many as one transaction has room for, and no more addresses."""
    some: list[Act] = []
    left = throttle.room
    while left >= MOST_AT_ONCE and (act := next(acts, None)) is not None:
        some.append(act)
        left -= len(act.addresses)
    return some


def is_unfinished(folder: Path) -> bool:
    """Whether the store there has acts that were decided and not carried out yet.

    Raises StoreForbidden where this user may not look.
    """
    return is_there(folder / "bulk" / "decided")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
