"""The table of the interface's routes, below /api."""

from typing import Final

from bouncegate.web.api import hooks, whoami
from bouncegate.web.routes import Route

ROUTES: Final[tuple[Route, ...]] = (*whoami.ROUTES, *hooks.ROUTES)
