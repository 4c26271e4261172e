"""A user without the right to look is told so in one line, with exit code 77, whatever the command.

The tests run commands as nobody, who may enter the folder of the test and not all that is in it.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import typer

from bouncegate.cli.main import app
from manual.commands import every_command

from . import everycommand
from .everycommand import CHANGING, SHOWING, words
from .terminals import NOBODY, Seen, run

EVERY: Final = (*SHOWING.splitlines(), *CHANGING.splitlines())
# They look at other files than those of the store.
STORELESS: Final = (
    "classify", "reasons", "anonymize", "check-config", "postfix", "map status", "store restore",
    "setup", "doctor --daemon", "cluster",
)  # fmt: skip
CONFIGLESS: Final = ("setup", "map status", "postfix disable", "reasons", "cluster")
OF_FILES: Final = f"""\
check --file FOLDER/list.txt
check FOLDER/list.txt
check {everycommand.ANN} FOLDER/list.txt
lock --file FOLDER/list.txt
unlock --file FOLDER/list.txt --dry-run
alive --file FOLDER/list.txt
import --locks FOLDER/list.txt --dry-run
import --addresses FOLDER/list.txt
import --corrections FOLDER/list.txt
classify FOLDER/list.txt
classify --json --diagnostics FOLDER/list.txt
anonymize FOLDER/list.txt
simulate --config FOLDER/list.txt
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture(scope="module")
def owned() -> Iterator[Path]:
    """A folder that everybody may enter, with all files for root alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "place"
        folder.mkdir()
        everycommand.make_place(folder)
        for path in (Path(name), folder, *folder.iterdir()):
            path.chmod(0o755 if path.is_dir() else 0o644)
        (folder / "store").chmod(0o750)
        yield folder


@pytest.fixture
def place(owned: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy whose rights a test changes."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = shutil.copytree(owned, Path(name) / "place")
        everycommand.write_config(folder)
        yield folder


def by_nobody(folder: Path, line: str) -> Seen:
    return run(folder, *words(line, folder), user=NOBODY)


def assert_refused(seen: Seen, says: str = "ermission denied") -> None:
    assert seen.code == os.EX_NOPERM, seen.err
    assert seen.err.startswith("bouncegate: ")
    assert seen.err.count("\n") == 1, seen.err
    assert says in seen.err


@pytest.mark.parametrize("line", [one for one in EVERY if not one.startswith(STORELESS)])
def test_command_refuses_a_user_who_may_not_enter_the_store(owned: Path, line: str) -> None:
    seen = by_nobody(owned, line)
    if line.startswith("doctor"):
        assert (seen.code, seen.err) == (os.EX_NOPERM, "")
    else:
        assert_refused(seen)
        assert seen.out == ""


@pytest.mark.parametrize("line", [one for one in EVERY if not one.startswith(CONFIGLESS)])
def test_command_refuses_a_user_who_may_not_read_the_config(place: Path, line: str) -> None:
    (place / "bouncegate.toml").chmod(0o600)
    assert_refused(by_nobody(place, line), "bouncegate.toml: cannot read the config file")


@pytest.mark.parametrize("line", ["list", "check-config", "doctor"])
def test_command_refuses_a_user_who_may_not_read_the_rules(place: Path, line: str) -> None:
    """As long as it needs them, or says whether they are right."""
    rules = place / "rules"
    rules.mkdir(0o700)
    with (place / "bouncegate.toml").open("a") as file:
        file.write(f'[rules]\nfolder = "{rules}"\n')
    seen = by_nobody(place, line)
    assert seen.code == os.EX_NOPERM
    if line == "check-config":
        assert_refused(seen, "cannot read the folder of rules")


@pytest.mark.parametrize("line", OF_FILES.splitlines())
def test_command_refuses_a_user_who_may_not_read_its_file(place: Path, line: str) -> None:
    (place / "list.txt").chmod(0o600)
    (place / "store").chmod(0o755)
    for path in (place / "store").iterdir():
        shutil.chown(path, NOBODY, NOBODY)
    shutil.chown(place / "store", NOBODY, NOBODY)
    assert_refused(by_nobody(place, line), "list.txt")


@pytest.mark.parametrize(
    "line", ["export -o FOLDER/x.csv", "anonymize FOLDER/bounce.eml -o FOLDER/x"]
)
def test_command_refuses_to_write_where_the_user_may_not(owned: Path, line: str) -> None:
    assert by_nobody(owned, line).code == os.EX_NOPERM


@pytest.mark.parametrize("verb", ["status", "enable --no-reload --yes"])
def test_postfix_says_that_its_files_may_not_be_read(place: Path, verb: str) -> None:
    (place / "postfix" / "main.cf").chmod(0o600)
    assert_refused(by_nobody(place, f"postfix {verb} -c FOLDER/postfix"))


def test_restore_refuses_a_backup_that_the_user_may_not_read(place: Path) -> None:
    (place / "saved").chmod(0o700)
    shutil.chown(place / "store", NOBODY, NOBODY)
    assert_refused(by_nobody(place, "store restore FOLDER/saved --replace"))


def test_postfix_enable_refuses_before_it_shows_a_change(owned: Path) -> None:
    seen = by_nobody(owned, "postfix enable -c FOLDER/postfix --no-reload --yes")
    assert_refused(seen, "you may not change its files: run as root")
    assert "+++" not in seen.out


def test_postfix_disable_refuses_a_user_who_may_not_undo_it(place: Path) -> None:
    done = run(place, *words("postfix enable -c FOLDER/postfix --no-reload --yes", place))
    assert done.code == 0, done.err
    assert_refused(by_nobody(place, "postfix disable -c FOLDER/postfix --no-reload --yes"))


def test_doctor_tells_what_it_may_not_see_from_what_is_wrong(place: Path) -> None:
    with (place / "bouncegate.toml").open("a") as file:
        file.write('[return_path]\ndomain = "return.example.com"\n')
    seen = by_nobody(place, "doctor --json")
    found = {one["check"]: one for one in map(json.loads, seen.out.splitlines())}
    for check in ("store", "ledger", "keys", "backup"):
        assert found[check]["severity"] == "forbidden"
        assert found[check]["text"].startswith("not checked: ")
        assert found[check]["fix"] == "run this as root"
    assert "please report this as a bug" not in seen.out
    by_root = run(place, "doctor", "--json")
    assert "forbidden" not in by_root.out
    assert by_root.code == 2, "the daemons do not run"


def test_options_leave_it_to_the_command_to_say_what_cannot_be_read() -> None:
    """The library would show four lines of usage, with exit code 2."""
    paths: list[Callable[..., object]] = []
    for name, command in every_command(typer.main.get_command(app)):
        for one in command.params:
            described = one.type_descriptor
            if described.is_path and not described.parameter_info.exists:
                paths.append(one)
                assert not described.parameter_info.readable, (name, one.opts)
    assert len(paths) > 10
