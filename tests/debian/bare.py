"""The least that there is of a system, online, with this checkout in a folder of root's."""

import shutil
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Final, Self

from lab.folder import ROOT

from .cell import Cell
from .suite import Suite

CHECKOUT: Final = "/root/bouncegate"
# Made by tools; an archive of a release has none of it.
_MADE: Final = (".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "build", "dist")


class Bare:
    """Such a system while it runs."""

    def __init__(self, suite: Suite) -> None:
        """Make it, and start it."""
        self._folder = tempfile.TemporaryDirectory(prefix="bouncegate-bare-")
        root = Path(self._folder.name) / "root"
        suite.make_root(root)
        shutil.copytree(
            ROOT, root / CHECKOUT.lstrip("/"), ignore=shutil.ignore_patterns(*_MADE), symlinks=True
        )
        self._cell = Cell(root, online=True)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End its processes, and remove it."""
        self._cell.__exit__()
        self._folder.cleanup()

    def type_in(self, line: str) -> str:
        """What a line answers that is typed in the folder of the checkout."""
        done = self._cell.shell(f"cd {CHECKOUT}; {line}", check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout[-8000:]}{done.stderr[-8000:]}"
        return done.stdout

    def package(self) -> Path:
        """The package that `./run deb` makes there."""
        return self._package

    @cached_property
    def _package(self) -> Path:
        self.type_in("./run deb")
        (found,) = (self._cell.root / f"{CHECKOUT}/build/deb".lstrip("/")).glob("bouncegate_*.deb")
        return found
