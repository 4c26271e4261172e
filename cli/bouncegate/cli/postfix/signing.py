"""Whose mail `postfix enable` signs, and who gets the bounces: options, else questions."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bouncegate.cli.confirmation import ask_text, ask_yes
from bouncegate.cli.sentences import write_text
from bouncegate.config.values import parse_domain

if TYPE_CHECKING:
    from bouncegate.admin.postfix.enable import Options

_WHICH: Final = "Sign the mail of which sender domains? (empty: of all)"
_TELL: Final = "Send bounces to the people who wrote, too? (bouncegate-map must run)"


@dataclass
class Signing:
    """The options; each answers a question."""

    sign_domain: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DOMAIN",
            help="Sign only mail of senders in this domain; repeatable.",
            show_default=False,
        ),
    ] = None
    sign_all: Annotated[bool, typer.Option("--sign-all", help="Sign the mail of all senders.")] = (
        False
    )
    return_to_sender: Annotated[
        bool | None,
        typer.Option(
            help="Send bounces to the original senders, too: see docs/send-path.md.",
            show_default=False,
        ),
    ] = None


def options_of(way: "Options", signing: Signing) -> "Options":
    """The options of `enable` with those about signing."""
    domains = _parsed(signing.sign_domain or ())
    if domains and signing.sign_all:
        raise typer.BadParameter("--sign-domain and --sign-all exclude each other")
    return way._replace(
        sign_domains=domains,
        sign_all=signing.sign_all,
        return_to_sender=bool(signing.return_to_sender),
    )


def asked(way: "Options", signing: Signing) -> "Options":
    """The same with the answers to the questions that no option has answered."""
    if not (way.sign_domains or way.sign_all):
        way = way._replace(sign_domains=_ask_domains())
    if signing.return_to_sender is None and not way.sign_domains:
        way = way._replace(return_to_sender=ask_yes(_TELL))
    return way


def _ask_domains() -> tuple[str, ...]:
    while True:
        try:
            return _parsed(ask_text(_WHICH).replace(",", " ").split())
        except typer.BadParameter as error:
            write_text(error.message)


def _parsed(domains: Iterable[str]) -> tuple[str, ...]:
    try:
        return tuple(str(parse_domain(one)) for one in domains)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
