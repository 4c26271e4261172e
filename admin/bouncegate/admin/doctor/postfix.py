"""Whether a Postfix uses Bouncegate: the lines of `postfix status` as findings."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from bouncegate.admin.doctor.findings import Finding, Severity, not_allowed
from bouncegate.admin.postfix.agreement import PARAMETERS, of_settings, with_postfix
from bouncegate.admin.postfix.command import is_installed
from bouncegate.admin.postfix.coverage import Coverage, State, coverage
from bouncegate.admin.postfix.facts import Facts
from bouncegate.admin.postfix.postconf import parameters, read
from bouncegate.config.settings import Settings

_NAME: Final = "postfix"
_DELIMITER: Final = "recipient_delimiter"
_HOW: Final = "run bouncegate postfix enable: it shows the change, and makes it"
_MAP_ALONE: Final = "the milter is not in smtpd_milters; the map in transport_maps refuses instead"
_FIX: Final[dict[tuple[str, State], tuple[Severity, str]]] = {
    ("milter", State.ATTACHED): (Severity.OK, ""),
    ("milter", State.FRAGILE): (Severity.WARNING, "add default_action=accept in its braces"),
    ("milter", State.MISSING): (Severity.ERROR, _HOW),
    ("milter", State.OVERRIDDEN): (Severity.WARNING, _HOW),
    ("milter", State.NOT_COVERED): (Severity.NOTE, "nothing, if that is intended"),
    ("milter", State.BROKEN): (Severity.ERROR, _HOW),
    ("return-path", State.ATTACHED): (Severity.OK, ""),
    ("return-path", State.MISSING): (Severity.WARNING, _HOW),
    ("return-path", State.BROKEN): (Severity.ERROR, _HOW),
    ("local", State.MISSING): (Severity.WARNING, _HOW),
    ("sender", State.BROKEN): (Severity.ERROR, ""),
    ("sender", State.AFFECTED): (Severity.WARNING, ""),
    ("sender", State.UNSIGNED): (Severity.WARNING, ""),
    ("map", State.AFFECTED): (Severity.WARNING, ""),
}
"""By plane and state; other lines are no findings. A line's own advice comes first."""

_EVERYBODY: Final = "static:anyone"  # the default of authorized_mailq_users
_TOKENS_SHOWN: Final = (
    "mailq(1) shows every local user the return paths of waiting mail: with them a user can forge "
    "bounces over SMTP"
)


def check_postfix(settings: Settings, folder: Path | None) -> Iterator[Finding]:
    """Check the Postfix of a config_directory; None: that of this machine."""
    for text, fix in of_settings(settings):
        yield Finding("config", Severity.WARNING, text, fix)
    if not is_installed():
        text = "postconf not found: Postfix was not checked"
        yield Finding(_NAME, Severity.NOTE, text, "run this on the mail server")
        return
    try:
        facts = read(folder, settings.return_path.domains.names)
    except PermissionError as error:
        yield not_allowed(_NAME, error)
        return
    except OSError as error:
        fix = "correct main.cf, or give its folder with --postfix"
        yield Finding(_NAME, Severity.ERROR, str(error), fix)
        return
    yield from wiring(settings, facts)
    values = parameters(folder, _DELIMITER, *PARAMETERS)
    yield from extensions(settings.store.recipient_delimiter, values.get(_DELIMITER, ""))
    for text, fix in with_postfix(settings, values):
        yield Finding(_NAME, Severity.NOTE, text, fix)


def extensions(ours: str, of_postfix: str) -> Iterator[Finding]:
    """Whether milter, map and access table treat address extensions alike."""
    if set(ours) != set(of_postfix):
        text = (
            f"recipient_delimiter is {of_postfix!r}, but [store] recipient_delimiter {ours!r}: an "
            "access table uses the first, milter and map use the second"
        )
        fix = "set both to the same value if you use a table, or if extensions share a mailbox"
        yield Finding(_NAME, Severity.NOTE, text, fix)


def wiring(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """Findings from the settings of a Postfix."""
    found = list(coverage(settings, facts))
    refused_by_map = any(one.plane == "map" and one.state is State.ATTACHED for one in found)
    for (plane, state, text, fix), group in groupby(sorted(found, key=_kind), key=_kind):
        if plane == "milter" and state is State.MISSING and refused_by_map:
            seen = "nothing; docs/send-path.md compares the two"
            yield Finding(_NAME, Severity.NOTE, _MAP_ALONE, seen)
        elif meaning := _FIX.get((plane, state)):
            what = f"{_subjects(list(group))}: {text}"
            yield Finding(_NAME, meaning[0], what, fix or meaning[1])
    if settings.signs and facts.values.get("authorized_mailq_users") == _EVERYBODY:
        fix = "postconf -e authorized_mailq_users=root, if you do not trust local users"
        yield Finding(_NAME, Severity.NOTE, _TOKENS_SHOWN, fix)


def _kind(cover: Coverage) -> tuple[str, State, str, str]:
    return cover.plane, cover.state, cover.text, cover.fix


def _subjects(group: Sequence[Coverage]) -> str:
    return ", ".join(one.subject for one in group)
