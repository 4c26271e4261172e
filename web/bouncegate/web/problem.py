"""Why a request gets no other answer: RFC 9457 for programs, a page for people."""

from collections.abc import Mapping
from typing import Final

import msgspec
from starlette.responses import Response

TITLES: Final[dict[str, tuple[int, str]]] = {
    "request": (400, "The request cannot be read"),
    "unauthenticated": (401, "A login or a token is needed"),
    "forbidden": (403, "Your role does not include this"),
    "scope": (403, "The token has no such scope"),
    "group": (403, "This belongs to another group"),
    "cross-site": (403, "The request did not come from our own page"),
    "not-found": (404, "There is nothing here"),
    "method": (405, "This cannot be done here"),
    "timeout": (408, "The request took too long to come"),
    "too-large": (413, "The request is too large"),
    "rate": (429, "Too many requests"),
    "internal": (500, "Something went wrong here"),
    "busy": (503, "Too much to do at the moment"),
    "store-busy": (503, "The store is busy"),
    "store-full": (507, "The store is full"),
    "read-only": (503, "The store can only be read"),
}
"""Kind -> status and title; the interface has more of them, for its own faults."""


class Problem(Exception):
    """The answer is this instead; raised by handlers and what they call."""

    def __init__(
        self,
        kind: str,
        detail: str = "",
        *,
        status: int = 0,
        title: str = "",
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        """`kind` is one of `TITLES`, or comes with status and title of its own."""
        super().__init__(detail)
        self.kind: Final = kind
        known = TITLES.get(kind, (status, title))
        self.status: Final = status or known[0]
        self.title: Final = title or known[1]
        self.detail: Final = detail
        self.headers: Final = dict(headers or {})
        self.members: Final = members

    def as_json(self) -> Response:
        """As `application/problem+json`."""
        body = {
            "type": f"/problems/{self.kind}",
            "title": self.title,
            "status": self.status,
            **({"detail": self.detail} if self.detail else {}),
            **self.members,
        }
        content = msgspec.json.encode(body)
        return Response(content, self.status, self.headers, "application/problem+json")
