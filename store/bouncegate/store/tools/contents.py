"""What a backup holds, by name, and the manifest that vouches for it.

    manifest.json         what follows, with sizes and SHA-256
    data.mdb              the store, without free pages
    ledger/data.mdb       the ledger of sends
    messages/DAY/*.zst    the bounce messages that are too large for the store
    bulk/decided          an operator's act that was decided and not carried out yet
    keys ...              whatever else lies in the store's folder: the secrets that sign

The secrets belong to it: without them no bounce of what is under way could be proven after a
restore. So a backup is as secret as the store.
"""

import re
from typing import Final

import msgspec

from bouncegate.store.ledger import FOLDER as LEDGER_FOLDER

MANIFEST: Final = "manifest.json"
DATA: Final = "data.mdb"
LEDGER: Final = f"{LEDGER_FOLDER}/{DATA}"
DECIDED: Final = "bulk/decided"
MESSAGES: Final = "messages"

FORMAT: Final = 1
LARGEST_SECRET: Final = 2**20
"""A larger file beside `data.mdb` is not ours."""

LARGEST_MESSAGE: Final = 2**30
"""Octets of a message as it is kept: [return_path] max_size is far below."""

_MESSAGE: Final = rf"{MESSAGES}/\d{{4}}-\d\d-\d\d/[0-9a-f]{{32}}\.zst"
_SECRET: Final = r"[a-z][a-z0-9_-]*"
_NAMES: Final = re.compile(
    "|".join((re.escape(DATA), re.escape(LEDGER), re.escape(DECIDED), _MESSAGE, _SECRET))
)
_NO_SECRETS: Final = frozenset({"writers"})


class File(msgspec.Struct, frozen=True):
    """One file of a backup."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup is made of, apart from messages: their names tell what they hold."""

    format: int
    made: str
    """UTC, ISO 8601."""
    layout: int
    files: dict[str, File]
    messages: int = 0


def may_belong(name: str) -> bool:
    """Whether a backup may hold a file of that name: no other is ever written."""
    return _NAMES.fullmatch(name) is not None


def is_message(name: str) -> bool:
    """Whether it is a bounce message."""
    return name.startswith(f"{MESSAGES}/")


def is_secret(name: str) -> bool:
    """Whether a file of the store's folder is a secret that goes with it."""
    return re.fullmatch(_SECRET, name) is not None and name not in _NO_SECRETS
