"""The package, and a clean Debian for each test that needs one."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .cell import Cell, make_base


@pytest.fixture(scope="session")
def package() -> Path:
    """The package that is to be tried."""
    path = os.environ.get("BOUNCEGATE_DEB")
    if path is None:
        pytest.skip("BOUNCEGATE_DEB names no package; ./run deb --test builds and tries it")
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        pytest.skip("a clean Debian needs root and debootstrap; ./run deb --test has both")
    return Path(path)


@pytest.fixture(scope="session")
def base(package: Path) -> Iterator[Path]:
    """A Debian without the package."""
    del package
    with tempfile.TemporaryDirectory(prefix="bouncegate-debian-") as folder:
        root = Path(folder) / "base"
        make_base(root)
        yield root


@pytest.fixture
def cell(base: Path, package: Path) -> Iterator[Cell]:
    """A Debian of its own with the package's file in /root, not installed."""
    root = base.with_name("cell")
    subprocess.run(["cp", "-a", "--reflink=auto", base, root], check=True)
    shutil.copy(package, root / "root/bouncegate.deb")
    page = package.with_name(package.name.replace("bouncegate_", "bouncegate-web_"))
    shutil.copy(page, root / "root/bouncegate-web.deb")
    try:
        with Cell(root) as cell:
            yield cell
    finally:
        shutil.rmtree(root)
