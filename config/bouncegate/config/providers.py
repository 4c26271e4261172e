"""The shipped list of providers, and what cannot be in an operator's.

The list is data (`providers.toml`), in the form of the `[[provider]]` tables of the config file,
which extend it and win over it (`bouncegate.policy.providers`).
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
from msgspec import Struct

from bouncegate.config.values import DomainName, parse_domain

_FILE: Final = "providers.toml"
# A name is used in tables, in keys of the store and in rows of the policy.
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")
_NAMED_BY: Final = {"domains": "domain", "mx": "end of an MX host's name"}


class ProviderSettings(Struct, frozen=True):
    """One `[[provider]]`: who runs the mail of these domains, and of whom these servers are."""

    name: str = ""
    domains: tuple[DomainName, ...] = ()
    """Told by the address alone."""
    mx: tuple[DomainName, ...] = ()
    """Ends of the names of its MX hosts, by whole labels."""


@cache
def shipped_providers() -> tuple[ProviderSettings, ...]:
    """The list that comes with this version."""
    text = files("bouncegate.config").joinpath(_FILE).read_text("utf-8")
    tables = tomllib.loads(text)["provider"]
    return msgspec.convert(tables, tuple[ProviderSettings, ...], dec_hook=_domain)


def _domain(_kind: type, value: object) -> DomainName:
    return parse_domain(value)


def provider_problems(providers: Sequence[ProviderSettings]) -> Iterator[tuple[str, str]]:
    """What is wrong with the tables of an operator, each problem with the path of its key."""
    owners: dict[tuple[str, str], str] = {}
    for number, provider in enumerate(providers, 1):
        path = f"provider.{number}"
        if not _NAME.fullmatch(provider.name):
            hint = 'write letters in lower case, digits, dots and hyphens, such as "example-mail"'
            yield f"{path}.name", f"invalid provider name {provider.name!r}: {hint}"
        if not provider.domains and not provider.mx:
            yield path, "empty provider: set domains, or the ends of its MX host names in mx"
        for key, what in _NAMED_BY.items():
            for name in getattr(provider, key):
                owner = owners.setdefault((key, name), provider.name)
                if not name:
                    yield f"{path}.{key}", f"empty {what}: write one, or remove the item"
                elif key == "mx" and "." not in name:
                    text = "is a top-level domain: write the end of the provider's own host names"
                    yield f"{path}.{key}", f"{name} {text}"
                elif owner != provider.name:
                    yield (
                        f"{path}.{key}",
                        f"{name} is listed for {owner!r} already: remove one of them",
                    )


def unknown_provider(name: str, operators: Sequence[ProviderSettings]) -> str:
    """Why no bounce can be of a provider of that name; empty where one can.

    A domain that no provider runs is a provider of its own, by its name.
    """
    names: set[str] = set()
    owners: dict[str, str] = {}
    for provider in (*shipped_providers(), *operators):
        names.add(provider.name)
        owners.update((str(domain), provider.name) for domain in provider.domains)
    if name in names:
        return ""
    if name in owners:
        return f"{name} is run by {owners[name]!r}: write that name"
    if "." in name:
        return ""
    close = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {close[0]!r}?" if close else "add a [[provider]] table for it"
    return f"unknown provider {name!r}: {hint}"
