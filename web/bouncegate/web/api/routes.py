"""The table of the interface's routes, below /api."""

from typing import Final

from bouncegate.web.api import documents, hooks
from bouncegate.web.api.operations import OPERATIONS
from bouncegate.web.routes import Route

ROUTES: Final[tuple[Route, ...]] = (
    *(one.route for one in OPERATIONS),
    *hooks.ROUTES,
    *documents.ROUTES,
)
