"""`anonymize`: copies of bounces without personal data, to attach to an issue."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bouncegate.cli.fileerror import FileError, exit_code_of
from bouncegate.cli.inputfiles import MessageFile, messages
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.outfile import writing_folder
from bouncegate.cli.output import complain
from bouncegate.store.installationmark import known_mark

if TYPE_CHECKING:
    from bouncegate.classifier.classified import ClassifiedMessage


def anonymize(
    context: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", help="Messages: a file, a folder, an mbox, or - for standard input."
        ),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Write to this new folder, a file a message.",
            readable=False,
        ),
    ] = None,
) -> None:
    """Copy bounces without personal data, for an issue.

    Addresses, names, domains, IP addresses and Message-IDs are replaced, each by the same pseudonym
    throughout a message. Subject and body of the returned message are removed, and so are
    attachments. Each copy is classified and compared with its original. Read a copy before you
    publish it: the sentences of a notice stay.

    Exit code 0: every copy is classified as its original. 1: some copy is not. 66: there is no such
    file. 77: permission was denied.

    Examples:

    bouncegate anonymize bounce.eml > for-issue.eml

    bouncegate anonymize bounces.mbox -o for-issue
    """
    copier = Copier(invocation_of(context))
    unreadable: list[int] = []
    with writing_folder(output) if output else nullcontext() as folder:
        for number, item in enumerate(_readable(paths, unreadable), 1):
            if folder is None and number > 1:
                raise typer.BadParameter("there are several messages: name a folder with --output")
            copy = copier.copy(item)
            if folder is None:
                sys.stdout.buffer.write(copy)
            else:
                (folder / f"{number:04}.eml").write_bytes(copy)
    if unreadable:
        raise typer.Exit(max(unreadable))
    raise typer.Exit(1 if copier.differing else os.EX_OK)


def _readable(paths: Iterable[str], unreadable: list[int]) -> Iterator[MessageFile]:
    """The messages of all paths; of those that cannot be read, the exit codes."""
    for path in paths:
        try:
            yield from messages(path)
        except OSError as error:
            complain(str(FileError(error, path)))
            unreadable.append(exit_code_of(error))


class Copier:
    """Makes copies, and compares how they are classified."""

    def __init__(self, invocation: Invocation) -> None:
        """Classify by the rules in force."""
        from bouncegate.classifier.classifier import Classifier  # noqa: PLC0415 - RE2 takes its time
        from bouncegate.classifier.patternwords import words_of_rules  # noqa: PLC0415
        from bouncegate.config.rules import load_rules  # noqa: PLC0415

        settings = invocation.settings
        rules = load_rules(settings.rules.folder)
        self.classifier = Classifier(rules, known_mark(settings.store.path))
        self._words = words_of_rules(rules)
        providers = invocation.providers
        ends = chain.from_iterable(map(providers.mx_ends_of, providers.names()))
        self._public = frozenset((*providers.domains(), *ends))
        self.differing = 0
        """Copies that are not classified as their originals."""

    def copy(self, item: MessageFile) -> bytes:
        """The copy of one message; says on standard error how both are classified."""
        from bouncegate.classifier.anonymize import anonymized  # noqa: PLC0415
        from bouncegate.classifier.classified import classify  # noqa: PLC0415

        copy = anonymized(item.octets, self._public, self._words)
        before, after = (_verdicts(classify(one, self.classifier)) for one in (item.octets, copy))
        if before == after:
            complain(f"{item.name}: {before}")
        else:
            self.differing += 1
            complain(f"{item.name}: {before}, but the copy is classified otherwise: {after}")
        return copy

    def pseudonymized(self, text: str) -> str:
        """A reply without personal data, and without the host that gave it."""
        from bouncegate.classifier.pseudonyms import Pseudonyms  # noqa: PLC0415
        from bouncegate.classifier.reply import dissect  # noqa: PLC0415

        pseudonyms = Pseudonyms(self._public, self._words)
        pseudonyms.learn(f"{text} postmaster@{dissect(text).host}")
        return pseudonyms.applied(text)


def _verdicts(message: "ClassifiedMessage") -> str:
    verdicts = [f"{one.kind}/{one.category} {one.detail}" for one in message.reports]
    return ", ".join(verdicts) or str(message.type)
