"""The application: the two tables of routes, behind the front."""

from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from bouncegate.web import health
from bouncegate.web.api import routes as api
from bouncegate.web.call import Call
from bouncegate.web.front import Front
from bouncegate.web.page import routes as page
from bouncegate.web.plainpages import refusal
from bouncegate.web.problem import Problem
from bouncegate.web.routes import Face, Route, call_of, mounted
from bouncegate.web.site import Site

PAGES: Final = (*health.ROUTES, *page.ROUTES)
ENDPOINTS: Final = (*api.ROUTES,)

_KINDS: Final = {404: "not-found", 405: "method"}


def application(site: Site) -> ASGIApp:
    """Everything that is answered."""
    routes = mounted(PAGES, site, "page", _identified, refusal)
    if site.settings.api.enabled:
        routes += mounted(ENDPOINTS, site, "api", _identified, _as_json)

    async def unrouted(request: Request, error: Exception) -> Response:
        """No route fits."""
        assert isinstance(error, HTTPException)
        problem = Problem(_KINDS.get(error.status_code, "request"), headers=error.headers)
        call = call_of(request, site)
        in_api = request.url.path.startswith("/api/")
        return _as_json(call, problem) if in_api else refusal(call, problem)

    app = Starlette(routes=routes, exception_handlers={HTTPException: unrouted})
    # Its own redirects would name the host that the client named.
    app.router.redirect_slashes = False
    return Front(app)


def _as_json(call: Call, problem: Problem) -> Response:
    del call  # programs are all told the same
    return problem.as_json()


def _identified(call: Call, route: Route, face: Face) -> Call:
    del face
    if not route.public:
        raise Problem("unauthenticated")
    return call
