"""The daemons work within the limits of their units: a sandbox that breaks one is found here.

Else an administrator finds it, when `systemctl start` has nothing to say but a signal.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path

import pytest
from tests.unit.classifier.test_return_path import dsn
from tests.unit.cli.daemonprocess import children_of

from bouncegate.admin.doctor.daemons import check_daemons
from bouncegate.admin.doctor.findings import Severity
from bouncegate.config.loading import load
from lab.notify import NotifySocket
from lab.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
SYSTEMD = ROOT / "systemd"
COMMAND = Path(sys.executable).with_name("bouncegate")
DAEMONS = ("milter", "return-path", "map", "maintain", "events")

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("systemd-analyze") is None or find_library("seccomp") is None,
    reason="needs root, systemd-analyze and libseccomp, to apply what systemd applies",
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """State and sockets, with a config file; short enough for a socket, and nobody's."""
    with tempfile.TemporaryDirectory(prefix="bgs", dir="/var/tmp") as name:
        path = Path(name)
        (path / "store").mkdir()
        sections = "".join(
            f'[{key}]\nsocket = "unix:{path}/{key}.sock"\n'
            for key in ("milter", "return_path", "map")
        )
        (path / "bouncegate.toml").write_text(
            f'[store]\npath = "{path}/store"\nmap_size = "64 MiB"\n'
            f"{sections}[dns]\nenabled = false\n[ledger]\nenabled = true\n"
            "[events]\nenabled = true\n"
            f'[[events.endpoint]]\nname = "folder"\nspool = "{path}/store/spool"\n'
            '[[events.endpoint]]\nname = "nobody"\nurl = "http://127.0.0.1:9/"\n'
        )
        (path / "store/spool").mkdir()
        for one in (path, *path.rglob("*")):
            shutil.chown(one, "nobody", "nogroup")
        yield path


def argv(unit: str, folder: Path, *command: str) -> list[str]:
    namespaces = ("--mount", "--ipc", "--net")
    script = Path(__file__).with_name("sandbox.py")
    words = [SYSTEMD / unit, folder, ROOT, "--", *command]
    return ["unshare", *namespaces, sys.executable, str(script), *map(str, words)]


def bouncegate(folder: Path, *words: str) -> list[str]:
    return [str(COMMAND), "--config", str(folder / "bouncegate.toml"), *words]


@contextmanager
def running(name: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon in its sandbox that has said that it is ready."""
    with notifying(name, folder) as (process, _):
        yield process


@contextmanager
def notifying(name: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], NotifySocket]]:
    """The same, with the socket at which it says so."""
    with NotifySocket(folder / "notify") as ready:
        (folder / "notify").chmod(0o777)
        process = subprocess.Popen(
            argv(f"bouncegate-{name}.service", folder, *bouncegate(folder, name)),
            env={**os.environ, "NOTIFY_SOCKET": str(ready.path), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        try:
            wait_for("it is ready", lambda: ready.is_ready() or process.poll() is not None)
            assert process.poll() is None, "it ended in its sandbox"
            yield process, ready
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("name", DAEMONS)
def test_a_daemon_starts_answers_and_ends_within_the_limits_of_its_unit(
    name: str, folder: Path
) -> None:
    with running(name, folder):
        assert answering(folder) == ({name} if name in ("milter", "return-path", "map") else set())


@pytest.mark.parametrize("name", ["milter", "return-path", "map"])
def test_a_daemon_takes_new_code_within_the_limits_of_its_unit(name: str, folder: Path) -> None:
    with notifying(name, folder) as (process, ready):
        old = set(children_of(process.pid))
        ready.forget()
        process.send_signal(signal.SIGUSR2)
        wait_for("the new code is ready", ready.is_ready)
        wait_for("the old processes have ended", lambda: not old & set(children_of(process.pid)))
        assert len(children_of(process.pid)) == len(old)
        assert answering(folder) == {name}


def answering(folder: Path) -> set[str]:
    found = check_daemons(load(folder / "bouncegate.toml"))
    return {one.check for one in found if one.severity is Severity.OK}


def test_events_reach_folders_and_the_network_within_the_limits_of_their_unit(
    folder: Path,
) -> None:
    lock = bouncegate(folder, "lock", "a@b.example")
    as_maintain = argv("bouncegate-maintain.service", folder, *lock)
    subprocess.run(as_maintain, check=True, capture_output=True, timeout=60)
    with running("events", folder):
        time.sleep(2.0)  # its endpoints have begun
        lock = bouncegate(folder, "lock", "c@d.example")
        as_maintain = argv("bouncegate-maintain.service", folder, *lock)
        subprocess.run(as_maintain, check=True, capture_output=True, timeout=60)
        spool = folder / "store/spool"
        wait_for("the event", lambda: list(spool.glob("*.json")))
        (event,) = spool.glob("*.json")
        assert '"c@d.example"' in event.read_text()
        status = bouncegate(folder, "events", "log", "nobody", "--json")
        wait_for("an attempt", lambda: subprocess.check_output(status))
        attempt = subprocess.check_output(status, text=True)
    # The sandbox of the test has no network behind its sockets; that of the unit allows them.
    assert "Address family not supported" not in attempt
    assert "unreachable" in attempt or "refused" in attempt


def test_the_return_path_makes_a_bounce_durable_within_the_limits_of_its_unit(
    folder: Path,
) -> None:
    done = subprocess.run(
        argv("bouncegate-return-path.service", folder, *bouncegate(folder, "receive")),
        input=dsn("gone@orchard.example", "1"), capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"event=1" in done.stderr


def test_the_backup_is_made_within_the_limits_of_its_unit(folder: Path) -> None:
    backups = folder / "store/backups"
    backups.mkdir()
    shutil.chown(backups, "nobody", "nogroup")
    in_sandbox = argv(
        "bouncegate-backup.service", folder,
        "/bin/sh", "-c", 'for _ in 1 2 3; do "$@" || exit; sleep 1.1; done', "sh",
        *bouncegate(folder, "store", "backup", "--keep", "2", str(backups)),
    )  # fmt: skip
    locked = subprocess.run(
        argv("bouncegate-maintain.service", folder, *bouncegate(folder, "lock", "a@b.example")),
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert locked.returncode == 0, locked.stderr
    done = subprocess.run(in_sandbox, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list(backups.iterdir())) == 2


FORBIDDEN = {
    "write to the system": "open('/etc/bouncegate-was-here', 'w')",
    "see /tmp of others": "open(__import__('sys').argv[1])",
    "speak to a network": "__import__('socket').socket(__import__('socket').AF_INET)",
    "make code as it runs": "__import__('mmap').mmap(-1, 4096, prot=7)",
    "mount": "__import__('ctypes').CDLL(None).mount(b'a', b'/mnt', b'tmpfs', 0, 0) and 1 / 0",
    "become root": "__import__('os').setuid(0)",
}


@pytest.mark.parametrize("deed", FORBIDDEN)
def test_the_sandbox_is_one(folder: Path, deed: str) -> None:
    """Were nothing applied, the tests above would prove nothing."""
    with tempfile.NamedTemporaryFile(dir="/tmp") as others:
        code = (sys.executable, "-c", FORBIDDEN[deed], others.name)
        done = subprocess.run(
            argv("bouncegate-return-path.service", folder, *code),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1, deed
    assert done.stderr.splitlines()[-1].split(":")[0] in {
        "OSError", "PermissionError", "FileNotFoundError", "ZeroDivisionError",
    }  # fmt: skip
