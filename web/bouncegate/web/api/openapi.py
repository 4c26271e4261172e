"""`/api/openapi.json`: the interface described (OpenAPI 3.1), made from the table of operations."""

import re
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

import msgspec

from bouncegate.admin.views.values import Counts
from bouncegate.web.api.operation import JSON, Operation
from bouncegate.web.api.operations import OPERATIONS
from bouncegate.web.api.problems import PROBLEMS, status_of
from bouncegate.web.problem import TITLES

PREFIX: Final = "/api/v1"
PROBLEM: Final = "application/problem+json"

_COMMON: Final = (
    "parameter",
    "unauthenticated",
    "scope",
    "group",
    "rate",
    "internal",
    "store-busy",
)
"""Kinds that every operation may have."""
_OF_BODIES: Final = ("json", "body", "too-large", "store-full", "read-only")
_OF_KEYS: Final = ("key-reused", "in-progress")
_REF: Final = "#/components/schemas/{name}"
_IN_PATH: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
_MATCHED: Final = frozenset({"PUT", "DELETE"})


class ProblemView(msgspec.Struct):
    """Why a request gets no other answer (RFC 9457); some kinds have more members."""

    type: str
    title: str
    status: int
    detail: str = ""


@cache
def description() -> bytes:
    """The document."""
    return msgspec.json.encode(_document(OPERATIONS))


def problems_of(operation: Operation) -> tuple[str, ...]:
    """The kinds of problems that an operation may have, each once."""
    kinds = [*_COMMON, *operation.problems]
    if operation.takes is not None and not operation.takes_query:
        kinds += _OF_BODIES
    if operation.takes_key:
        kinds += _OF_KEYS
    return tuple(dict.fromkeys(kinds))


def path_of(operation: Operation) -> str:
    """The path as documents write it."""
    return _IN_PATH.sub(r"{\1}", operation.path)


def _document(operations: Iterable[Operation]) -> dict[str, Any]:
    types = [kind for one in operations for kind in _types(one)]
    schemas, components = msgspec.json.schema_components(
        [ProblemView, *types], ref_template=_REF, schema_hook=_schema
    )
    of_type = dict(zip(map(str, [ProblemView, *types]), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        told = _told(one, of_type, components)
        paths.setdefault(PREFIX + path_of(one), {})[one.method.lower()] = told
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Bouncegate",
            "version": version("bouncegate"),
            "description": "What programs ask and change. Fields of answers that you do not know "
            "are to be ignored: there may be more of them, and none goes or changes within v1.",
            "license": {"name": "GPL-2.0-or-later", "identifier": "GPL-2.0-or-later"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _types(one: Operation) -> list[Any]:
    given = [] if one.takes is None else [one.takes]
    return [*given, *(kind for kind in one.answers.values() if kind is not None)]


def _schema(kind: type) -> dict[str, Any]:
    """The schema of a type that is none of the library's."""
    if kind is Counts:
        return {"type": "object", "additionalProperties": {"type": "integer"}}
    raise NotImplementedError(kind)


def _told(one: Operation, of_type: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    right = f"Needs the right `{one.right}`." if one.right else "Needs a token."
    told: dict[str, Any] = {
        "operationId": operation_id(one),
        "summary": one.summary,
        "description": right,
        "parameters": [*_in_path(one), *_in_query(one, components), *_in_header(one)],
        "responses": _responses(one, of_type),
    }
    if one.takes is not None and not one.takes_query:
        content = {JSON: {"schema": of_type[str(one.takes)]}}
        told["requestBody"] = {"required": True, "content": content}
    elif one.method == "POST" and one.streams:
        content = {one.media: {"schema": {"type": "string"}}}
        told["requestBody"] = {"required": True, "content": content}
    return told


def operation_id(one: Operation) -> str:
    """A name for programs that are made from the document."""
    words = re.findall(r"\w+", path_of(one).replace("{", "by_"))
    return "_".join((one.method.lower(), *words))


def _in_path(one: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer" if f"{{{name}:int}}" in one.path else "string"},
        }
        for name in _IN_PATH.findall(one.path)
    ]


def _in_query(one: Operation, components: dict[str, Any]) -> list[dict[str, Any]]:
    if one.takes is None or not one.takes_query:
        return []
    form = components[one.takes.__name__]
    required = form.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in form["properties"].items()
    ]


def _in_header(one: Operation) -> list[dict[str, Any]]:
    names = ["Idempotency-Key"] if one.takes_key else []
    if one.path.startswith("/locks/") and one.method in _MATCHED:
        names.append("If-Match")
    return [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
        for name in names
    ]


def _responses(one: Operation, of_type: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, kind in one.answers.items():
        found[str(status)] = {"description": HTTPStatus(status).phrase}
        if kind is not None:
            found[str(status)]["content"] = {one.media: {"schema": of_type[str(kind)]}}
    kinds: dict[int, list[str]] = {}
    for kind in problems_of(one):
        kinds.setdefault(status_of(kind), []).append(kind)
    for status, names in sorted(kinds.items()):
        found[str(status)] = {
            "description": "; ".join(f"{name}: {title_of(name)}" for name in names),
            "content": {PROBLEM: {"schema": of_type[str(ProblemView)]}},
        }
    return found


def title_of(kind: str) -> str:
    """The title of a kind of problem."""
    return (PROBLEMS.get(kind) or TITLES[kind])[1]
