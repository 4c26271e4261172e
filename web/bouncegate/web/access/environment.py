"""The environment of what the page keeps to itself: `web/` beside the store, with its own files.

    meta         "layout" -> number; "key" -> secret of the forms
    accounts     name -> Account
    sessions     SHA-256 of the session's id -> Session
    tokens       id of the token -> Token
    idempotency  id of a token, NUL, SHA-256 of its key -> Kept
    jobs         id of the job -> Job

It holds secrets, or what they are known by, and so is in no backup of the store and in no export.
If it is lost, accounts and tokens have to be made again; no lock and no bounce is in it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Generic, TypeVar

import lmdb
import msgspec

from bouncegate.config.settings import StoreSettings
from bouncegate.store.environment import DATA, Environment, open_files
from bouncegate.store.errors import StoreDamaged, StoreError, StoreLayout, StoreMissing
from bouncegate.store.fileaccess import inaccessible, is_there
from bouncegate.store.layout import explained, hand_over, hand_to_owner

FOLDER: Final = "web"
LAYOUT: Final = 1
META: Final = b"meta"
ACCOUNTS: Final = b"accounts"
SESSIONS: Final = b"sessions"
TOKENS: Final = b"tokens"
IDEMPOTENCY: Final = b"idempotency"
JOBS: Final = b"jobs"

_DATABASES: Final = (META, ACCOUNTS, SESSIONS, TOKENS, IDEMPOTENCY, JOBS)
_MAP_SIZE: Final = 64 * 2**20
_SETTING: Final = "nothing: revoke tokens that are not used"
_LAYOUT: Final = b"layout"
_KEY: Final = b"key"

_R = TypeVar("_R", bound=msgspec.Struct)


class AccessEnvironment:
    """The open environment, and its transactions."""

    def __init__(self, environment: Environment) -> None:
        """Use an environment that is open."""
        self._environment = environment
        self.path: Final = environment.folder
        with self.reading() as transaction:
            meta = environment.open_db(META, txn=transaction, create=False)
            layout = int(transaction.get(_LAYOUT, b"0", db=meta))
            self.key: Final = transaction.get(_KEY, b"", db=meta)
            """The secret by which forms are signed."""
        if layout != LAYOUT:
            raise StoreLayout(f"{self.path}: has layout {layout}, this version reads {LAYOUT}")

    def table(self, name: bytes, kind: type[_R]) -> Records[_R]:
        """The records of a database."""
        return Records(self, self._environment.open_db(name, create=False), kind)

    @contextmanager
    def reading(self) -> Iterator[lmdb.Transaction[bytes]]:
        """What is seen within stays as it is; raises StoreError."""
        try:
            with self._environment.begin() as transaction:
                yield transaction
        except lmdb.Error as error:
            raise explained(error, self._environment.folder, _SETTING) from error

    @contextmanager
    def writing(self) -> Iterator[lmdb.Transaction[bytes]]:
        """All that is written within is durable behind it, or none of it is; raises StoreError."""
        try:
            with self._environment.begin(write=True) as transaction:
                yield transaction
        except lmdb.Error as error:
            raise explained(error, self.path, _SETTING) from error

    def replaced(self) -> str:
        """What has become of the files that are open; empty while they still have their names."""
        return self._environment.replaced()

    def close(self) -> None:
        """Close the files."""
        self._environment.close()


class Records(Generic[_R]):
    """Records of one kind by their keys; the transaction is the caller's."""

    def __init__(
        self, environment: AccessEnvironment, database: lmdb._Database, kind: type[_R]
    ) -> None:
        """Use a database of an environment."""
        self.environment: Final = environment
        self._database = database
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(kind).decode

    def get(self, transaction: lmdb.Transaction[bytes], key: bytes) -> _R | None:
        """The record of a key."""
        octets = transaction.get(key, db=self._database) if key else None
        return None if octets is None else self._decoded(octets)

    def put(self, transaction: lmdb.Transaction[bytes], key: bytes, record: _R) -> None:
        """Write a record."""
        transaction.put(key, self._encode(record), db=self._database)

    def delete(self, transaction: lmdb.Transaction[bytes], key: bytes) -> bool:
        """Delete a record; whether it was there."""
        return transaction.delete(key, db=self._database)

    def items(
        self, transaction: lmdb.Transaction[bytes], prefix: bytes = b""
    ) -> list[tuple[bytes, _R]]:
        """All records whose keys begin with a prefix."""
        found = []
        with transaction.cursor(self._database) as cursor:
            if cursor.set_range(prefix):
                for key, octets in cursor:
                    if not key.startswith(prefix):
                        break
                    found.append((bytes(key), self._decoded(octets)))
        return found

    def _decoded(self, octets: bytes) -> _R:
        try:
            return self._decode(octets)
        except msgspec.DecodeError as error:
            raise StoreDamaged(f"{self.environment.path}: {error}: remove it") from error


def open_access(store: StoreSettings, *, create: bool = True) -> AccessEnvironment:
    """The environment beside a store; raises StoreError."""
    path = store.path / FOLDER
    try:
        if not is_there(path / DATA):
            if not create:
                raise StoreMissing(f"{path}: there are no accounts or tokens yet")
            _make_folder(path)
        environment = open_files(path, _MAP_SIZE, len(_DATABASES), readonly=False)
        try:
            hand_to_owner(path)
            _make_databases(environment)
            return AccessEnvironment(environment)
        except BaseException:
            environment.close()
            raise
    except lmdb.Error as error:
        raise explained(error, path, _SETTING) from error
    except OSError as error:
        raise inaccessible(error, path, StoreError) from error


def _make_folder(path: Path) -> None:
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        hand_over(path, path.parent)


def _make_databases(environment: Environment) -> None:
    with environment.begin(write=True) as transaction:
        databases = {name: environment.open_db(name, txn=transaction) for name in _DATABASES}
        meta = databases[META]
        if transaction.get(_LAYOUT, db=meta) is None:
            transaction.put(_LAYOUT, str(LAYOUT).encode(), db=meta)
            transaction.put(_KEY, secrets.token_bytes(32), db=meta)
