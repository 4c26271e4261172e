"""The steps of an installation and of its reverse: each knows whether it is done, and does it."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from bouncegate.admin.setup.accounts import Accounts

_SECONDS: Final = 60


class SetupError(OSError):
    """A step cannot be done; the text says which and why."""


class Step(Protocol):
    """One change to the machine."""

    def __str__(self) -> str:
        """What it does, for the administrator."""
        ...

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        ...

    def do(self) -> None:
        """Do it; raises OSError."""


@dataclass(frozen=True)
class MakeUser:
    """A user of the system that nobody logs in as, with a group of its own."""

    name: str
    home: Path
    accounts: Accounts

    def __str__(self) -> str:
        return f"create the user {self.name}"

    @property
    def is_done(self) -> bool:
        """Whether there is one."""
        return self.accounts.user(self.name) is not None

    def do(self) -> None:
        """Ask useradd(8)."""
        options = ("--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin")
        run("useradd", *options, "--home-dir", str(self.home), self.name)


@dataclass(frozen=True)
class MakeFolder:
    """A folder with its owner and mode."""

    path: Path
    mode: int
    user: str
    group: str
    accounts: Accounts

    def __str__(self) -> str:
        return f"create {self.path} ({self.user}:{self.group}, {self.mode:04o})"

    @property
    def is_done(self) -> bool:
        """Whether it is there and belongs to whom it should."""
        try:
            found = self.path.stat()
        except OSError:
            return False
        owners = (self.accounts.user(self.user), self.accounts.group(self.group))
        return (found.st_uid, found.st_gid) == owners and found.st_mode & 0o7777 == self.mode

    def do(self) -> None:
        """Make it; its mode last, since a change of the owner takes the setgid bit away."""
        user, group = self.accounts.user(self.user), self.accounts.group(self.group)
        if user is None or group is None:
            raise SetupError(f"{self.path}: there is no {self.user}:{self.group}")
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(self.path, user, group)
        self.path.chmod(self.mode)


@dataclass(frozen=True)
class WriteFile:
    """A file with a text; one that is there is kept where the administrator edits it."""

    path: Path
    text: str
    keeps: bool = False

    def __str__(self) -> str:
        return f"{'replace' if self.path.exists() else 'write'} {self.path}"

    @property
    def is_done(self) -> bool:
        """Whether it is there, with this text or the administrator's."""
        try:
            return (self.keeps and self.path.exists()) or self.path.read_text("utf-8") == self.text
        except (OSError, UnicodeError):
            return False

    def do(self) -> None:
        """Write it beside its place and move it there: it is whole or not there."""
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        fresh.write_text(self.text, "utf-8")
        fresh.chmod(0o644)
        fresh.replace(self.path)


@dataclass(frozen=True)
class MakeLink:
    """A name of the command that every user's PATH has."""

    path: Path
    target: Path

    def __str__(self) -> str:
        return f"link {self.path} to {self.target}"

    @property
    def is_done(self) -> bool:
        """Whether the name leads there."""
        return self.path.is_symlink() and self.path.readlink() == self.target

    def do(self) -> None:
        """Make it; what is there and is no link of ours stays."""
        if self.path.is_symlink():
            self.path.unlink()
        elif self.path.exists():
            raise SetupError(f"{self.path}: is there already and is no link: remove it")
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.path.symlink_to(self.target)


@dataclass(frozen=True)
class Remove:
    """A file, a link or a whole folder that goes."""

    path: Path

    def __str__(self) -> str:
        return f"remove {self.path}"

    @property
    def is_done(self) -> bool:
        """Whether it is gone."""
        return not os.path.lexists(self.path)

    def do(self) -> None:
        """Remove it."""
        if self.path.is_dir() and not self.path.is_symlink():
            shutil.rmtree(self.path)
        else:
            self.path.unlink()


@dataclass(frozen=True)
class Run:
    """A program that follows from other steps; with none of these there is nothing to run."""

    argv: tuple[str, ...]
    after: tuple[Step, ...]

    def __str__(self) -> str:
        return f"run {' '.join(self.argv)}"

    @property
    def is_done(self) -> bool:
        """Whether no step before it has anything to do."""
        return all(step.is_done for step in self.after)

    def do(self) -> None:
        """Run it."""
        run(*self.argv)


def run(*argv: str) -> None:
    """Run a program of the system; raises SetupError."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"{argv[0]}: {error}") from error
    if done.returncode:
        raise SetupError(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}")
