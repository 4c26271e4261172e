"""One request as a handler sees it: who asks, what was sent, and where everything is."""

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from starlette.requests import Request

from bouncegate.web.csrf import token_for
from bouncegate.web.forms import Form, form_of
from bouncegate.web.problem import Problem
from bouncegate.web.rights import NOBODY, Person, Right, may
from bouncegate.web.site import Site
from bouncegate.web.sockets import Listener

LOGIN_COOKIE: Final = "__Host-bouncegate-login"


@dataclass(frozen=True)
class Call:
    """A request."""

    request: Request
    site: Site
    listener: Listener
    client: str
    """From where: an address, or the user of a local process."""
    person: Person = NOBODY
    body: bytes = b""
    """Empty for a route that reads it itself."""

    @cached_property
    def form(self) -> Form:
        """The fields of a form that was sent; raises Problem."""
        return form_of(self.request.headers.get("content-type", ""), self.body)

    @cached_property
    def now(self) -> int:
        """When it was looked at first, in seconds since 1970."""
        return int(time.time())

    @property
    def csrf(self) -> str:
        """The token that every form of the page holds, in the field `csrf`."""
        return self.csrf_for_login(self.request.cookies.get(LOGIN_COOKIE, ""))

    def csrf_for_login(self, nonce: str) -> str:
        """The same for somebody who has not logged in, and is known by a cookie until then."""
        return token_for(self.site.access.key, self.person, nonce)

    def require(self, right: Right, group: str | None = None) -> None:
        """Raise Problem unless whoever asks may do it."""
        if may(self.person, right, group):
            return
        if right not in self.person.rights:
            kind = "scope" if self.person.via == "api" else "forbidden"
            raise Problem(kind, f"this needs the right {right!s}", right=str(right))
        raise Problem("group", f"not one of your groups: {group or 'all mail'}")
