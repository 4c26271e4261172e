"""Whether a Postfix is wired to the daemons: what the part `postfix` has read, as findings."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from bouncegate.admin.doctor.findings import Finding, Severity
from bouncegate.admin.postfix.command import is_installed
from bouncegate.admin.postfix.coverage import Coverage, State, coverage
from bouncegate.admin.postfix.facts import Facts
from bouncegate.admin.postfix.postconf import parameters, read
from bouncegate.config.settings import Settings

_NAME: Final = "postfix"
_DELIMITER: Final = "recipient_delimiter"
_HOW: Final = "bouncegate postfix enable shows what is to be changed, and changes it"
_MAP_ALONE: Final = (
    "the milter is not in smtpd_milters, but the map is in transport_maps, and refuses"
)
_FIX: Final[dict[tuple[str, State], tuple[Severity, str]]] = {
    ("milter", State.ATTACHED): (Severity.OK, ""),
    ("milter", State.FRAGILE): (Severity.WARNING, "put default_action=accept into its braces"),
    ("milter", State.MISSING): (Severity.ERROR, _HOW),
    ("milter", State.OVERRIDDEN): (Severity.WARNING, _HOW),
    ("milter", State.NOT_COVERED): (Severity.NOTE, "nothing, if it is meant"),
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
"""What a line of the status means; what is not here is no finding. Its own advice goes first."""

_EVERYBODY: Final = "static:anyone"  # the default of authorized_mailq_users
_TOKENS_SHOWN: Final = (
    "mailq(1) shows every user of this machine the return paths of mail that waits: "
    "over SMTP he can make up bounces of it"
)


def check_postfix(settings: Settings, folder: Path | None) -> Iterator[Finding]:
    """The Postfix of a configuration folder; None: the machine's own."""
    if not is_installed():
        text = "postconf is not here: whether Postfix is attached cannot be seen"
        yield Finding(_NAME, Severity.NOTE, text, "run this on the mail server")
        return
    try:
        facts = read(folder, settings.return_path.domains.names)
    except OSError as error:
        fix = "mend main.cf, or name its folder with --postfix"
        yield Finding(_NAME, Severity.ERROR, str(error), fix)
        return
    yield from wiring(settings, facts)
    told = parameters(folder, _DELIMITER).get(_DELIMITER, "")
    yield from extensions(settings.store.recipient_delimiter, told)


def extensions(ours: str, of_postfix: str) -> Iterator[Finding]:
    """Whether addresses with an extension are answered alike by milter, map and access table."""
    if set(ours) != set(of_postfix):
        text = (
            f"recipient_delimiter is {of_postfix!r}, [store] recipient_delimiter {ours!r}: an "
            "access table goes by the one, milter and map by the other"
        )
        fix = "set both alike where a table is used, or where extensions lead to one mailbox"
        yield Finding(_NAME, Severity.NOTE, text, fix)


def wiring(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """What the settings of a Postfix say about both paths."""
    found = list(coverage(settings, facts))
    refused_by_map = any(one.plane == "map" and one.state is State.ATTACHED for one in found)
    for (plane, state, text, fix), group in groupby(sorted(found, key=_kind), key=_kind):
        if plane == "milter" and state is State.MISSING and refused_by_map:
            seen = "docs/send-path.md says what each of them sees"
            yield Finding(_NAME, Severity.NOTE, _MAP_ALONE, seen)
        elif meaning := _FIX.get((plane, state)):
            what = f"{_subjects(list(group))}: {text}"
            yield Finding(_NAME, meaning[0], what, fix or meaning[1])
    if settings.signs and facts.values.get("authorized_mailq_users") == _EVERYBODY:
        fix = "postconf -e authorized_mailq_users=root, if users are not to be trusted"
        yield Finding(_NAME, Severity.NOTE, _TOKENS_SHOWN, fix)


def _kind(cover: Coverage) -> tuple[str, State, str, str]:
    return cover.plane, cover.state, cover.text, cover.fix


def _subjects(group: Sequence[Coverage]) -> str:
    return ", ".join(one.subject for one in group)
