"""The release that a package is tried on, the package, and a clean root for each test.

BOUNCEGATE_SUITE names a release: there the checkout is tried in a bare root, and makes the package.
BOUNCEGATE_DEB names a package of this machine's own release.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.debian.bare import Bare

from .cell import Cell
from .suite import Suite, needed, this_machine_s


@pytest.fixture(scope="session")
def bare() -> Iterator[Bare]:
    """The least that there is of a release, with this checkout."""
    name = os.environ.get("BOUNCEGATE_SUITE")
    if name is None:
        pytest.skip("BOUNCEGATE_SUITE names no release; ./run deb --test SUITE does")
    with Bare(Suite(name)) as bare:
        yield bare


@pytest.fixture(scope="session")
def deb(request: pytest.FixtureRequest) -> Path:
    """The package that is to be tried."""
    if os.environ.get("BOUNCEGATE_SUITE"):
        bare: Bare = request.getfixturevalue("bare")
        return bare.package()
    path = os.environ.get("BOUNCEGATE_DEB")
    if path is None or shutil.which("dpkg-deb") is None:
        pytest.skip("BOUNCEGATE_DEB names no package; ./run deb --test builds and tries it")
    return Path(path)


@pytest.fixture(scope="session")
def package(deb: Path) -> Path:
    """The same, where it can be installed."""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        pytest.skip("a clean root needs root and debootstrap; ./run deb --test has both")
    return deb


@pytest.fixture(scope="session")
def base(package: Path) -> Iterator[Path]:
    """A system without the package, but with what that depends on."""
    suite = Suite(os.environ.get("BOUNCEGATE_SUITE") or this_machine_s())
    with tempfile.TemporaryDirectory(prefix="bouncegate-debian-") as folder:
        root = Path(folder) / "base"
        suite.make_root(root, needed(package))
        yield root


@pytest.fixture
def cell(base: Path, package: Path) -> Iterator[Cell]:
    """A system of its own with the package's file in /root, not installed."""
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
