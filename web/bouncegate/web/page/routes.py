"""The table of the page's routes."""

from typing import Final

from bouncegate.web.routes import Route

ROUTES: Final[tuple[Route, ...]] = ()
