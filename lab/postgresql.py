"""A private PostgreSQL: its own data, socket and loopback port, all in a lab's folder.

It runs as an unprivileged user: PostgreSQL refuses root. Whoever reaches the socket or the port is
let in as whom they name, without a password.
"""

import os
import pwd
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from lab.folder import LabFolder, Process
from lab.waiting import wait_for

ADDRESS: Final = "127.0.0.1"
SUPERUSER: Final = "postgres"

# What a crash of the machine would cost is nothing to most tests: a kill of PostgreSQL costs none.
_FAST: Final = {"fsync": "off", "full_page_writes": "off"}
_COMMON: Final = {
    "listen_addresses": f"'{ADDRESS}'",
    "max_connections": "30",
    "shared_buffers": "'32MB'",
    "max_wal_senders": "3",
    "wal_level": "replica",
    "log_min_messages": "warning",
    "timezone": "'UTC'",
}


def is_installed() -> bool:
    """Whether this machine has PostgreSQL's programs."""
    return _programs() is not None


class PostgreSQL:
    """One server with one empty database, which is named `bouncegate`."""

    def __init__(
        self,
        folder: LabFolder,
        name: str = "postgresql",
        *,
        fast: bool = True,
        follows: "PostgreSQL | None" = None,
    ) -> None:
        """Lay out the data; `start` runs it. `fast` does without syncing to the disk.

        `follows`: a server that runs, as whose standby this one begins.
        """
        self._folder = folder
        self._name = name
        self._process: Process | None = None
        self._settings = {**_COMMON, **(_FAST if fast else {})}
        self.base: Final = folder.path / name
        self.data: Final = self.base / "data"
        self.port: Final = folder.reserve_port()
        self.base.mkdir()
        if os.geteuid() == 0:
            os.chown(self.base, *_user())
        if follows is None:
            self._run("initdb", "-D", self.data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8",
                      "--locale=C.UTF-8", "--no-sync")  # fmt: skip
        else:
            self._run("pg_basebackup", "-R", "-X", "stream", "--checkpoint=fast", "--no-sync",
                      "-D", self.data, "-h", follows.base, "-p", str(follows.port),
                      "-U", SUPERUSER)  # fmt: skip
        self.configure()

    def configure(self, **settings: str) -> None:
        """Write the settings, some more or others among them; a start makes them take effect."""
        self._settings |= {"unix_socket_directories": f"'{self.base}'", "port": str(self.port)}
        self._settings |= settings
        text = "".join(f"{name} = {value}\n" for name, value in self._settings.items())
        self._write("lab.conf", text)
        main = self.data / "postgresql.conf"
        if "include 'lab.conf'" not in main.read_text():
            self._write("postgresql.conf", f"{main.read_text()}\ninclude 'lab.conf'\n")

    def start(self) -> None:
        """Run it; on return it answers, and has the database."""
        program = str(_program("postgres"))
        self._process = self._folder.start(
            self._name, [*_unprivileged(), program, "-D", str(self.data)]
        )
        self._process.wait_until("it answers", self._answers)
        if self._data_of("select 1 from pg_database where datname = 'bouncegate'") != "1":
            self._data_of("create database bouncegate")

    def stop(self) -> None:
        """End it at once but in order: clients are cut off, all that was committed is written."""
        process = self._running()
        process.send_signal(signal.SIGINT)
        wait_for(f"{self._name} ends", lambda: process.returncode is not None)
        process.stop()
        self._process = None

    def kill(self) -> None:
        """End all its processes as `kill -9` does."""
        process = self._running()
        self._signal(signal.SIGKILL)
        process.kill()
        self._process = None

    def restart(self) -> None:
        """Stop it, and start it again."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Let all its processes stand still, as SIGSTOP does."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def conninfo(self, user: str = SUPERUSER, *, tcp: bool = False) -> str:
        """How to connect to the database, as libpq writes it."""
        host = ADDRESS if tcp else str(self.base)
        return f"host={host} port={self.port} dbname=bouncegate user={user}"

    def psql(self, sql: str, user: str = SUPERUSER, database: str = "bouncegate") -> str:
        """Run SQL; its rows without decoration. Raises RuntimeError with psql's words."""
        plain = ("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1")
        return self.run("psql", *plain, "-U", user, "-d", database, stdin=sql).strip()

    def run(self, program: str, *argv: str, stdin: str = "") -> str:
        """Run one of PostgreSQL's clients on this server; raises RuntimeError with its words."""
        port = str(self.port)
        whole = [str(_program(program)), "-h", str(self.base), "-p", port, *argv]
        if "-U" not in argv:
            whole[1:1] = ["-U", SUPERUSER]
        return self._command(whole, stdin)

    def copy(self, to: str) -> Path:
        """Copy the data of a server that is stopped; the copy's folder."""
        target = self.base / to
        self._command(["cp", "-a", str(self.data), str(target)])
        return target

    def restore(self, copy: Path) -> None:
        """Put a copy in place of the data of a server that is stopped."""
        self._command(["rm", "-rf", str(self.data)])
        self._command(["cp", "-a", str(copy), str(self.data)])

    def promote(self) -> None:
        """Make a standby the primary; on return it takes writes."""
        if self._data_of("select pg_promote()") != "t":
            raise RuntimeError(f"{self._name} could not be promoted")

    def install(self, name: str, text: str) -> None:
        """Write a file that only the server can read into its data."""
        self._write(name, text)
        self._command(["chmod", "600", str(self.data / name)])

    def wait_for_rows(self, table: str, many: int) -> None:
        """Wait until a table has as many rows."""
        count = f"SELECT count(*) FROM {table}"
        wait_for(f"{many} rows in {table}", lambda: self.psql(count) == str(many))

    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError(f"{self._name} does not run")
        return self._process

    def _signal(self, number: signal.Signals) -> None:
        postmaster = self._running().pid
        listed = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in (postmaster, *map(int, listed)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _answers(self) -> bool:
        with suppress(RuntimeError):
            return self._data_of("select 1") == "1"
        return False

    def _data_of(self, sql: str) -> str:
        return self.psql(sql, database="postgres")

    def _write(self, name: str, text: str) -> None:
        path = self.data / name
        self._command(["tee", str(path)], text)

    def _run(self, name: str, *argv: str | Path, stdin: str = "") -> str:
        return self._command([str(_program(name)), *map(str, argv)], stdin)

    def _command(self, argv: list[str], stdin: str = "") -> str:
        done = subprocess.run(
            [*_unprivileged(), *argv],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=self.base,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
        )
        if done.returncode:
            raise RuntimeError(f"{argv[0]} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout


def _programs() -> Path | None:
    """The folder of the newest version: Debian keeps several side by side, outside of $PATH."""
    found = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    versions = sorted(found, key=lambda path: int(re.sub(r"\D", "", path.parts[-3]) or 0))
    if versions:
        return versions[-1].parent
    alone = shutil.which("postgres")
    return Path(alone).resolve().parent if alone else None


def _program(name: str) -> Path:
    folder = _programs()
    if folder is None:
        raise RuntimeError("PostgreSQL is not installed; ./run test installs it")
    return folder / name


def _user() -> tuple[int, int]:
    """The user and the group that it runs as where we are root."""
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    return entry.pw_uid, entry.pw_gid


def _unprivileged() -> list[str]:
    """What stands before a command that root may not run itself."""
    if os.geteuid() != 0:
        return []
    user, group = _user()
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--"]
