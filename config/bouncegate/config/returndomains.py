"""Return domains: below which domain the envelope sender of a message is signed.

SPF proves the domain of the envelope sender, and DMARC takes that for the From domain only where
the two are aligned (RFC 7489, 3.1.2). So the senders of one domain may have a return domain of
their own, as Postfix has routes for them in sender_dependent_default_transport_maps.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from bouncegate.config.values import DomainName

KEY: Final = "return_path.sender_dependent"


class SenderDependent(Struct, frozen=True):
    """`[[return_path.sender_dependent]]`: the return domain of some senders.

    Without senders, nothing is signed below it, and what was signed earlier still comes back.
    """

    sender_domains: tuple[DomainName, ...] = ()
    domain: DomainName = DomainName("")


@dataclass(frozen=True, slots=True)
class ReturnDomains:
    """All return domains of a machine; false where there is none."""

    names: Collection[str]
    """Each once, that of all other senders first; in lower case, as A-labels. A look-up is one
    of a hash table."""
    by_sender: Mapping[str, str]
    """From the domain of a sender to the one below which it is signed."""
    rest: str
    """For all other senders; empty: these are not signed."""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.names)

    @property
    def main(self) -> str:
        """The main return domain of this machine; empty if there is none."""
        return next(iter(self.names), "")

    @property
    def signs(self) -> bool:
        """Whether any sender is signed."""
        return bool(self.rest or self.by_sender)

    def for_sender(self, domain: str) -> str:
        """Below which domain a sender of `domain` is signed; empty: it is left as it is."""
        return self.by_sender.get(domain, self.rest)

    def holds(self, domain: str) -> bool:
        """Whether a domain is one of them."""
        return domain in self.names

    def senders_of(self, name: str) -> list[str]:
        """The domains of the senders that are signed below one of them, where they are listed."""
        return [sender for sender, domain in self.by_sender.items() if domain == name]


def return_domains(
    domain: str, sign: str, own: Iterable[str], dependent: Iterable[SenderDependent]
) -> ReturnDomains:
    """Those of the keys of `[return_path]`: an entry goes before `domain`."""
    entries = [(str(sender), str(one.domain)) for one in dependent for sender in one.sender_domains]
    names = [str(domain), *(str(one.domain) for one in dependent)]
    own_ones = [(str(sender), str(domain)) for sender in own if domain and sign == "own"]
    by_sender = {s: d for s, d in (*own_ones, *entries) if d} if sign != "none" else {}
    rest = str(domain) if sign == "all" else ""
    return ReturnDomains(dict.fromkeys(filter(None, names)), by_sender, rest)


def faults(
    domain: str, own: Iterable[str], dependent: Iterable[SenderDependent]
) -> Iterator[tuple[str, str]]:
    """What is wrong between these keys: the key and what would be right."""
    dependent = tuple(dependent)
    returns = {str(domain), *(str(one.domain) for one in dependent)} - {""}
    for sender in own:
        if sender in returns:
            yield "return_path.own_domains", _is_return_domain(sender)
    domains, senders = {str(domain)} - {""}, set[str]()
    for number, one in enumerate(dependent, 1):
        here = f"{KEY}.{number}"
        if not one.domain:
            text = 'no return domain: set domain, such as "bounces.customer.example"'
            yield f"{here}.domain", text
        elif one.domain in domains:
            yield f"{here}.domain", f"{one.domain} is a return domain already: list it once"
        domains.add(str(one.domain))
        for sender in one.sender_domains:
            if not sender:
                yield f"{here}.sender_domains", 'empty domain: write "customer.example"'
            elif sender in returns:
                yield f"{here}.sender_domains", _is_return_domain(sender)
            elif sender in senders:
                text = f"{sender} is listed already: a sender domain has one return domain"
                yield f"{here}.sender_domains", text
            senders.add(str(sender))


def _is_return_domain(sender: str) -> str:
    return (
        f"{sender} is a return domain, which receives only bounces: use a domain below it as the "
        f'return domain, such as "bounces.{sender}"'
    )
