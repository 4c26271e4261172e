"""`/api/v1/token`: what the token that asks may do."""

from typing import Final

import msgspec
from starlette.responses import Response

from bouncegate.web.call import Call
from bouncegate.web.routes import Route


class TokenView(msgspec.Struct):
    """The token that asks."""

    id: str
    name: str
    rights: list[str]
    groups: list[str]
    """None: all."""


def get_token(call: Call) -> Response:
    """Say what the token may do."""
    person = call.person
    view = TokenView(person.token, person.name, sorted(person.rights), sorted(person.groups))
    return Response(msgspec.json.encode(view), media_type="application/json")


ROUTES: Final = (Route("/v1/token", get_token),)
