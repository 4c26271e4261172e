"""Why the files of a store cannot be handled, beside what the store itself says."""

import os

from bouncegate.store.errors import StoreError


class TargetExists(StoreError):
    """Something is there already, and nothing is overwritten."""

    exit_code = os.EX_CANTCREAT


class BackupDamaged(StoreError):
    """It is no backup, or not all of it is as it was written."""

    exit_code = os.EX_DATAERR
