"""Where a redirect may lead: a path of this site, and nowhere else."""

from typing import Final
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse

_START: Final = "/"


def local_path(target: str, default: str = _START) -> str:
    """A target that a link or a redirect may have: a path of this site, else the default."""
    # Browsers take out tabs and line feeds, and read a backslash as a slash.
    is_plain = target.isascii() and target.isprintable() and "\\" not in target
    if not is_plain or not target.startswith("/") or target.startswith("//"):
        return default
    return default if urlsplit(target).path == "/login" else target


def see(target: str) -> RedirectResponse:
    """An answer that leads to a page of ours; a form that was sent is not sent again there."""
    return RedirectResponse(local_path(target), 303)
