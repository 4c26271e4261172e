"""What is built from the sources has what an installation needs besides the code."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")


@pytest.mark.skipif(not UV.exists(), reason="uv is not beside this Python")
def test_sdist_has_the_units_the_locks_and_its_commit(tmp_path: Path) -> None:
    options = ["--quiet", "--sdist", "--no-build-isolation", "--python", sys.executable]
    argv = [str(UV), "build", *options, "--out-dir", str(tmp_path), str(ROOT)]
    environment = {**os.environ, "BOUNCEGATE_COMMIT": "0123456789ab"}
    subprocess.run(argv, check=True, timeout=120, env=environment)
    (found,) = tmp_path.glob("bouncegate-*.tar.gz")
    with tarfile.open(found) as archive:
        top = found.name.removesuffix(".tar.gz")
        names = {name.removeprefix(f"{top}/") for name in archive.getnames()}
        commit = archive.extractfile(f"{top}/config/bouncegate/config/commit.txt")
        assert commit is not None
        assert commit.read() == b"0123456789ab\n"
    units = {f"systemd/{path.name}" for path in (ROOT / "systemd").iterdir()}
    assert names >= {*units, "runtime.lock", "hatch_build.py", "debian/control", "run"}
