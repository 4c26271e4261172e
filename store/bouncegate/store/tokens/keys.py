"""The secrets that sign return paths: a file of mode 0600, several keys at once.

A line a key: its number, the day it was made, its secret in hexadecimal. Numbers are drawn by
chance, so that no two machines give the same one to different keys. The last line signs; the others
are still good for what they have signed. The daemons make the file when it is not there;
`bouncegate keys rotate` adds a key, and a line that is taken out ends one.
"""

import logging
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final, NamedTuple, Self

from bouncegate.config.regularfile import open_regular

KEY_FILE: Final = "keys"
"""The name of the key file, in the folder of the store."""

_SECRET_OCTETS: Final = 32
_LARGEST_FILE: Final = 65_536  # far more than so many keys
_NUMBERS: Final = 1 << 32  # four octets of the token
_FEWEST_KEPT: Final = 15  # however old they are
_MOST_KEYS: Final = 500  # so that the file stays below its largest size
_MODE: Final = 0o600
_RELOAD_EVERY: Final = 1.0
_ALARM_EVERY: Final = 60.0

_LOG: Final = logging.getLogger("bouncegate.keys")


class KeyFileError(Exception):
    """The key file cannot be used; the text says what to do."""

    exit_code: ClassVar[int] = os.EX_CONFIG


class KeyFileForbidden(KeyFileError):
    """The file system does not let this user read the key file."""

    exit_code = os.EX_NOPERM


class Key(NamedTuple):
    """One secret."""

    number: int
    made: int
    """Seconds since 1970."""
    secret: bytes

    def __repr__(self) -> str:
        """Without the secret, which must not get into a log."""
        return f"Key({self.number})"


class _State(NamedTuple):
    device: int
    inode: int
    size: int
    modified: int
    changed: int


class KeyRing:
    """The keys in force, the newest last."""

    def __init__(self, keys: tuple[Key, ...]) -> None:
        """Take at least one key."""
        self.keys = keys
        self.current = keys[-1]
        self._by_number = {key.number: key for key in keys}

    def by_number(self, number: int) -> Key | None:
        """The key of a number, if it is in force."""
        return self._by_number.get(number)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a key file; raises KeyFileError, FileNotFoundError."""
        try:
            with open_regular(path) as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise KeyFileError(f"{path}: readable by other users: chmod 600 {path}")
                lines = file.read(_LARGEST_FILE).decode("ascii").splitlines()
            keys = tuple(_key(path, number, line) for number, line in enumerate(lines, 1))
        except FileNotFoundError as error:
            if path.is_symlink():
                raise KeyFileError(f"{path}: broken link") from error
            raise
        except PermissionError as error:
            raise KeyFileForbidden(
                f"{path}: permission denied: run as the user that owns the store"
            ) from error
        except OSError as error:
            raise KeyFileError(f"{path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise KeyFileError(f"{path}: cannot be read: not ASCII") from error
        if not keys:
            raise KeyFileError(f"{path}: contains no key: remove it, and a new one is created")
        return cls(keys)


class KeyFile:
    """The keys of a file as a daemon holds them: those that stand in it now.

    A key that is taken out ends at once, so the file is looked at once a second while keys are
    asked for. A file that cannot be read any more has no keys that are believed; what is signed
    goes on with the newest that was read, since mail must flow.
    """

    def __init__(self, path: Path, now: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file, or make it; raises KeyFileError. `clock` tells seconds since any time."""
        self._path = path
        self._clock = clock
        self._ring = load_or_make(path, now)
        self._read: _State | None = None
        self._next_reload = self._next_alarm = clock()
        self.reload()

    @property
    def ring(self) -> KeyRing:
        """The keys as they were read last; never raises."""
        if self._clock() >= self._next_reload:
            self.reload()
        return self._ring

    @property
    def is_readable(self) -> bool:
        """Whether these are the keys of the file, and not what it held before it broke."""
        return self._read is not None

    def reload(self) -> None:
        """Read the file if it is another one, or has changed; says so where it cannot be read."""
        self._next_reload = self._clock() + _RELOAD_EVERY
        try:
            state = _state_of(self._path)  # what is written behind this is read the next time
            if state != self._read:
                self._ring = KeyRing.load(self._path)
                self._read = state
        except (KeyFileError, OSError) as error:
            self._read = None
            if self._clock() >= self._next_alarm:
                self._next_alarm = self._clock() + _ALARM_EVERY
                _LOG.error(
                    "%s: mail is still signed; bounces wait until the file can be read", error
                )


def load_or_make(path: Path, now: int) -> KeyRing:
    """The keys of a file, which is made with one key if it is not there; raises KeyFileError."""
    try:
        return KeyRing.load(path)
    except FileNotFoundError:
        pass
    draft = _draft(path, (_new_key(now),))
    try:
        # Of two daemons that start at once one wins, and both sign with what it made.
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    return KeyRing.load(path)


def rotate(path: Path, now: int, lifetime: int) -> KeyRing:
    """Add a key that signs from now on; raises KeyFileError.

    Every key that signed within `lifetime`, in seconds, stays: a token of it may still come back.
    """
    old = load_or_make(path, now).keys
    ends = (*(key.made for key in old[1:]), now)  # a key signs until the next one is made
    first = next((n for n, end in enumerate(ends) if end > now - lifetime), len(old))
    keep = min(max(len(old) - first, _FEWEST_KEPT), _MOST_KEYS - 1)
    keys = (*old[-keep:], _new_key(now))
    _draft(path, keys).replace(path)
    return KeyRing(keys)


def _new_key(now: int) -> Key:
    return Key(secrets.randbelow(_NUMBERS), now, secrets.token_bytes(_SECRET_OCTETS))


def _state_of(path: Path) -> "_State":
    """Identifies a file and its version."""
    info = path.stat()
    return _State(info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)


def _draft(path: Path, keys: tuple[Key, ...]) -> Path:
    """A whole key file beside `path`, owned by who owns the folder, and on the disk."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.writelines(f"{k.number} {_day(k.made)} {k.secret.hex()}\n" for k in keys)
            file.flush()
            os.fsync(descriptor)
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.chown(draft, owner.st_uid, owner.st_gid)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written: {error.strerror}") from error
    return draft


def _day(made: int) -> str:
    return datetime.fromtimestamp(made, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _key(path: Path, number: int, line: str) -> Key:
    try:
        name, made, secret = line.split()
        key = Key(int(name), int(datetime.fromisoformat(made).timestamp()), bytes.fromhex(secret))
    except ValueError:
        raise KeyFileError(
            f"{path}:{number}: invalid key: expected a number, a date and a secret"
        ) from None
    if not 0 <= key.number < _NUMBERS or len(key.secret) != _SECRET_OCTETS:
        raise KeyFileError(
            f"{path}:{number}: invalid key: expected a number below 2^32 and 64 hexadecimal digits"
        )
    return key
