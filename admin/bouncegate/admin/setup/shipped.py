"""The files that an installation brings: units, the user's and the folders' definitions, settings.

They stand beside this module in what is built (pyproject.toml), and in a checkout at its top.
"""

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

_BESIDE: Final = Path(__file__).with_name("systemd")
_CHECKOUT: Final = Path(__file__).parents[4] / "systemd"
# What the units and the package call the command.
_PACKAGED: Final = re.compile(r"/usr/bin/bouncegate\b")
_UNITS: Final = (".service", ".socket", ".timer")
# What is commented out in the config file: the sockets, with the place that is the default.
_SOCKET: Final = re.compile(
    r'^# (socket = "unix:)/run/bouncegate/((?:milter|return-path|map)\.sock")', re.MULTILINE
)
_CONFIG: Final = "bouncegate.toml"


def units(command: Path) -> Mapping[str, str]:
    """The text of each unit by its name, for a command that lies at a place of its own."""
    return {
        path.name: _PACKAGED.sub(lambda _: str(command), path.read_text("utf-8"))
        for path in sorted(_folder().iterdir())
        if path.suffix in _UNITS
    }


def definition(name: str) -> str:
    """The text for sysusers.d(5) or tmpfiles.d(5), by the name of the folder: "sysusers"."""
    return (_folder() / f"bouncegate.{name}.conf").read_text("utf-8")


def settings(sockets: Path | None) -> Mapping[str, str]:
    """The text of each file of /etc/bouncegate by its name.

    `sockets` is the folder of the sockets; None: the default one below /run.
    """
    shipped = files("bouncegate.config")
    texts = {
        one.name: one.read_text("utf-8")
        for one in shipped.iterdir()
        if one.name == _CONFIG or re.fullmatch(r"policy-.*\.toml", one.name)
    }
    if sockets is not None:
        texts[_CONFIG] = _SOCKET.sub(lambda m: f"{m[1]}{sockets}/{m[2]}", texts[_CONFIG])
    return texts


def _folder() -> Path:
    return _BESIDE if _BESIDE.is_dir() else _CHECKOUT
