"""What an upgrade of the Debian package asks of systemd, for daemons that run."""

import subprocess
from pathlib import Path

import pytest

POSTINST = Path(__file__).resolve().parents[2] / "debian/bouncegate.postinst"
HELD = [f"bouncegate-{name}.service" for name in ("milter", "return-path", "map")]
OTHERS = [f"try-restart bouncegate-{name}.service" for name in ("maintain", "events", "cluster")]
REMOVED = [f"{verb} bouncegate-notices.service" for verb in ("stop", "disable")]
PROGRAMS = {
    "py3compile": "",
    "sleep": "",
    "bouncegate": "echo bouncegate 2.0",
    "deb-systemd-invoke": 'echo "$*" >>"$CALLS"; [ "$1" != reload ] || exit "$RELOAD"',
    "systemctl": (
        'case "$*" in\n*disable*) echo "${*#--quiet }" >>"$CALLS" ;;\n'
        '--quiet*) exit "$ACTIVE" ;;\nshow*) echo "$STATUS" ;;\nesac'
    ),
}


def upgrade(
    folder: Path, status: str, *, active: int = 0, reload: int = 0
) -> tuple[list[str], str]:
    """What is asked for, and what the administrator is told."""
    script = folder / "postinst"
    text = POSTINST.read_text().replace("/run/systemd/system", str(folder))
    script.write_text(text.replace("/var/lib/bouncegate", str(folder)))
    for name, body in PROGRAMS.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    calls = folder / "calls"
    calls.touch()
    done = subprocess.run(
        ["/bin/sh", str(script), "configure", "1.0"],
        env={
            "PATH": f"{folder}:/usr/bin:/bin",
            "CALLS": str(calls),
            "STATUS": f"StatusText={status}",
            "ACTIVE": str(active),
            "RELOAD": str(reload),
        },
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return calls.read_text().splitlines(), done.stderr


def test_package_upgrade_reloads_what_holds_sessions_and_restarts_the_rest(tmp_path: Path) -> None:
    calls, told = upgrade(tmp_path, "2 workers on unix:/x, mode enforce, version 2.0")
    assert calls == [*(f"reload {unit}" for unit in HELD), *OTHERS, *REMOVED]
    assert told == ""


def test_package_upgrade_restarts_a_daemon_that_does_not_tell_its_version(tmp_path: Path) -> None:
    calls, told = upgrade(tmp_path, "")
    assert calls == [*(f"try-restart {unit}" for unit in HELD), *OTHERS, *REMOVED]
    assert told == ""


def test_package_upgrade_restarts_a_daemon_that_cannot_be_reloaded(tmp_path: Path) -> None:
    calls, _ = upgrade(tmp_path, "2 workers on unix:/x, version 2.0", reload=1)
    assert [call for call in calls if HELD[0] in call] == [
        f"reload {HELD[0]}",
        f"try-restart {HELD[0]}",
    ]


@pytest.mark.parametrize(
    "status",
    ["2 workers, version 1.0", "2 workers, version 1.0; the installed code cannot start: see ..."],
)
def test_package_upgrade_says_that_the_old_version_goes_on(tmp_path: Path, status: str) -> None:
    calls, told = upgrade(tmp_path, status)
    assert calls == [*(f"reload {unit}" for unit in HELD), *OTHERS, *REMOVED]
    assert f"{HELD[0]} still runs the old version: see journalctl -u {HELD[0]}" in told


def test_package_upgrade_starts_nothing_that_does_not_run(tmp_path: Path) -> None:
    calls, told = upgrade(tmp_path, "", active=3)
    assert calls == [*OTHERS, *REMOVED]
    assert told == ""


def test_package_upgrade_says_where_notices_of_an_earlier_version_are_left(tmp_path: Path) -> None:
    (tmp_path / "notices").mkdir()
    assert upgrade(tmp_path, "", active=3)[1] == ""
    (tmp_path / "notices/1").touch()
    assert (
        f"{tmp_path}/notices has notices that are no longer sent"
        in (upgrade(tmp_path, "", active=3)[1])
    )
