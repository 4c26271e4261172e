"""`check-config`: what is wrong with the configuration, where, and what would be right."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.output import complain
from bouncegate.cli.sentences import write_text
from bouncegate.config.notes import notes_on, notes_on_sending
from bouncegate.config.problems import ConfigError, Problem
from bouncegate.config.regularfile import open_regular
from bouncegate.config.settings import DEFAULT_FILE, Settings
from bouncegate.config.sources import shown, values_of
from bouncegate.store.alive import is_proven
from bouncegate.store.purged import FILE as SALT_FILE
from bouncegate.store.tokens.keys import KEY_FILE


def check_config(
    context: typer.Context,
    *,
    values: Annotated[
        bool, typer.Option("--values", help="Show each key that is set, and the file that sets it.")
    ] = False,
    postfix: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="The config_directory of another Postfix.",
            show_default=False,
            readable=False,
        ),
    ] = None,
) -> None:
    """Check the config file, its drop-ins and the rules.

    Drop-ins are the *.toml files of the folder conf.d beside the config file. A key that several
    files set is shown with the file whose value is used.

    Exit code 0: all are good. 77: a file may not be read. 78: something is wrong; each problem is
    shown with its place.

    Examples:

    bouncegate check-config

    bouncegate check-config --values

    bouncegate --config new.toml check-config
    """
    invocation = invocation_of(context)
    problems = _problems(invocation)
    for problem in problems:
        complain(str(problem))
    if problems:
        raise typer.Exit(ConfigError(problems).exit_code)
    file = invocation.config or (DEFAULT_FILE if DEFAULT_FILE.exists() else "the defaults")
    write_text(f"{file}: nothing wrong")
    _show_values(invocation, every=values)
    notes = (
        *notes_on(invocation.settings),
        *notes_on_sending(invocation.settings),
        *_notes_of_alive(invocation.settings),
        *_disagreements(invocation.settings, postfix),
    )
    for note in notes:
        write_text(f"{file}: note: {note}")


def _show_values(invocation: Invocation, *, every: bool) -> None:
    """Say which file a value comes from: of each key, or where drop-ins set it."""
    main = str(invocation.config or DEFAULT_FILE)
    for one in values_of(invocation.sources):
        if every or one.replaced or one.place.file != main:
            instead = f" (replaces {', '.join(map(str, one.replaced))})" if one.replaced else ""
            write_text(f"{one.place}: {one.key} = {shown(one.value)}{instead}")


def _notes_of_alive(settings: Settings) -> Iterator[str]:
    """Whether mail is a sign of life, where the settings ask for it."""
    if settings.alive.authserv_ids and not is_proven(settings, int(time.time())):
        yield (
            "[alive]: no mail is a sign of life: not proven that forged Authentication-Results "
            'are removed from incoming mail; run "bouncegate doctor"'
        )


def _disagreements(settings: Settings, folder: Path | None) -> Iterator[str]:
    """What does not fit; where Postfix cannot be asked, of the settings alone."""
    from bouncegate.admin.postfix import agreement  # noqa: PLC0415 - for one command only
    from bouncegate.admin.postfix.postconf import parameters, read  # noqa: PLC0415

    found = [*agreement.of_settings(settings)]
    with suppress(OSError):  # `doctor` says so
        values = parameters(folder, *agreement.PARAMETERS)
        found += agreement.with_postfix(settings, values)
        facts = read(folder, settings.return_path.domains.names)
        found += agreement.with_tables(settings, facts)
    yield from (f"{one.text}: {one.fix}" for one in found)


def _problems(invocation: Invocation) -> tuple[Problem, ...]:
    """What is wrong with the settings, else with the rules, each tried on its examples."""
    from bouncegate.classifier.rulecheck import check_rules  # noqa: PLC0415
    from bouncegate.config.rules import load_rules  # noqa: PLC0415

    try:
        rules = check_rules(load_rules(invocation.settings.rules.folder))
    except ConfigError as error:
        return error.problems
    settings = invocation.settings
    file = str(invocation.config or DEFAULT_FILE)
    return (
        *rules,
        *_secrets(settings.store.path),
        *_endpoints(settings),
        *_cluster(settings, file),
    )


def _cluster(settings: Settings, file: str) -> Iterator[Problem]:
    """Faults of the database that machines share, without connecting to it, and of the key."""
    from bouncegate.cli.clusteraccess import missing_libraries  # noqa: PLC0415 - where it is set only

    if not settings.cluster.database:
        return
    if text := missing_libraries():
        yield Problem(file, 0, "cluster.database", text)
        return
    from bouncegate.cluster.errors import EngineRefused  # noqa: PLC0415
    from bouncegate.cluster.postgresql.target import Target  # noqa: PLC0415
    from bouncegate.cluster.sealing import KeyFileError, Sealer  # noqa: PLC0415

    try:
        Target(settings.cluster.database)
    except EngineRefused as error:
        yield Problem(file, 0, "cluster.database", str(error))
    key = settings.cluster.key_file(settings.store.path)
    if key.exists() and not _is_hidden(key):
        try:
            Sealer.load(key)
        except KeyFileError as error:
            yield Problem(str(key), 0, "", str(error).removeprefix(f"{key}: "))


def _endpoints(settings: Settings) -> Iterator[Problem]:
    """Faults of the files and folders that endpoints of events name."""
    from bouncegate.web.events.signature import SecretError, read_secret  # noqa: PLC0415

    for number, endpoint in enumerate(settings.events.endpoint, 1):
        key = f"events.endpoint.{number}"
        secret, folder = endpoint.secret_file.path, endpoint.spool.path
        if secret is not None and not _is_hidden(secret):
            try:
                read_secret(secret)
            except SecretError as error:
                yield Problem(str(secret), 0, f"{key}.secret_file", str(error))
        if folder is not None and not (folder.is_dir() or _is_hidden(folder)):
            text = "no such folder: create it, writable for the user bouncegate"
            yield Problem(str(folder), 0, f"{key}.spool", text)


def _is_hidden(path: Path) -> bool:
    """Whether this user may not look, so that nothing is known."""
    try:
        os.stat(path)  # noqa: PTH116 - Path.exists raises or lies, by the version of Python
    except PermissionError:
        return True
    except OSError:
        return False
    return not os.access(path, os.R_OK)


def _secrets(folder: Path) -> Iterator[Problem]:
    """Faults of the key file and the salt other than missing rights, which `doctor` checks."""
    for name in (KEY_FILE, SALT_FILE):
        path = folder / name
        if os.path.lexists(path):
            try:
                open_regular(path).close()
            except PermissionError:
                continue
            except OSError as error:
                yield Problem(str(path), 0, "", f"cannot be read: {error.strerror}")
