"""`/api/v1/token`: what the token that asks may do."""

from typing import Final

import msgspec
from starlette.responses import Response

from bouncegate.web.api.operation import Operation, as_json
from bouncegate.web.call import Call


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
    return as_json(view)


OPERATIONS: Final = (
    Operation("GET", "/token", get_token, None, "What the token may do", answers={200: TokenView}),
)
