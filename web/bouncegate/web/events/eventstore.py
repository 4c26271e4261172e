"""The environment of the events: `events/` beside the store, with files of its own.

What an endpoint was sent is not mail's business: its writes take neither the store's write lock nor
its map. It is made anew if it is lost; then endpoints begin at the end of the journal.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Final, Self

import lmdb

from bouncegate.config.settings import StoreSettings
from bouncegate.store.environment import DATA, Environment, open_files
from bouncegate.store.errors import StoreMissing
from bouncegate.store.fileaccess import inaccessible, is_there
from bouncegate.store.layout import explained, hand_to_owner
from bouncegate.store.openenvironment import OpenEnvironment
from bouncegate.store.writerlock import WriterLock
from bouncegate.web.events.deliveries import DATABASES, Deliveries
from bouncegate.web.events.outbox import LOOKED, OUTBOX, Outbox

FOLDER: Final = "events"
# Virtual: some megabytes are used. Sixteen endpoints with all that may wait and be dead, each event
# of its greatest length, must fit: what was sent and cannot be written down would be sent again.
_MAP_SIZE: Final = 256 * 2**20
_DATABASES: Final = (OUTBOX, LOOKED, *DATABASES)
_SETTING: Final = "nothing: it is bounded"


class EventStore(OpenEnvironment):
    """The outbox, and what became of deliveries."""

    def __init__(self, environment: Environment, writer_lock: WriterLock | None = None) -> None:
        """Use an environment that is open; `writer_lock` is held until `close`."""
        super().__init__(environment, _DATABASES, writer_lock)
        self.outbox: Final = Outbox(environment)
        self.deliveries: Final = Deliveries(environment)

    @staticmethod
    def require(store: StoreSettings) -> None:
        """Raise StoreMissing unless it has been made."""
        path = store.path / FOLDER
        if not is_there(path / DATA):
            raise StoreMissing(f"{path}: no events yet: bouncegate events creates it")

    @classmethod
    def open(cls, store: StoreSettings, *, readonly: bool = True) -> Self:
        """Open it, and make it unless `readonly`; raises StoreError."""
        path = store.path / FOLDER
        writer_lock: WriterLock | None = None
        try:
            with ExitStack() as undo:
                if readonly:
                    cls.require(store)
                if not readonly:
                    _make_folder(store)
                    writer_lock = undo.enter_context(WriterLock.shared(path))
                environment = open_files(path, _MAP_SIZE, len(_DATABASES), readonly=readonly)
                undo.callback(environment.close)
                if not readonly:
                    hand_to_owner(path)
                    with environment.begin(write=True) as transaction:
                        for name in _DATABASES:
                            environment.open_db(name, txn=transaction)
                found = cls(environment, writer_lock)
                undo.pop_all()
            return found
        except lmdb.NotFoundError:
            raise StoreMissing(f"{path}: no events yet: bouncegate events creates it") from None
        except lmdb.Error as error:
            raise explained(error, path, _SETTING) from error
        except OSError as error:
            raise inaccessible(error, path) from error

    def purge(self, ids: frozenset[str]) -> None:
        """Delete what waits for, or was told of, addresses, by their ids. Raises StoreError."""
        with self._writing() as transaction:
            self.outbox.purge(transaction, ids)
            self.deliveries.purge(transaction, ids)


def _make_folder(store: StoreSettings) -> None:
    path = store.path / FOLDER
    path.mkdir(mode=0o750, exist_ok=True)
    if os.geteuid() == 0:
        owner = store.path.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
