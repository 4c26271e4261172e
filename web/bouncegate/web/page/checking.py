"""Checking a list before it is mailed: typed in, pasted or a file, verdict by verdict."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from bouncegate.admin.lists.check import CheckedAddress
from bouncegate.admin.lists.lines import Line
from bouncegate.admin.views.judged import list_check
from bouncegate.web.api.sight import BY_OTHERS
from bouncegate.web.call import Call
from bouncegate.web.forms import Upload
from bouncegate.web.page.language import Language
from bouncegate.web.page.showing import show, words_for
from bouncegate.web.page.uploads import LARGEST, addresses_in, text_of
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right
from bouncegate.web.routes import Route

_SHOWN: Final = 1000
VERDICTS: Final = {
    "good": "Good",
    "detected": "Has bounced",
    "predicted": "Bounced for others",
    "stale": "Not mailed for long",
    "typo": "Typing error?",
    "unknown": "Unknown",
    "locked": "Locked",
    "dead": "Domain takes no mail",
    "invalid": "Invalid",
}


@dataclass(frozen=True)
class Checked:
    """One address and its verdict in words."""

    address: str
    verdict: str
    mark: str
    why: str
    suggestion: str


def ask(call: Call) -> Response:
    """The form."""
    return _page(call, "", [])


def check(call: Call) -> Response:
    """The verdicts."""
    text, group = call.form.one("text"), call.form.one("group").strip()
    if call.person.groups or group:
        call.require(Right.CHECK, group)
    words, file = words_for(call), call.form.file("file")
    if file is None and not text.strip():
        raise Problem("request", words.text("Choose a file, or type in what is to be read."))
    if file is not None:
        found = text_of(file, words)
        lines, text = addresses_in(found.text, words), ""
    else:
        lines = (Line(n, one.strip()) for n, one in enumerate(text.splitlines(), 1) if one.strip())
    judge = list_check(call.site.installation, call.site.store, call.now, group)
    return _page(call, text, list(judge.check(lines)), file)


def _page(
    call: Call, text: str, found: list[CheckedAddress], file: Upload | None = None
) -> Response:
    words = words_for(call)
    counts = Counter[str](one.verdict for one in found)
    bad = [one for one in found if one.verdict != "good"]
    return show(
        call,
        "check.html",
        "check",
        text=text,
        file=file.name if file else "",
        largest=LARGEST,
        group=call.form.one("group").strip(),
        total=len(found),
        counts=[
            (words.text(title), counts[name]) for name, title in VERDICTS.items() if counts[name]
        ],
        found=[_checked(one, call, words) for one in bad[:_SHOWN]],
        groups=sorted(call.person.groups),
        more=max(len(bad) - _SHOWN, 0),
        good="\n".join(one.address for one in found if one.mailable),
        mailable=sum(one.mailable for one in found),
    )


def _checked(one: CheckedAddress, call: Call, words: Language) -> Checked:
    why = words.reason(one.reason).title if one.reason else one.why
    if call.person.groups and one.verdict in BY_OTHERS:
        why = ""
    if one.until is not None and one.verdict == "locked":
        why = words.text("{reason}, until {day}", reason=why, day=words.end(one.until))
    mark = "" if one.mailable else "hard"
    verdict = words.text(VERDICTS[one.verdict])
    return Checked(one.address, verdict, mark, why, one.suggestion)


ROUTES: Final = (
    Route("/check", ask, right=Right.CHECK),
    Route("/check", check, methods=("POST",), right=Right.CHECK),
)
