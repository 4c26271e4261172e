"""What says how to use the interface: the description for programs, and a page for people.

Neither holds anything of the store, so that nobody has to be known to read them.
"""

from functools import cache
from html import escape
from typing import Final

from starlette.responses import HTMLResponse, RedirectResponse, Response

from bouncegate.web.api.openapi import PREFIX, description, path_of, title_of
from bouncegate.web.api.operation import JSON, Operation
from bouncegate.web.api.operations import OPERATIONS
from bouncegate.web.api.problems import PROBLEMS, status_of
from bouncegate.web.call import Call
from bouncegate.web.page.rendering import asset_path
from bouncegate.web.problem import TITLES, Problem
from bouncegate.web.routes import Route

_KINDS: Final = (*TITLES, *PROBLEMS)


async def get_description(_: Call) -> Response:
    """The description."""
    return Response(description(), media_type=JSON)


async def get_page(_: Call) -> Response:
    """The page."""
    return HTMLResponse(_page())


async def get_problem(call: Call) -> Response:
    """What a kind of problem is: where `type` of a problem leads."""
    kind = call.request.path_params["kind"]
    if kind not in _KINDS:
        raise Problem("not-found")
    return RedirectResponse(f"/api/docs#problem-{kind}", 303)


@cache
def _page() -> str:
    operations = "\n".join(map(_operation, OPERATIONS))
    problems = "\n".join(map(_problem, sorted(set(_KINDS))))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>HTTP interface · Bouncegate</title>
<link rel="stylesheet" href="{asset_path("page.css")}">
</head>
<body>
<main id="main">
<h1>HTTP interface</h1>
<p>Send <code>Authorization: Bearer TOKEN</code>; <code>bouncegate web token add</code> makes a
token. Answers are JSON, times ISO 8601 in UTC. Programs read
<a href="/api/openapi.json">the description</a> (OpenAPI 3.1).</p>
<h2 id="operations">Operations</h2>
<table>
<thead><tr><th scope="col">Operation<th scope="col">Right<th scope="col">What it does
<th scope="col">What it takes</tr></thead>
<tbody>
{operations}
</tbody>
</table>
<h2 id="problems">Problems</h2>
<table>
<thead><tr><th scope="col">Kind<th scope="col">Status<th scope="col">Meaning</tr></thead>
<tbody>
{problems}
</tbody>
</table>
</main>
</body>
</html>
"""


def _operation(one: Operation) -> str:
    fields = ", ".join(one.takes.__struct_fields__) if one.takes else ""
    cells = (f"{one.method} {PREFIX}{path_of(one)}", str(one.right or ""), one.summary, fields)
    first, *rest = map(escape, cells)
    return f"<tr><td><code>{first}</code>" + "".join(f"<td>{cell}" for cell in rest) + "</tr>"


def _problem(kind: str) -> str:
    title = escape(title_of(kind))
    return f'<tr id="problem-{kind}"><td><code>{kind}</code><td>{status_of(kind)}<td>{title}</tr>'


ROUTES: Final = (
    Route("/openapi.json", get_description, public=True),
    Route("/docs", get_page, public=True),
)
PAGES: Final = (Route("/problems/{kind}", get_problem, public=True),)
