"""The few pages of the core itself; all is escaped, and a name that is not given is a fault."""

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from bouncegate.web.call import Call
from bouncegate.web.problem import Problem

_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


def render(call: Call, template: str, status: int = 200, **values: object) -> Response:
    """A page."""
    html = _ENVIRONMENT.get_template(template).render(call=call, person=call.person, **values)
    return HTMLResponse(html, status)


def refusal(call: Call, problem: Problem) -> Response:
    """The page that shows a problem."""
    response = render(call, "error.html", problem.status, problem=problem)
    response.headers.update(problem.headers)
    return response
