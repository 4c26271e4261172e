"""Who runs the mail of an address: the provider, told by its domain, else by its MX host.

Providers are named because their servers break together. Any domain that no provider is known to
run is a provider of its own, by its name. All of this is pure: what a domain's MX hosts are is
passed in by the caller.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple, Self

from bouncegate.config.providers import ProviderSettings, shipped_providers

Evidence = Literal["domain", "mx", "none"]


class Finding(NamedTuple):
    """A provider, and by what it was told."""

    provider: str
    """The domain itself where `evidence` is none."""
    evidence: Evidence
    match: str
    """The domain or the end of the MX host's name that is on the list; empty where none is."""


class Providers:
    """All providers that are known; immutable, and shared by all threads of a process."""

    __slots__ = ("_by_domain", "_by_mx", "_named")

    def __init__(self, providers: Iterable[ProviderSettings]) -> None:
        """Know these; what a later one names is no longer an earlier one's."""
        self._by_domain: Final[dict[str, str]] = {}
        self._by_mx: Final[dict[str, str]] = {}
        for provider in providers:
            self._by_domain.update((str(d), provider.name) for d in provider.domains)
            self._by_mx.update((str(end), provider.name) for end in provider.mx)
        self._named: Final = frozenset(self._by_domain.values())

    @classmethod
    def of(cls, operators: Sequence[ProviderSettings] = ()) -> Self:
        """The shipped providers with an operator's, which win."""
        return cls((*shipped_providers(), *operators))

    def provider_of(self, address: str, mx_hosts: Sequence[str] = ()) -> str:
        """The provider of a canonical address or `@domain`; empty for an empty address.

        `mx_hosts` are those of its domain, the most preferred first, as far as they are known.
        """
        return self.find(address, mx_hosts).provider

    def find(self, address: str, mx_hosts: Sequence[str] = ()) -> Finding:
        """The same, with its evidence."""
        domain = address.rpartition("@")[2]
        named = self._by_domain.get(domain)
        if named is not None:
            return Finding(named, "domain", domain)
        for end in _ends_of(mx_hosts[0]) if mx_hosts else ():
            named = self._by_mx.get(end)
            if named is not None:
                return Finding(named, "mx", end)
        return Finding(domain, "none", "")

    def named(self, text: str) -> str:
        """The provider of that name, or that runs the domain of that name; empty for none."""
        known = text in self._by_domain.values() or text in self._by_mx.values()
        return text if known else self.provider_of(text)

    def domains_of(self, provider: str) -> tuple[str, ...]:
        """The domains that a provider runs by name."""
        named = tuple(d for d, name in self._by_domain.items() if name == provider)
        return named or (() if provider in self._by_mx.values() else (provider,))

    def runs(self, provider: str, host: str) -> bool:
        """Whether a mail server is one of a provider's, by the end of its name."""
        named = (self._by_mx.get(end) or self._by_domain.get(end) for end in _ends_of(host))
        return next(filter(None, named), "") == provider

    def has_names(self, provider: str) -> bool:
        """Whether domains are known by name that a provider runs."""
        return provider in self._named

    def mx_ends_of(self, provider: str) -> tuple[str, ...]:
        """The ends of the names of a provider's MX hosts."""
        return tuple(end for end, name in self._by_mx.items() if name == provider)

    def domains(self) -> tuple[str, ...]:
        """All domains that are known by name, in the order in which they are written."""
        return tuple(self._by_domain)

    def names(self) -> frozenset[str]:
        """Of all providers that have one."""
        return frozenset(self._by_domain.values()) | frozenset(self._by_mx.values())


def _ends_of(host: str) -> Iterator[str]:
    """`a.b.c`, `b.c`, `c`: the longest first."""
    while host:
        yield host
        host = host.partition(".")[2]


# Below these a registry sells names: `example.co.uk` is one owner's, as `example.com` is.
_SOLD_BELOW: Final = frozenset(
    {"ac", "co", "com", "edu", "gov", "gv", "me", "ne", "net", "or", "org"}
)


def organisation_of(domain: str) -> str:
    """The part of a domain's name that costs money: subdomains are free, to whoever has one.

    Without a list of all public suffixes this is a rule of thumb; where it is wrong, several owners
    are taken for one.
    """
    labels = domain.split(".")
    country = len(labels[-1]) == 2
    kept = 3 if country and len(labels) > 2 and labels[-2] in _SOLD_BELOW else 2
    return ".".join(labels[-kept:])
