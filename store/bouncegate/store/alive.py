"""Mail as a sign of life: the address that copies of it come to, and whether it may be believed.

Authentication-Results are believed only while it is on record that such fields of strangers are
taken out on the way in (RFC 8601, 5). `doctor` and `maintain` prove it by a message of their own;
the record is a file beside the store, for these settings alone, and good for a month.

Copies come to a local part that holds a digest keyed by the salt of the store: no stranger knows
it, so that nothing but Postfix's own copies reaches it.
"""

import base64
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

from bouncegate.config.settings import Settings
from bouncegate.policy.records import State
from bouncegate.store.fileaccess import inaccessible
from bouncegate.store.lastmailed import DAY
from bouncegate.store.layout import hand_over
from bouncegate.store.purged import read_or_make_salt
from bouncegate.store.store import Store

FILE: Final = "alive-proof"
# Filters are changed and updated; `maintain` proves it again every day.
LASTS: Final = 30 * 86_400
_RENEWED: Final = 86_400
_TAG_OCTETS: Final = 10
_PURPOSE: Final = b"alive"
# Days: an address that opens each message must not be written each time.
_WORTH_REMEMBERING: Final = 14


def mailbox_of(settings: Settings) -> str:
    """The local part that copies of mail come to; raises StoreError."""
    salt = read_or_make_salt(settings.store.path)
    tag = blake2b(digest_size=_TAG_OCTETS, key=salt, person=_PURPOSE).digest()
    return f"{settings.alive.mailbox.lower()}-{base64.b32encode(tag).decode().lower()}"


def record(settings: Settings, now: int) -> None:
    """Put on record that a proof succeeded at `now`; raises StoreError."""
    path = settings.store.path / FILE
    fresh = path.with_suffix(".new")
    try:
        fresh.write_text(f"{now} {_digest(settings)}\n", encoding="ascii")
        hand_over(fresh, path.parent)
        fresh.replace(path)
    except OSError as error:
        raise inaccessible(error, path) from error


def withdraw(settings: Settings) -> None:
    """Take the record away, after a proof has failed; raises StoreError."""
    path = settings.store.path / FILE
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise inaccessible(error, path) from error


def is_proven(settings: Settings, now: int) -> bool:
    """Whether a proof for these settings is on record at `now`, and fresh."""
    return 0 <= now - _proven_at(settings.store.path / FILE, _digest(settings)) <= LASTS


def is_due(settings: Settings, now: int) -> bool:
    """Whether to prove it again: the last proof is older than a day."""
    return not is_proven(settings, now + LASTS - _RENEWED)


def _proven_at(path: Path, digest: str) -> int:
    with suppress(OSError, ValueError):
        time, of = path.read_text(encoding="ascii").split()
        if of == digest:
            return int(time)
    return -LASTS


def _digest(settings: Settings) -> str:
    """A digest of the settings that a proof is about."""
    about = repr((settings.return_path.domains.main, settings.alive))
    return blake2b(about.encode("utf-8", "replace"), digest_size=16).hexdigest()


def has_bounced(state: State | None) -> bool:
    """Whether a proof of life would change what is known of an address."""
    return state is not None and (bool(state.first_event) or state.lock is not None)


def is_aged(store: Store, address: str, now: int) -> bool:
    """Whether it is worth remembering that it is in use: it may be stale one day.

    Raises StoreError.
    """
    day = store.lastmailed.day(address)
    return day is not None and day < now // DAY - _WORTH_REMEMBERING
