"""A disk that is full: bounces wait in Postfix, and are taken as soon as there is room again."""

import os
import shutil
import smtplib
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from bouncegate.config.settings import StoreSettings
from bouncegate.store.store import Store

from .test_return_path import COMMAND, Handler, dsn

OWN_MOUNTS = ["unshare", "--user", "--map-root-user", "--mount"]
MOUNT = 'mount -t tmpfs -o size=3m tmpfs "$1" && shift && exec "$@"'


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*OWN_MOUNTS, "true"], capture_output=True, check=False).returncode == 0


class OnSmallDisk(Handler):
    """A return path whose store lies on a disk of three MiB, which nobody else sees."""

    def start(self) -> None:
        store = str(self.folder / "store")
        self.command = [*OWN_MOUNTS, "sh", "-c", MOUNT, "sh", store, *COMMAND]
        super().start()

    @property
    def disk(self) -> Path:
        """The store as the daemon sees it."""
        return Path(f"/proc/{self.process.pid}/root{self.folder}/store")

    def fill(self) -> Path:
        ballast = self.disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            for size in (65_536, 4096, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass
        return ballast


@pytest.mark.skipif(not can_mount(), reason="this machine lets nobody mount a disk of his own")
def test_a_full_disk_is_a_4xx_and_work_goes_on_when_there_is_room(tmp_path: Path) -> None:
    handler = OnSmallDisk(tmp_path)
    try:
        handler.deliver(dsn("first@example.com", "1"))
        ballast = handler.fill()
        refused, taken = set[int](), ["first@example.com"]
        for number in range(2, 40):
            raw = dsn(f"u{number}@example.com", str(number)) + os.urandom(2000).hex().encode()
            try:
                handler.deliver(raw + b"\r\n")
            except smtplib.SMTPDataError as error:
                refused.add(error.smtp_code)
            else:  # free pages of the file may take it still
                taken.append(f"u{number}@example.com")
        assert refused == {451}
        assert "the disk is full" in handler.log()
        ballast.unlink()
        handler.deliver(dsn("last@example.com", "99"))
        with closing(Store.open(StoreSettings(path=handler.disk), readonly=True)) as store:
            assert [address for address, _ in store.addresses.locks()] == sorted(
                [*taken, "last@example.com"]
            )
    finally:
        handler.stop()
