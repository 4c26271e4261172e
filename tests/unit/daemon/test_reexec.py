"""What the next program in the same process is left, and how it knows that there is one."""

import os
import sys
import zipfile
from pathlib import Path

import msgspec
import pytest

from bouncegate.daemon import reexec
from bouncegate.daemon.reexec import Inheritance, InheritedChild
from bouncegate.daemon.runningcode import RunningCode


def inheritance(listener: int, pid: int | None = None) -> Inheritance:
    child = InheritedChild(4711, "worker", "worker", 1.5)
    return Inheritance(pid or os.getpid(), listener, "inet:127.0.0.1:8892", listener, (child,))


def test_exec_that_fails_leaves_everything_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python3")
    with Path(os.devnull).open() as file:
        left = inheritance(file.fileno())
        before = dict(os.environ)
        with pytest.raises(FileNotFoundError):
            reexec.execute(left)
        assert not os.get_inheritable(file.fileno())
    assert dict(os.environ) == before


def test_inheritance_is_for_the_process_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that the daemon starts has its environment."""
    with Path(os.devnull).open() as file:
        for pid, is_ours in ((os.getppid(), False), (os.getpid(), True)):
            told = msgspec.json.encode(inheritance(file.fileno(), pid)).decode()
            monkeypatch.setenv("BOUNCEGATE_INHERITED", told)
            assert (reexec.inherited() is not None) is is_ours
            assert reexec.inherited() is None, "it is asked once"


def test_inheritance_that_cannot_be_read_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOUNCEGATE_INHERITED", '{"pid": "x"}')
    assert reexec.inherited() is None


def test_trial_of_a_version_that_hands_over_in_another_way_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert reexec.trial_result() is None
    monkeypatch.setenv("BOUNCEGATE_TRIAL", "2")
    assert reexec.trial_result() == os.EX_OK
    monkeypatch.setenv("BOUNCEGATE_TRIAL", "1")
    assert reexec.trial_result() == os.EX_UNAVAILABLE


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("pass", ""),
        ("import sys; sys.exit('the config is bad')", "exit code 1: the config is bad"),
        ("import sys; sys.exit('\\x1b[2Jbad\\rreloaded')", "exit code 1: ?[2Jbad?reloaded"),
        ("import os; os.kill(os.getpid(), 9)", "signal 9"),
        ("import time; time.sleep(3600)", "it took too long to start"),
    ],
)
def test_refusal_is_what_the_command_line_says_when_it_is_started_again(
    monkeypatch: pytest.MonkeyPatch, script: str, told: str
) -> None:
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, "-c", script])
    assert reexec.refusal(2.0 if "sleep" in script else 60.0) == told


def test_refusal_tells_that_the_interpreter_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python3")
    assert "/nowhere/python3: No such file or directory" in reexec.refusal(60.0)


def test_running_code_is_replaced_by_another_file_of_the_same_size_and_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = tmp_path / "upgraded_module.py"
    module.write_text("A = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    __import__("upgraded_module")
    code = RunningCode()
    assert code.replaced() is None
    os.link(module, tmp_path / "backup")
    assert code.replaced() is None
    fresh = tmp_path / "fresh"
    fresh.write_text("A = 2\n")
    times = module.stat()
    os.utime(fresh, ns=(times.st_atime_ns, times.st_mtime_ns))
    fresh.rename(module)
    assert code.replaced() == module
    module.unlink()
    assert code.replaced() == module


def test_running_code_may_lie_in_an_archive(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    archive = tmp_path / "app.pyz"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("archived_module.py", "A = 1\n")
    monkeypatch.syspath_prepend(archive)
    __import__("archived_module")
    code = RunningCode()
    assert code.replaced() is None
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("more.py", "A = 2\n")
    assert code.replaced() == archive
