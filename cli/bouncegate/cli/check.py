"""`check-config`: what is wrong with the configuration, where, and what would be right."""

import os

import typer

from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.output import complain
from bouncegate.config.problems import ConfigError, Problem
from bouncegate.config.settings import DEFAULT_FILE


def check_config(context: typer.Context) -> None:
    """Check the config file and the rules; exit 78 if anything is wrong.

    Examples:

    bouncegate check-config

    bouncegate --config new.toml check-config
    """
    invocation = invocation_of(context)
    problems = _problems(invocation)
    for problem in problems:
        complain(str(problem))
    if problems:
        raise typer.Exit(os.EX_CONFIG)
    file = invocation.config or (DEFAULT_FILE if DEFAULT_FILE.exists() else "the defaults")
    print(f"{file}: nothing wrong")
    for note in (*invocation.settings.notes(), *invocation.settings.notes_of_sending()):
        print(f"{file}: note: {note}")


def _problems(invocation: Invocation) -> tuple[Problem, ...]:
    """What is wrong with the settings, else with the rules, each tried on its examples."""
    from bouncegate.classifier.rulecheck import check_rules  # noqa: PLC0415
    from bouncegate.config.rules import load_rules  # noqa: PLC0415

    try:
        return check_rules(load_rules(invocation.settings.rules.folder))
    except ConfigError as error:
        return error.problems
