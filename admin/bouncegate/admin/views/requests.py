"""Requests to unlock that wait."""

from msgspec import Struct

from bouncegate.admin.lists.requests import OpenRequest
from bouncegate.admin.lists.scope import scope_text
from bouncegate.admin.views.values import iso


class RequestView(Struct):
    """One request as scripts read it; times in UTC, ISO 8601."""

    id: int
    address: str
    locks: list[str]
    """The locks in force: scope, kind and reason of each."""
    time: str | None
    expires: str | None
    by: str
    why: str
    notify: str


def request_view(one: OpenRequest) -> RequestView:
    """A request as scripts read it."""
    asked = one.request
    locks = [f"{scope_text(scope)} {lock.kind} {lock.reason}" for scope, lock in one.locks]
    return RequestView(
        *(one.number, asked.address, locks, iso(asked.time), iso(asked.until)),
        *(asked.by, asked.why, asked.notify),
    )
