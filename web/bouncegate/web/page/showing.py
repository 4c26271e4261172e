"""A page as an answer: its language, who looks, what the frame shows."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.responses import HTMLResponse, RedirectResponse, Response

from bouncegate.admin.views.values import iso
from bouncegate.web.call import Call
from bouncegate.web.page.language import CODES, Language, language, preferred
from bouncegate.web.page.menu import MENU, Entry
from bouncegate.web.page.rendering import render
from bouncegate.web.problem import Problem
from bouncegate.web.redirects import local_path
from bouncegate.web.rights import ROLES, Person

_LANGUAGE: Final = "lang"
_YEAR: Final = 365 * 86_400
_PART: Final = "part"
_DONE: Final = "done"

DONE: Final = {
    "unlocked": ("1 address unlocked.", "{n} addresses unlocked."),
    "locked": ("1 address locked.", "{n} addresses locked."),
    "corrected": ("1 address corrected.", "{n} addresses corrected."),
    "purged": ("The data of 1 address is deleted.", "The data of {n} addresses is deleted."),
    "requested": ("1 request sent.", "{n} requests sent."),
    "approved": ("1 request approved.", "{n} requests approved."),
    "declined": ("1 request declined.", "{n} requests declined."),
    "settled": ("1 incident settled.", "{n} incidents settled."),
}
"""What has just been done, by the key in the address of the page that comes next."""


@dataclass(frozen=True)
class Visitor:
    """Who looks at the page, for the frame."""

    name: str
    menu: tuple[Entry, ...]


def words_for(call: Call) -> Language:
    """The language that whoever asks has chosen, or that the browser asks for."""
    chosen = call.request.query_params.get(_LANGUAGE) or call.request.cookies.get(_LANGUAGE, "")
    if chosen in CODES:
        return language(chosen)
    fixed = call.site.settings.web.language
    if fixed != "auto":
        return language(fixed)
    return language(preferred(call.request.headers.get("accept-language", "")))


def show(
    call: Call, template: str, here: str = "", *, status: int = 200, **values: object
) -> Response:
    """A page; `here` is the entry of the menu that it belongs to."""
    words = words_for(call)
    frame = {
        "here": here,
        "visitor": _visitor(call.person),
        "other_language": _in_other_language(call, words.other),
        "flash": _flash(call, words),
        "csrf": call.csrf,
        "iso": iso,
        "now": call.now,
    }
    response = HTMLResponse(render(template, words, **(frame | values)), status)
    if call.request.query_params.get(_LANGUAGE) == words.code:
        _remember(response, words.code)
    return response


def wants_part(call: Call) -> bool:
    """Whether the page's own script asks for a part of the page alone."""
    return call.request.query_params.get(_PART) == "1"


def refusal(call: Call, problem: Problem) -> Response:
    """The page that shows why a request gets no other answer."""
    words = words_for(call)
    links = [("/", words.text("Data quality"))] if call.person.is_known else []
    response = show(
        call,
        "error.html",
        status=problem.status,
        title=words.text(problem.title),
        text=problem.detail,
        links=links,
    )
    response.headers.update(problem.headers)
    return response


def back_with(path: str, what: str, number: int) -> Response:
    """The page from where somebody came, after a change; it says what was done (RFC 9110, 15.4.4).

    `path` comes from a form, so that only a path of this site is followed.
    """
    before, _, query = own_path(path).partition("?")
    kept = [(name, value) for name, value in parse_qsl(query) if name not in (_DONE, _PART)]
    return RedirectResponse(f"{before}?{urlencode([*kept, (_DONE, f'{what}-{number}')])}", 303)


def own_path(path: str) -> str:
    """A path of this site as it came from a form or a link, else that of the lists."""
    return local_path(path, "/recipients")


def _visitor(person: Person) -> Visitor | None:
    if not person.is_known:
        return None
    rank = ROLES.index(person.role) if person.role else 0
    menu = tuple(
        entry
        for entry in MENU
        if ROLES.index(entry.role) <= rank and not (entry.all_mail and person.groups)
    )
    return Visitor(person.name, menu)


def _in_other_language(call: Call, other: str) -> str:
    kept = [
        (name, value)
        for name, value in call.request.query_params.multi_items()
        if name not in (_LANGUAGE, _PART, _DONE)
    ]
    return "?" + urlencode([*kept, (_LANGUAGE, other)])


def _flash(call: Call, words: Language) -> str:
    what, _, number = call.request.query_params.get(_DONE, "").rpartition("-")
    if what not in DONE or not (number.isascii() and number.isdecimal() and len(number) < 10):
        return ""
    return words.plural(*DONE[what], int(number))


def _remember(response: Response, code: str) -> None:
    response.set_cookie(_LANGUAGE, code, max_age=_YEAR, httponly=True, samesite="lax", secure=False)
