"""`/healthz`: whether the store can be read, for monitoring and load balancers."""

from typing import Final

from starlette.responses import PlainTextResponse, Response

from bouncegate.web.call import Call
from bouncegate.web.routes import Route

_NOBODY: Final = "nobody@example.invalid"


def healthz(call: Call) -> Response:
    """Say "ok"; a store that cannot be read is a problem like any other."""
    call.site.store.addresses.get(_NOBODY)
    return PlainTextResponse("ok\n")


ROUTES: Final = (Route("/healthz", healthz, public=True),)
