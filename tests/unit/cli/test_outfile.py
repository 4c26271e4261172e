"""What a command was to write is there whole or not at all, and takes the place of nothing."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Command
from .reported import event, record_message

HOLD = """
import sys, time
from pathlib import Path
from bouncegate.cli import outfile
with getattr(outfile, sys.argv[1])(Path(sys.argv[2])) as found:
    if isinstance(found, Path):
        found = (found / "one.eml").open("wb")
    found.write(b"some of it")
    found.flush()
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("writer", ["writing", "writing_new", "writing_folder"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_command_that_is_ended_leaves_nothing_behind(
    tmp_path: Path, writer: str, number: signal.Signals
) -> None:
    argv = [sys.executable, "-c", HOLD, writer, str(tmp_path / "out")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        assert list(tmp_path.iterdir()), "it was about to"
        process.send_signal(number)
        assert process.wait(30) in {128 + number, -number}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("writer", ["writing_new", "writing_folder"])
def test_a_command_that_is_killed_leaves_nothing_under_the_name(
    tmp_path: Path, writer: str
) -> None:
    argv = [sys.executable, "-c", HOLD, writer, str(tmp_path / "out")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    (draft,) = tmp_path.iterdir()
    assert draft.name == f".out.{process.pid}"


@pytest.mark.parametrize("form", ["mbox", "eml-folder"])
def test_messages_for_which_there_is_no_room_leave_nothing_behind(
    config: Path, tmp_path: Path, form: str
) -> None:
    """The limit on the size of a file (EFBIG) stands for a disk that is full (ENOSPC)."""
    record_message(config, b"Subject: large\n\n" + b"x" * 200_000, event("ann@b.example"))
    before = sorted(tmp_path.iterdir())
    command = f"{sys.executable} -m bouncegate.cli --config {config} report mailing spring"
    limited = f"ulimit -f 64; exec {command} --messages {form} -o {tmp_path}/out"
    done = subprocess.run(["sh", "-c", limited], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("form", ["mbox", "eml-folder"])
def test_messages_never_take_the_place_of_what_is_there(
    config: Path, bouncegate: Command, tmp_path: Path, form: str
) -> None:
    record_message(config, b"Subject: one\n\nx\n", event("ann@b.example"))
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_text("mine")
    folder.mkdir()
    (folder / "mine").touch()
    for place in (file, folder):
        done = bouncegate("report", "mailing", "spring", "--messages", form, "-o", str(place))
        assert done.code == 2
        assert "name another path" in done.err
    assert file.read_text() == "mine"
    assert [one.name for one in folder.iterdir()] == ["mine"]
    assert not list(tmp_path.glob(".f*"))
