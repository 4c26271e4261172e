"""The units: valid, hardened, and their folders as Postfix needs them."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
COMMAND = Path(sys.executable).with_name("bouncegate")
UNITS = (
    "bouncegate-milter.service",
    "bouncegate-return-path.service",
    "bouncegate-map.service",
    "bouncegate-maintain.service",
    "bouncegate-events.service",
    "bouncegate-cluster.service",
    "bouncegate-backup.service",
    "bouncegate-web.service",
)
DAEMONS = UNITS[:6]

needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@pytest.fixture(params=UNITS)
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A unit that starts the command of this environment instead of /usr/bin's."""
    text = (SYSTEMD / request.param).read_text()
    assert "ExecStart=/usr/bin/bouncegate " in text
    path = tmp_path / str(request.param)
    path.write_text(text.replace("/usr/bin/bouncegate", str(COMMAND)))
    for socket in SYSTEMD.glob("*.socket"):
        shutil.copy(socket, tmp_path)
    return path


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": "cat"}
    return subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=60, env=environment
    )


@needs_analyze
def test_a_unit_is_valid(unit: Path) -> None:
    done = run("systemd-analyze", "verify", "--man=no", str(unit))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_analyze
def test_the_timer_starts_a_unit_that_there_is(tmp_path: Path) -> None:
    for name in ("bouncegate-backup.service", "bouncegate-backup.timer"):
        text = (SYSTEMD / name).read_text().replace("/usr/bin/bouncegate", str(COMMAND))
        (tmp_path / name).write_text(text)
    done = run("systemd-analyze", "verify", "--man=no", str(tmp_path / "bouncegate-backup.timer"))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_backup_is_as_limited_as_the_daemons() -> None:
    limits = {line for line in _limits("bouncegate-map.service") if "=" in line}
    assert limits <= set(_limits("bouncegate-backup.service"))


def _limits(name: str) -> list[str]:
    behind = (SYSTEMD / name).read_text().partition("ProtectSystem=")[2]
    return [line for line in behind.splitlines() if not line.startswith(("#", "WantedBy"))]


WEB = "bouncegate-web.service"


def test_the_page_is_as_limited_as_the_daemons_and_a_little_more() -> None:
    """But it has to see who is at the other end of its socket, and its sockets are systemd's."""
    limits = {line for line in _limits("bouncegate-map.service") if "=" in line}
    page = set(_limits(WEB))
    assert {line.partition("=")[0] for line in limits - page} == {"PrivateUsers", "ReadWritePaths"}
    assert {"PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX", "IPAddressDeny=any"} <= page


@needs_analyze
def test_the_exposure_of_the_page_is_at_most_0_5(tmp_path: Path) -> None:
    text = (SYSTEMD / WEB).read_text()
    path = tmp_path / WEB
    path.write_text(text.replace("/usr/bin/bouncegate", str(COMMAND)))
    done = run("systemd-analyze", "security", "--offline=true", str(path))
    exposure = re.search(r"Overall exposure level for \S+: (\d+\.\d)", done.stdout)
    assert exposure is not None
    assert float(exposure[1]) <= 0.5


@needs_analyze
def test_the_socket_of_the_page_is_valid(tmp_path: Path) -> None:
    for name in (WEB, "bouncegate-web.socket"):
        text = (SYSTEMD / name).read_text().replace("/usr/bin/bouncegate", str(COMMAND))
        (tmp_path / name).write_text(text)
    done = run("systemd-analyze", "verify", "--man=no", str(tmp_path / "bouncegate-web.socket"))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_analyze
def test_verify_would_have_found_a_mistake(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSystem=strictly"))
    done = run("systemd-analyze", "verify", "--man=no", str(unit))
    assert "strictly" in done.stdout + done.stderr


@needs_analyze
def test_the_exposure_of_a_unit_is_at_most_1_5(unit: Path) -> None:
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=15", str(unit))
    assert done.returncode == 0, done.stdout
    exposure = re.search(r"Overall exposure level for \S+: (\d+\.\d)", done.stdout)
    assert exposure is not None
    assert float(exposure[1]) <= 1.5


@needs_analyze
def test_a_unit_without_its_hardening_would_exceed_the_threshold(unit: Path) -> None:
    kept = ("[", "Type=", "ExecStart=")
    lines = [line for line in unit.read_text().splitlines() if line.startswith(kept)]
    unit.write_text("\n".join(lines) + "\n")
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=15", str(unit))
    assert done.returncode != 0


def test_the_units_are_hardened_alike() -> None:
    """A setting added to one daemon's sandbox must not be forgotten in another's."""
    milter, return_path, map_, maintain, events, cluster = (
        (SYSTEMD / name).read_text().partition("StateDirectory=")[2].splitlines()
        for name in DAEMONS
    )
    cores = ["# A busy worker keeps to one core.", "SystemCallFilter=sched_setaffinity"]
    assert [line for line in milter if line not in cores] == return_path == map_ != []
    network = maintain.index(
        "# It asks name servers, and listens for nothing but [metrics] listen. "
        "Where the resolver is on this"
    )
    assert maintain[:network] == map_[:network] == events[:network] == cluster[:network]
    for unit in (events, cluster):
        assert "SocketBindDeny=any" in unit
        assert not [line for line in unit if line.startswith("SocketBindAllow")]


@pytest.mark.skipif(
    shutil.which("systemd-sysusers") is None or os.geteuid() != 0,
    reason="needs systemd-sysusers and root, to give folders to other users",
)
def test_the_socket_folders_admit_postfix_and_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (tmp_path / "etc/group").write_text("root:x:0:\npostfix:x:7321:\n")
    users = run("systemd-sysusers", f"--root={tmp_path}", str(SYSTEMD / "bouncegate.sysusers.conf"))
    assert users.returncode == 0, users.stderr
    passwd = (tmp_path / "etc/passwd").read_text()
    user = re.search(r"^bouncegate:x:(\d+):.*:/usr/sbin/nologin$", passwd, re.MULTILINE)
    assert user is not None

    conf = str(SYSTEMD / "bouncegate.tmpfiles.conf")
    made = run("systemd-tmpfiles", "--create", f"--root={tmp_path}", conf)
    assert made.returncode == 0, made.stderr
    for folder in ("run/bouncegate", "var/spool/postfix/bouncegate"):
        info = (tmp_path / folder).stat()
        assert (info.st_uid, info.st_gid) == (int(user[1]), 7321)
        assert stat.S_IMODE(info.st_mode) == 0o2750
