"""The problems of the interface beside those of every page (`bouncegate.web.problem`)."""

from typing import Final

from bouncegate.web.problem import TITLES, Problem

PROBLEMS: Final[dict[str, tuple[int, str]]] = {
    "address": (400, "This is no address"),
    "parameter": (400, "A parameter cannot be understood"),
    "json": (400, "The body is no JSON"),
    "body": (422, "The body is not as it is described"),
    "too-many": (413, "Too many at once"),
    "hard-lock": (409, "The lock is hard, or follows a complaint"),
    "by-hand": (409, "The lock was made by hand or imported"),
    "domain-lock": (409, "Only the domain is locked"),
    "correction": (409, "It cannot be corrected"),
    "batch": (409, "Not all of it can be done, so nothing was"),
    "decided": (409, "It has been decided already"),
    "begun": (409, "It has begun already"),
    "in-progress": (409, "The first request with this key still runs"),
    "gone": (410, "It ended with the process that ran it"),
    "changed": (412, "It has changed since"),
    "key-reused": (422, "The key came with another request before"),
}
"""Kind -> status and title."""


def refused(
    kind: str, detail: str = "", headers: dict[str, str] | None = None, **members: object
) -> Problem:
    """A problem of this table."""
    status, title = PROBLEMS[kind]
    return Problem(kind, detail, status=status, title=title, headers=headers, **members)


def status_of(kind: str) -> int:
    """The status of a kind, of either table."""
    return (PROBLEMS.get(kind) or TITLES[kind])[0]
