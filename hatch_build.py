"""Writes the commit into what is built, and compiles what reads messages (mypyc) for a wheel.

Compiled, it takes two thirds of the time. The sources lie in the wheel as well, and are what runs
where there is no C compiler, and in an editable installation.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from mypyc.build import mypycify
from setuptools import Distribution
from setuptools.errors import BaseError, CCompilerError

_FLAGS = [
    "--config-file=",
    "--explicit-package-bases",
    "--follow-imports=skip",
    "--ignore-missing-imports",
]


class Additions(BuildHookInterface[Any]):
    """Adds the commit, and to a wheel the compiled modules.

    `commit` in the settings of the hook: the file of the commit, in the sources and in what is
    built; `modules`: the sources to compile, as patterns below the root.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and say what has come of it. In an editable installation the sources run."""
        if version == "editable":
            return
        self._folder = Path(tempfile.mkdtemp(prefix="bouncegate-"))
        self._add_commit(build_data)
        if "modules" in self.config:
            self._add_libraries(build_data)

    def _add_commit(self, build_data: dict[str, Any]) -> None:
        source, built = self.config["commit"]
        commit = _commit(Path(self.root))
        if commit and not Path(self.root, source).exists():
            file = self._folder / "commit.txt"
            file.write_text(f"{commit}\n")
            build_data["force_include"][str(file)] = built

    def _add_libraries(self, build_data: dict[str, Any]) -> None:
        try:
            libraries = self._compiled()
        except (CCompilerError, BaseError, SystemExit) as error:
            self.app.display_warning(f"nothing is compiled, the sources will run: {error}")
            return
        build_data["force_include"].update(libraries)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Clear up, once the wheel is written."""
        if version != "editable":
            shutil.rmtree(self._folder, ignore_errors=True)

    def _compiled(self) -> dict[str, str]:
        """Each library, and its place in the wheel."""
        sources = sorted({str(p) for m in self.config["modules"] for p in Path(self.root).glob(m)})
        os.environ["MYPYPATH"] = ":".join(
            f"{self.root}/{part}" for part in self.build_config.dev_mode_dirs
        )
        extensions = mypycify(
            [*_FLAGS, f"--cache-dir={self._folder / 'cache'}", *sources],
            target_dir=str(self._folder / "c"),
            group_name="bouncegate",
            opt_level="3",
            debug_level="0",
        )
        command = Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
        command.build_lib = str(self._folder / "libraries")
        command.build_temp = str(self._folder / "objects")
        command.ensure_finalized()
        command.run()
        built = Path(command.build_lib)
        return {str(p): str(p.relative_to(built)) for p in built.rglob("*") if p.is_file()}


def _commit(root: Path) -> str:
    """The commit of the sources, "" if nobody knows; `-dirty` says that they were changed since."""
    if (told := os.environ.get("BOUNCEGATE_COMMIT")) is not None:
        return told
    if not (root / ".git").exists():
        return ""  # in a folder of another project, git would tell that one's
    describe = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(
            [*describe, "--exclude=*"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
