"""A question before a change that cannot be undone, and a mail when it is done."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final, TextIO

import typer

from bouncegate.admin.mail import MailError, send
from bouncegate.cli.output import complain
from bouncegate.cli.sentences import folded
from bouncegate.config.text import printable

_ANSWERS: Final = {"y": True, "yes": True, "n": False, "no": False, "": False}


def require_consent(question: str, refusal: str, *, yes: bool) -> None:
    """Return if the answer is yes; end the command otherwise, saying `refusal`."""
    if yes:
        return
    if not can_ask():
        complain(f"{refusal}: no terminal to ask on; use --yes")
        raise typer.Exit(os.EX_USAGE)
    if not ask_yes(question):
        complain(refusal)
        raise typer.Exit(1)


def can_ask() -> bool:
    """Whether somebody is there to answer a question."""
    return sys.stdin.isatty()


def ask_yes(question: str) -> bool:
    """Whether the answer is yes; only where `can_ask`."""
    sys.stdout.flush()  # what is to be done is seen before the question
    with _terminal() as terminal:
        return _is_yes(question, terminal)


def ask_text(question: str) -> str:
    """The answer on one line, empty for none; only where `can_ask`."""
    sys.stdout.flush()
    with _terminal() as terminal:
        print(f"{printable(question)}: ", end="", file=terminal, flush=True)
        answer = sys.stdin.readline()
        if not answer:
            print(file=terminal)  # the cursor is behind the question still
    return answer.strip()


def _terminal() -> AbstractContextManager[TextIO]:
    """Where a question is seen: the terminal that answers it, wherever output and errors go."""
    try:
        return Path(os.ttyname(sys.stdin.fileno())).open("w", encoding="utf-8")
    except OSError:  # that of another user, after su(1)
        return nullcontext(sys.stderr)


def _is_yes(question: str, terminal: TextIO) -> bool:
    """Ask until the answer is yes or no; an empty one, or none, is no."""
    while True:
        print(folded(f"{question} [y/N]:", terminal), end=" ", file=terminal, flush=True)
        answer = sys.stdin.readline()
        if not answer:
            print(file=terminal)  # the cursor is behind the question still
        if answer.strip().lower() in _ANSWERS:
            return _ANSWERS[answer.strip().lower()]


def confirm_by_mail(recipient: str, subject: str, text: str) -> bool:
    """Hand a mail to sendmail(1); returns whether it was accepted, and complains if not."""
    try:
        send(recipient, subject, text)
    except MailError as error:
        complain(f"done, but no mail could be sent to {recipient}: {error}")
        return False
    return True
