"""A copy of some parts of the product which a daemon runs, and which an upgrade then changes."""

import importlib
import os
import shutil
from pathlib import Path

UPGRADED = "this is the upgrade"


class Installation:
    """Copies in a folder, which Python finds before what is installed."""

    def __init__(self, folder: Path, *parts: str) -> None:
        self._root = folder
        for part in parts:
            file = importlib.import_module(f"bouncegate.{part}").__file__
            assert file is not None
            shutil.copytree(Path(file).parent, folder / "bouncegate" / part)
        before = os.environ.get("PYTHONPATH")
        self.environment = {"PYTHONPATH": f"{folder}:{before}" if before else str(folder)}

    def upgrade(self, module: str, *lines: str) -> None:
        """Put another version of a module in the place of the one that is there.

        The file is a new one, with the times of the old, as dpkg(1) has it.
        """
        path = self._root.joinpath("bouncegate", *module.split(".")).with_suffix(".py")
        for compiled in path.parent.glob(f"{path.stem}.*.so"):
            compiled.unlink()
        text, old = path.read_text(), path.stat()
        for line in lines:
            name = line.partition("(")[0]
            assert not name.startswith("def ") or f"{name}(" in text, f"{module} has no {name}"
        fresh = path.with_suffix(".dpkg-new")
        fresh.write_text("\n".join((text, *lines, "")))
        os.utime(fresh, ns=(old.st_atime_ns, old.st_mtime_ns))
        fresh.rename(path)

    def upgrade_workers(self, module: str, name: str) -> None:
        """Let the function by which a worker begins say that it is a new one."""
        self.upgrade(
            module,
            f"_before = {name}",
            f"def {name}(*arguments):",
            "    import logging",
            f"    logging.getLogger('bouncegate.test').warning({UPGRADED!r})",
            "    return _before(*arguments)",
        )
