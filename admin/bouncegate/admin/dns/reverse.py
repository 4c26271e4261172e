"""The names of an IP address, and whether they have that address (iprev of RFC 8601, 2.7.3)."""

from ipaddress import IPv4Address, ip_address
from typing import Final, NamedTuple, cast

import dns.reversename
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.PTR import PTR
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

from bouncegate.admin.dns.mx import Ask
from bouncegate.admin.dns.spf import Address

# Receivers check only some of them.
_MOST_NAMES: Final = 10


class ReverseNames(NamedTuple):
    """The names of one address."""

    pointers: tuple[str, ...]
    """Of its PTR records."""
    confirmed: tuple[str, ...]
    """Those that have this address."""
    known: bool = True
    """False if the lookup failed."""


async def names_of(address: Address, ask: Ask) -> ReverseNames:
    """The names of an address."""
    answer = await ask(dns.reversename.from_address(str(address)), RdataType.PTR)
    if answer.outcome == "failed":
        return ReverseNames((), (), known=False)
    pointers = [one.target for one in cast(tuple[PTR, ...], answer.records)][:_MOST_NAMES]
    kind = RdataType.A if isinstance(address, IPv4Address) else RdataType.AAAA
    confirmed = []
    for name in pointers:
        back = cast(tuple[A | AAAA, ...], (await ask(name, kind)).records)
        if any(ip_address(one.address) == address for one in back):
            confirmed.append(name.to_text(omit_final_dot=True).lower())
    return ReverseNames(
        tuple(one.to_text(omit_final_dot=True).lower() for one in pointers), tuple(confirmed)
    )
