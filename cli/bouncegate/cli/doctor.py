"""`doctor`: checks the installation, and says what each finding means for mail."""

import os
import re
import time
from collections.abc import Iterable, Iterator
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from msgspec import Struct

from bouncegate.admin.doctor.findings import Check, Finding, Severity, run_checks
from bouncegate.cli.doctorcluster import check_cluster
from bouncegate.cli.doctorevents import check_events
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.options import Json
from bouncegate.cli.output import write_json
from bouncegate.cli.table import write_table
from bouncegate.config.settings import Settings
from bouncegate.config.values import parse_domain
from bouncegate.store.clock import moment

if TYPE_CHECKING:
    from bouncegate.admin.doctor.dnschecks import Egress

# RFC 6376, 3.1: a selector is one or more labels.
_SELECTOR: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,61}[A-Za-z0-9_])?")
_EXIT: Final = {Severity.WARNING: 1, Severity.ERROR: 2, Severity.FORBIDDEN: os.EX_NOPERM}


class FindingView(Struct):
    """One finding, for scripts."""

    check: str
    severity: str
    text: str
    fix: str


def _known_daemons(names: list[str] | None) -> list[str] | None:
    from bouncegate.admin.doctor.daemons import DAEMONS  # noqa: PLC0415 - for one command only

    for name in names or ():
        if name not in DAEMONS:
            raise typer.BadParameter(f"{name!r}: expected {', '.join(DAEMONS)}")
    return names


def doctor(
    context: typer.Context,
    *,
    postfix: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="The config_directory of another Postfix.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    sender: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="DOMAIN",
            help="A domain you send from, if not Postfix's myorigin; repeatable.",
        ),
    ] = None,
    address: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IP", help="The IP address that receivers see, if behind NAT; repeatable."
        ),
    ] = None,
    dkim: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SELECTOR",
            help="A DKIM selector that signs mail of the --from domains; repeatable.",
        ),
    ] = None,
    daemon: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Ask only whether this daemon answers (milter, return-path or map); repeatable.",
            callback=_known_daemons,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check the installation from end to end.

    It checks what proves bounces, the store, keys, daemons, DNS and Postfix. If [alive] names a
    host, it also sends a message with forged authentication results through Postfix: mail counts as
    a sign of life only if Postfix removes them.

    With --daemon it only asks whether daemons answer, as the health check of a container does.

    Exit code 0: nothing worse than a note. 1: a warning. 2: an error. 77: this user may not look
    at everything, so that the rest is not known. 78: the config is wrong.

    Examples:

    bouncegate doctor --from example.com --dkim mail2026

    bouncegate doctor --json | grep '"error"'

    bouncegate doctor --daemon milter
    """
    from bouncegate.admin.doctor import (  # noqa: PLC0415 - most commands look at nothing
        alive,
        clock,
        daemons,
        domains,
        maillog,
        storage,
        tokens,
        webpage,
    )
    from bouncegate.admin.doctor.postfix import check_postfix  # noqa: PLC0415

    settings = invocation_of(context).settings
    named = _named(sender or (), address or (), dkim or ())
    now = int(time.time())
    checks: tuple[tuple[str, Check], ...] = (
        ("proof", lambda: tokens.check_evidence(settings)),
        ("keys", lambda: tokens.check_keys(settings, now)),
        ("store", lambda: storage.check_store(settings, now)),
        ("ledger", lambda: storage.check_ledger(settings, now)),
        ("clock", lambda: clock.check_clock(settings, moment())),
        ("domains", lambda: domains.check_domains(settings, now)),
        ("maillog", lambda: maillog.check_maillog(settings, now)),
        ("backup", lambda: storage.check_backup(settings, now)),
        ("daemons", lambda: daemons.check_daemons(settings)),
        ("events", lambda: check_events(settings, now)),
        ("web", lambda: webpage.check_web(settings)),
        ("cluster", lambda: check_cluster(settings)),
        ("alive", lambda: alive.check_alive(settings, now)),
        ("dns", lambda: _names(settings, postfix, named)),
        ("postfix", lambda: check_postfix(settings, postfix)),
    )
    if daemon:
        checks = tuple((name, partial(_answering, settings, name)) for name in daemon)
    found = list(run_checks(checks))
    if json:
        for one in found:
            write_json(FindingView(one.check, one.severity.name.lower(), one.text, one.fix))
    else:
        rows = ((one.check, one.severity.name.lower(), one.text, one.fix or None) for one in found)
        write_table(("check", "", "found", "what to do"), rows)
    raise typer.Exit(_EXIT.get(max(one.severity for one in found), 0))


def _answering(settings: Settings, name: str) -> Iterator[Finding]:
    """Whether one daemon answers; whom nothing depends on is an error as well, being asked for."""
    from bouncegate.admin.doctor.daemons import DAEMONS  # noqa: PLC0415 - for one command only

    for one in DAEMONS[name](settings):
        is_note = one.severity is Severity.NOTE
        yield one._replace(severity=Severity.ERROR) if is_note else one


def _names(settings: Settings, folder: Path | None, named: "Egress") -> Iterator[Finding]:
    """What DNS shows to receivers; where Postfix cannot be asked, of what was named alone."""
    from bouncegate.admin.doctor import egress  # noqa: PLC0415 - for one command only
    from bouncegate.admin.doctor.dnschecks import check_dns  # noqa: PLC0415
    from bouncegate.admin.postfix.postconf import parameters  # noqa: PLC0415

    try:
        values = parameters(folder, *egress.PARAMETERS)
    except OSError:  # the check of Postfix says so
        values = {}
    seen = egress.egress_of(values, named) if values else named
    yield from check_dns(settings, seen)
    if settings.dns.enabled:
        yield from egress.unchecked(values, seen)


def _named(senders: Iterable[str], addresses: Iterable[str], selectors: Iterable[str]) -> "Egress":
    from bouncegate.admin.doctor.dnschecks import Egress  # noqa: PLC0415 - for one command only

    for selector in selectors:
        if not _SELECTOR.fullmatch(selector):
            raise typer.BadParameter(
                f"invalid DKIM selector {selector!r}: expected one such as mail2026"
            )
    try:
        return Egress(
            tuple(str(parse_domain(one)) for one in senders),
            tuple(str(ip_address(one)) for one in addresses),
            selectors=tuple(selectors),
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
