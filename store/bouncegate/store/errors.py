"""Why a store cannot be used, each with the exit code (sysexits.h) that tells a script."""

import os
from typing import ClassVar


class StoreError(Exception):
    """The store cannot be used as it is; the text says what to do."""

    exit_code: ClassVar[int] = os.EX_UNAVAILABLE


class StoreMissing(StoreError):
    """There is no store at the configured place."""

    exit_code = os.EX_NOINPUT


class StoreForbidden(StoreError):
    """The file system does not let this user read or write the store."""

    exit_code = os.EX_NOPERM


class StoreLayout(StoreError):
    """The store was written by a version with another layout."""

    exit_code = os.EX_CONFIG


class StoreDamaged(StoreError):
    """The file is no store, or a part of it is missing."""

    exit_code = os.EX_DATAERR


class StoreFull(StoreError):
    """The disk or the map has no room; what was to be written is not, and can be tried again."""

    exit_code = os.EX_TEMPFAIL


class StoreBusy(StoreError):
    """Another process writes, or has the right to write alone; it can be tried again."""

    exit_code = os.EX_TEMPFAIL


class StoreReplaced(StoreError):
    """The files that are open are not the store's any more; it can be tried again when reopened."""

    exit_code = os.EX_TEMPFAIL
