"""Style sheet, script and icon: kept by browsers for good, since their names hold their hash."""

from typing import Final

from starlette.responses import Response

from bouncegate.web.call import Call
from bouncegate.web.headers import IMMUTABLE
from bouncegate.web.page.rendering import assets
from bouncegate.web.problem import Problem
from bouncegate.web.routes import Route


async def static(call: Call) -> Response:
    """One of the assets."""
    found = assets().get(call.request.path_params["name"])
    if found is None:
        raise Problem("not-found")
    octets, kind = found
    return Response(octets, headers={"cache-control": IMMUTABLE}, media_type=kind)


ROUTES: Final = (Route("/static/{name}", static, public=True),)
