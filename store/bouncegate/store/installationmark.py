"""The mark of an installation, which ends its refusals: `[bouncegate 1f2e3d4c]`.

By it a refusal of ours is known when it comes back in a DSN, and another installation's, or that of
anybody who writes `[bouncegate]`, is not: theirs is a bounce like any other. It is made of the salt
beside the store, which neither a restart nor a rotation of keys changes, and which every backup
holds. It is no secret that proves anything: with it a server can merely hide its own bounces.
"""

import logging
from hashlib import blake2b
from pathlib import Path
from typing import Final

from bouncegate.config.replies import UNMARKED, mark_with
from bouncegate.store.errors import StoreError
from bouncegate.store.layout import require_usable
from bouncegate.store.purged import read_or_make_salt, read_salt

_LOG: Final = logging.getLogger("bouncegate.mark")
_DIGEST: Final = 4
_FOR_MARK: Final = b"mark"


def mark_of(salt: bytes) -> str:
    """The mark of the installation that has a salt."""
    return mark_with(blake2b(digest_size=_DIGEST, key=salt, person=_FOR_MARK).hexdigest())


def made_mark(folder: Path) -> str:
    """The mark of the store in a folder, whose salt is made if there is none; raises StoreError."""
    require_usable(folder, readonly=False)
    return mark_of(read_or_make_salt(folder))


def known_mark(folder: Path) -> str:
    """The same for who may not write there; empty where it cannot be read."""
    try:
        salt = read_salt(folder)
    except StoreError:
        return ""
    return "" if salt is None else mark_of(salt)


class InstallationMark:
    """The mark as it is needed, by a daemon that may run before its store is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mark = ""
        self._logged = ""

    def __call__(self) -> str:
        """The mark; one that is nobody's, and the log says so, where it cannot be had."""
        if not self._mark:
            try:
                self._mark = made_mark(self._folder)
            except StoreError as error:
                if str(error) != self._logged:
                    self._logged = str(error)
                    _LOG.error("our own refusals cannot be recognized in DSNs: %s", error)
                return UNMARKED
        return self._mark
