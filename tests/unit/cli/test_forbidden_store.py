"""A user who may not enter the store's folder is told what to do, whatever the command."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stores import open_store

SAYS = "permission denied: run as the user that owns the store"
NOBODY = 65534
ANN = "ann@example.com"
# One command a line, with the options by which it only reads. FOLDER is that of the store.
COMMANDS = f"""\
list
show {ANN}
explain {ANN}
trace {ANN}
check {ANN}
alive {ANN}
provider {ANN}
export
export {ANN}
simulate
audit
report health
report mailing
report group
report sender
report provider
report domain
report reason
report rate
incident list
incident show 1
undo --reason user-unknown --dry-run
purge --dry-run {ANN}
clock show
keys list
keys rotate
map export texthash:FOLDER/table
store stats
store verify
store backup FOLDER/backup
store restore FOLDER/backup
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that everybody may enter, with a store that its owner alone may."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        store = folder / "store"
        store.mkdir(0o750)
        open_store(store).close()
        (folder / "bouncegate.toml").write_text(
            f'[store]\npath = "{store}"\nmap_size = "64 MiB"\n'
            '[return_path]\ndomain = "return.example.com"\n'
        )
        if _by_nobody(folder, "--version").returncode:
            pytest.skip("other users cannot run the command: the checkout is private")
        yield folder


def _by_nobody(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (
            sys.executable,
            "-m",
            "bouncegate.cli",
            "--config",
            folder / "bouncegate.toml",
            *arguments,
        ),
        user=NOBODY,
        group=NOBODY,
        extra_groups=(),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS.splitlines())
def test_command_refuses_a_user_who_may_not_enter_the_store(place: Path, command: str) -> None:
    done = _by_nobody(place, *command.replace("FOLDER", str(place)).split())
    assert (done.returncode, SAYS in done.stderr) == (os.EX_NOPERM, True), done.stderr


def test_doctor_says_who_may_look_for_the_store(place: Path) -> None:
    done = _by_nobody(place, "doctor", "--json")
    found = {one["check"]: one for one in map(json.loads, done.stdout.splitlines())}
    for check in ("store", "ledger", "keys", "backup"):
        assert found[check]["text"].startswith("not checked: ")
        assert SAYS in found[check]["text"]
        assert found[check]["severity"] == "warning"
        assert found[check]["fix"] == "run this as root"
    assert "please report this as a bug" not in done.stdout
