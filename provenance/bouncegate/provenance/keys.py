"""The secrets that sign return paths: a file of mode 0600, several keys at once.

A line a key: its number, the day it was made, its secret in hexadecimal. The last line signs;
the others are still good for what they have signed. The daemons make the file when it is not
there; `bouncegate keys rotate` adds a key.
"""

import os
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, Self

from bouncegate.config.regularfile import open_regular

KEY_FILE: Final = "keys"
"""The name of the key file, in the folder of the store."""

_SECRET_OCTETS: Final = 32
_LARGEST_FILE: Final = 65_536  # far more than so many keys
_NUMBERS: Final = 256  # one octet of the token
# More than anyone rotates within a queue's lifetime; older ones have signed nothing that lives.
_MOST_KEYS: Final = 16
_MODE: Final = 0o600


class KeyFileError(Exception):
    """The key file cannot be used; the text says what to do."""

    exit_code: Final = os.EX_CONFIG


class Key(NamedTuple):
    """One secret."""

    number: int
    made: int
    """Seconds since 1970."""
    secret: bytes


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
                    raise KeyFileError(f"{path}: others may read it: chmod 600 {path}")
                lines = file.read(_LARGEST_FILE).decode("ascii").splitlines()
            keys = tuple(_key(path, number, line) for number, line in enumerate(lines, 1))
        except FileNotFoundError as error:
            if path.is_symlink():
                raise KeyFileError(f"{path}: links to a file that is not there") from error
            raise
        except (OSError, UnicodeDecodeError) as error:
            raise KeyFileError(f"{path}: cannot be read: {error}") from error
        if not keys:
            raise KeyFileError(f"{path}: no key in it: remove it, a new one will be made")
        return cls(keys)


class KeyFile:
    """The keys of a file as a daemon holds them: read at the start, and when one is missing."""

    def __init__(self, path: Path, now: int) -> None:
        """Read the file, or make it; raises KeyFileError."""
        self._path = path
        self.ring = load_or_make(path, now)

    def reread(self) -> KeyRing:
        """The keys as they are now: another daemon may sign with a new one already.

        A file that cannot be read any more leaves the keys as they were.
        """
        with suppress(KeyFileError, FileNotFoundError):
            self.ring = KeyRing.load(self._path)
        return self.ring


def load_or_make(path: Path, now: int) -> KeyRing:
    """The keys of a file, which is made with one key if it is not there; raises KeyFileError."""
    try:
        return KeyRing.load(path)
    except FileNotFoundError:
        pass
    draft = _draft(path, (_new_key(1, now),))
    try:
        # Of two daemons that start at once one wins, and both sign with what it made.
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    return KeyRing.load(path)


def rotate(path: Path, now: int) -> KeyRing:
    """Add a key that signs from now on; raises KeyFileError."""
    old = load_or_make(path, now).keys
    number = (old[-1].number + 1) % _NUMBERS
    keys = (*old[-_MOST_KEYS + 1 :], _new_key(number, now))
    _draft(path, keys).replace(path)
    return KeyRing(keys)


def _new_key(number: int, now: int) -> Key:
    return Key(number, now, secrets.token_bytes(_SECRET_OCTETS))


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
        raise KeyFileError(f"{path}:{number}: no key: a number, a date and a secret") from None
    if not 0 <= key.number < _NUMBERS or len(key.secret) != _SECRET_OCTETS:
        raise KeyFileError(f"{path}:{number}: a number below 256 and 64 hexadecimal digits")
    return key
