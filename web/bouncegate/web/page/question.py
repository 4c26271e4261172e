"""The question before an act: what it will do, what stays and why, and what it needs to be told."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.responses import Response

from bouncegate.web.call import Call
from bouncegate.web.page.showing import show, wants_part

SHOWN = 5
"""Names that a question lists, so that "all" never means more than is told."""


@dataclass(frozen=True)
class Note:
    """What somebody should know before saying yes."""

    text: str
    is_hard: bool = False


@dataclass(frozen=True)
class Field:
    """What is asked for."""

    name: str
    label: str
    kind: str = "text"
    """The type of the input, or `select`, `checkbox`."""
    value: str = ""
    required: bool = False
    longest: int = 200
    autocomplete: str = ""
    hint: str = ""
    options: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Question:
    """One question; without a button there is nothing to say yes to."""

    title: str
    path: str
    back: str
    will: str
    names: Sequence[str] = ()
    more: int = 0
    notes: Sequence[Note] = ()
    fields: Sequence[Field] = ()
    values: Sequence[tuple[str, str]] = field(default_factory=tuple)
    """Hidden fields."""
    button: str = ""


def put(call: Call, question: Question, here: str = "recipients") -> Response:
    """The question, as a dialog's content or as a page."""
    template = "ask.html" if wants_part(call) else "askpage.html"
    return show(call, template, here, ask=question)
