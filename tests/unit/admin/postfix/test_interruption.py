"""A change to Postfix that is killed, or that fails, leaves nothing half done."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.admin.postfix.place import Make
from tests.unit.admin.postfix.sites import SITES, Site, with_lines

from bouncegate.admin.postfix import install
from bouncegate.admin.postfix.trial import Change

pytestmark = pytest.mark.skipif(shutil.which("postconf") is None, reason="Postfix is not installed")


class Killed(BaseException):
    """Stands for SIGKILL between two steps."""


@pytest.mark.parametrize("next_command", ["enable", "disable"])
@pytest.mark.parametrize("step", range(12))
def test_a_kill_at_any_step_is_mended_by_the_next_command(
    step: int, next_command: str, place: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rename and each removal is a step; a kill comes before one of them."""
    here = place(SITES["submission with a milter"])
    files, shape = here.files(), here.shape()
    steps = 0

    def counted(original: Callable[..., object]) -> Callable[..., object]:
        def do(*arguments: object, **named: object) -> object:
            nonlocal steps
            if steps == step:
                raise Killed
            steps += 1
            return original(*arguments, **named)

        return do

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", counted(Path.rename))
        patch.setattr(shutil, "rmtree", counted(shutil.rmtree))
        killed = False
        for command in (here.enable, here.disable):
            try:
                command()
            except Killed:
                killed = True
                break
    assert killed or step >= steps
    if next_command == "enable":
        code, said = here.enable()
        assert code == 0, said
        assert "$bouncegate_milter" in (here.folder / "master.cf").read_text()
    assert here.disable()[0] == 0
    assert here.files() == files
    assert here.shape() == shape


def test_a_file_that_was_edited_between_plan_and_change_is_left(place: Make) -> None:
    here = place(Site())
    path = here.folder / "main.cf"
    planned = Change(path, path.read_bytes(), b"ours")
    here.edit("main.cf", "compatibility_level = 3.6", "compatibility_level = 3.7")
    with pytest.raises(install.Edited):
        install.replace_file(path, planned.after, planned.before)
    assert b"3.7" in path.read_bytes()
    assert not path.with_name("main.cf.tmp").exists()


def test_a_change_that_postfix_does_not_like_is_taken_back(place: Make) -> None:
    """`postfix check` fails here for a reason of its own; what counts is what is left behind."""
    here = place(Site(main=with_lines("daemon_directory = /nonexistent")))
    files, shape = here.files(), here.shape()
    code, said = here.run("enable", "--yes")
    assert code == 78, said
    assert "postfix fails" in said
    assert here.files() == files
    assert here.shape() == shape


@pytest.mark.parametrize("step", range(3))
def test_an_enable_that_cannot_write_a_file_takes_back_those_that_it_has_written(
    step: int, place: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = place(SITES["submission with a milter"])
    files, shape = here.files(), here.shape()
    put, done = install.replace_file, 0

    def fail_once(path: Path, octets: bytes | None, expected: bytes | None) -> None:
        nonlocal done
        done += 1
        if done == step + 1:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        put(path, octets, expected)

    monkeypatch.setattr(install, "replace_file", fail_once)
    code, said = here.enable()
    assert code == 73
    assert "Read-only file system" in said
    assert "everything was restored" in said
    assert here.files() == files
    assert here.shape() == shape
