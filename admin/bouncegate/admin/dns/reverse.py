"""The names of an address, and whether they lead back to it (iprev of RFC 8601, 2.7.3)."""

from ipaddress import IPv4Address, ip_address
from typing import Final, NamedTuple, cast

import dns.reversename
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.PTR import PTR
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

from bouncegate.admin.dns.mx import Ask
from bouncegate.admin.dns.spf import Address

# Receivers look at some of them only; whoever publishes more has none that counts.
_MOST_NAMES: Final = 10


class ReverseNames(NamedTuple):
    """Of one address."""

    told: tuple[str, ...]
    """What its PTR records say."""
    confirmed: tuple[str, ...]
    """Those of them that have this address."""
    known: bool = True
    """False where DNS gave no answer."""


async def names_of(address: Address, ask: Ask) -> ReverseNames:
    """The names of an address."""
    answer = await ask(dns.reversename.from_address(str(address)), RdataType.PTR)
    if answer.outcome == "failed":
        return ReverseNames((), (), known=False)
    told = [one.target for one in cast(tuple[PTR, ...], answer.records)][:_MOST_NAMES]
    kind = RdataType.A if isinstance(address, IPv4Address) else RdataType.AAAA
    confirmed = []
    for name in told:
        back = cast(tuple[A | AAAA, ...], (await ask(name, kind)).records)
        if any(ip_address(one.address) == address for one in back):
            confirmed.append(name.to_text(omit_final_dot=True).lower())
    return ReverseNames(
        tuple(one.to_text(omit_final_dot=True).lower() for one in told), tuple(confirmed)
    )
