"""Runs the command with any of standard input, output and error at a terminal.

Each call is a process of its own, forked from one that has imported the command: hundreds of them
cost less than a start of the interpreter each.
"""

import os
import pty
import sys
import threading
from collections.abc import Callable, Collection, Mapping
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple

INPUT, OUTPUT, ERROR = range(3)
NOBODY: Final = 65534
UNREAD: Final = Path("a pipe that nobody reads")
CLOSED: Final = Path("a descriptor that is not open")
_SECONDS: Final = 120

_CONTEXT: Final = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.unit.cli.preloaded"])


class Seen(NamedTuple):
    """What a call has written, and how it ended."""

    code: int
    out: str
    """What stood on standard output where that was no terminal."""
    err: str
    """The same of standard error."""
    terminal: str
    """What was written to the terminal."""


def run(
    folder: Path,
    *arguments: str,
    terminals: Collection[int] = (),
    instead: Mapping[int, Path] | None = None,
    answer: str = "",
    user: int | None = None,
    environment: Mapping[str, str] | None = None,
    columns: int = 80,
) -> Seen:
    """Call the command with the config file of a folder.

    `terminals`: the descriptors that are one; `instead`: what others are, such as UNREAD.
    """
    with _Terminal(columns) as terminal:
        if answer:
            terminal.type(answer)
        outputs = {OUTPUT: folder / ".out", ERROR: folder / ".err"}
        paths = {INPUT: Path(os.devnull), **outputs} | dict.fromkeys(terminals, terminal.path)
        paths |= instead or {}
        for path in outputs.values():
            path.write_bytes(b"")
            path.chmod(0o666)
        argv = ["bouncegate", "--config", str(folder / "bouncegate.toml"), *arguments]
        process = _CONTEXT.Process(
            target=_call,
            args=(argv, paths, folder, user, {"TERM": "xterm", **(environment or {})}),
        )
        process.start()
        process.join(_SECONDS)
        if process.is_alive():
            process.kill()
            raise TimeoutError(f"{arguments}: runs on after {_SECONDS} seconds")
        code = process.exitcode
        assert code is not None
    out, err = (path.read_bytes().decode() for path in outputs.values())
    return Seen(code, out, err, terminal.text.replace("\r\n", "\n"))


def _call(
    argv: list[str],
    paths: Mapping[int, Path],
    folder: Path,
    user: int | None,
    environment: Mapping[str, str],
) -> None:
    """Become what a shell would have started, and end without flushing anything."""
    os.setsid()
    for name in ("NO_COLOR", "COLUMNS", "FORCE_COLOR", "BOUNCEGATE_CONFIG", "SUDO_USER"):
        os.environ.pop(name, None)
    os.environ.update(environment)
    os.chdir(folder)
    for number, path in paths.items():
        opened = _opened(path)
        os.dup2(opened, number)
        os.close(opened)
        if path == CLOSED:
            os.close(number)
    if user is not None:
        os.setgroups(())
        os.setgid(user)
        os.setuid(user)
    sys.stdin, sys.stdout, sys.stderr = (
        None if paths[number] == CLOSED else open(number, mode, closefd=False)  # noqa: SIM115
        for number, mode in ((INPUT, "r"), (OUTPUT, "w"), (ERROR, "w"))
    )
    sys.argv = argv
    os._exit(_code_of_main())


def _opened(path: Path) -> int:
    if path != UNREAD:
        return os.open(os.devnull if path == CLOSED else path, os.O_RDWR)
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def _code_of_main() -> int:
    import traceback  # noqa: PLC0415

    from bouncegate.cli.main import main  # noqa: PLC0415

    run_main: Callable[[], object] = main
    try:
        run_main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        os.write(ERROR, traceback.format_exc().encode())
        return 1
    return 0


class _Terminal:
    """A pseudo-terminal, and all that is written to it."""

    def __init__(self, columns: int) -> None:
        from termios import tcsetwinsize  # noqa: PLC0415

        self._ours, self._theirs = pty.openpty()
        tcsetwinsize(self._theirs, (24, columns))
        self.path = Path(os.ttyname(self._theirs))
        self.path.chmod(0o666)
        self._octets: list[bytes] = []
        self._listener = threading.Thread(target=self._listen)

    def __enter__(self) -> "_Terminal":
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._theirs)
        self._listener.join(_SECONDS)
        os.close(self._ours)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    @property
    def text(self) -> str:
        return b"".join(self._octets).decode()

    def _listen(self) -> None:
        try:
            while octets := os.read(self._ours, 65_536):
                self._octets.append(octets)
        except OSError:  # EIO: nobody has the other end any more
            pass
