"""The lock that all writers of an environment share, and that is held exclusively to replace its
file.

A process that has `data.mdb` open goes on writing into it when another file has taken its name, and
what it writes is lost. LMDB's own locks do not tell writers from readers, and readers need not
leave: they take up the new file. So every writer holds a shared lock on the file `writers` beside
`data.mdb`, from opening to closing (flock(2): it ends with the process, however that ends).
"""

import fcntl
import os
from pathlib import Path
from typing import IO, Final, Self

from bouncegate.store.environment import DATA, lock_exclusively
from bouncegate.store.errors import StoreBusy
from bouncegate.store.fileaccess import inaccessible
from bouncegate.store.layout import hand_over, require_usable

FILE: Final = "writers"
_MODE: Final = 0o660


class WriterLock:
    """The right to write into the environment of a folder, until `release`."""

    def __init__(self, file: IO[bytes], data: int | None = None, *, is_exclusive: bool) -> None:
        """Hold the lock that is on a file, and that on `data.mdb`, by its descriptor."""
        self._file = file
        self._data = data
        self.is_exclusive: Final = is_exclusive

    @classmethod
    def shared(cls, folder: Path) -> Self:
        """The right together with other writers; raises StoreError."""
        held = "its file is being replaced (bouncegate store): try again in a moment"
        return cls(_locked(folder, fcntl.LOCK_SH, held), is_exclusive=False)

    @classmethod
    def exclusive(cls, folder: Path) -> Self:
        """The right of one process; raises StoreBusy while another has the environment open to
        write.

        To open it meanwhile is refused.
        """
        held = (
            "a process has it open for writing: stop bouncegate-return-path, bouncegate-maintain "
            "and, for the ledger, bouncegate-milter, and let other commands end"
        )
        file = _locked(folder, fcntl.LOCK_EX, held)
        try:
            return cls(file, lock_exclusively(folder / DATA), is_exclusive=True)
        except BlockingIOError:
            file.close()
            raise StoreBusy(f"{folder}: {held}") from None
        except OSError as error:
            file.close()
            raise inaccessible(error, folder) from error

    def release(self) -> None:
        """Release the lock."""
        self.let_write()
        self._file.close()

    def let_write(self) -> None:
        """Let this process write, which keeps others out: whoever writes locks the file itself."""
        data, self._data = self._data, None
        if data is not None:
            os.close(data)

    def __enter__(self) -> Self:
        """Hold it until the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release the lock."""
        self.release()


def _locked(folder: Path, kind: int, held: str) -> IO[bytes]:
    path = folder / FILE
    require_usable(folder, readonly=False)
    try:
        file = open(path, "ab", opener=_opener)  # noqa: SIM115 - held until it is given up
    except OSError as error:
        raise inaccessible(error, path) from error
    try:
        hand_over(path, folder)
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise StoreBusy(f"{folder}: {held}") from None
    return file


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags, _MODE)
