"""The application: the two tables of routes, behind the front."""

from typing import Final
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp

from bouncegate.web import health, login
from bouncegate.web.api import documents
from bouncegate.web.api import routes as api
from bouncegate.web.call import Call
from bouncegate.web.cors import Cors
from bouncegate.web.front import Front
from bouncegate.web.identity import Identifier
from bouncegate.web.page import routes as page
from bouncegate.web.page.showing import refusal
from bouncegate.web.problem import Problem
from bouncegate.web.routes import call_of, mounted
from bouncegate.web.site import Site

PAGES: Final = (*health.ROUTES, *login.ROUTES, *page.ROUTES, *documents.PAGES)
ENDPOINTS: Final = (*api.ROUTES,)

_KINDS: Final = {404: "not-found", 405: "method"}


def application(site: Site) -> ASGIApp:
    """Everything that is answered."""
    identify = Identifier(site)
    routes = mounted(PAGES, site, "page", identify, _as_page)
    if site.settings.api.enabled:
        routes += mounted(ENDPOINTS, site, "api", identify, _as_json)

    async def unrouted(request: Request, error: Exception) -> Response:
        """No route fits."""
        assert isinstance(error, HTTPException)
        problem = Problem(_KINDS.get(error.status_code, "request"), headers=error.headers)
        call = call_of(request, site)
        in_api = request.url.path.startswith("/api/")
        return _as_json(call, problem) if in_api else _as_page(call, problem)

    app = Starlette(routes=routes, exception_handlers={HTTPException: unrouted})
    # Its own redirects would name the host that the client named.
    app.router.redirect_slashes = False
    origins = site.settings.api.origins if site.settings.api.enabled else ()
    return Front(Cors(app, origins) if origins else app)


def _as_json(call: Call, problem: Problem) -> Response:
    del call  # programs are all told the same
    return problem.as_json()


def _as_page(call: Call, problem: Problem) -> Response:
    request = call.request
    if problem.kind == "unauthenticated" and not call.listener.trusts_names:
        if request.method == "GET":
            target = quote(f"{request.url.path}?{request.url.query}".removesuffix("?"))
            return RedirectResponse(f"/login?next={target}", 303)
        problem.headers.pop("www-authenticate", None)
    return refusal(call, problem)
