"""The pages: the files of `written/`, with the generated parts at their marks."""

import time
from collections.abc import Callable
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Final

from bouncegate.cli.main import app
from manual.commands import commands
from manual.reasons import reasons
from manual.settings import settings

_WRITTEN: Final = Path(__file__).parent / "written"
_PARTS: Final[dict[str, Callable[[], str]]] = {
    '.\\" COMMANDS\n': lambda: commands(app),
    '.\\" REASONS\n': reasons,
    '.\\" SETTINGS\n': lambda: settings(_sample()),
}


def pages(when: int) -> dict[str, str]:
    """The text of each page by its file name, dated by seconds since 1970."""
    head = {
        "@DATE@": time.strftime("%B %-d, %Y", time.gmtime(when)),
        "@VERSION@": version("bouncegate"),
    }
    return {path.name: _whole(path.read_text("utf-8"), head) for path in sorted(_WRITTEN.iterdir())}


def _whole(text: str, head: dict[str, str]) -> str:
    for name, value in head.items():
        text = text.replace(name, value)
    for mark, part in _PARTS.items():
        if mark in text:
            text = text.replace(mark, part())
    return text


def _sample() -> str:
    return files("bouncegate.config").joinpath("bouncegate.toml").read_text("utf-8")
