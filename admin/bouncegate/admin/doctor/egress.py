"""What receivers see of this machine's mail: from Postfix's settings and the routing table."""

import socket
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from bouncegate.admin.doctor.dnschecks import Egress
from bouncegate.admin.doctor.findings import Finding, Severity

PARAMETERS: Final = (
    "myorigin", "myhostname", "smtp_helo_name", "smtp_bind_address", "smtp_bind_address6",
    "relayhost", "inet_protocols",
)  # fmt: skip
"""The parameters of Postfix that `egress_of` reads."""

# Addresses reserved for documentation (RFC 5737, RFC 3849): choosing a route sends nothing.
_FAR: Final = {4: (socket.AF_INET, "198.51.100.1"), 6: (socket.AF_INET6, "2001:db8::1")}
_SMTP: Final = 25


def egress_of(values: Mapping[str, str], named: Egress) -> Egress:
    """From Postfix's parameters, except what the operator has named."""
    helo = values.get("smtp_helo_name", "") or values.get("myhostname", "")
    origin = _origin(values.get("myorigin", ""))
    return Egress(
        senders=named.senders or ((origin,) if "." in origin else ()),
        addresses=named.addresses or tuple(_sources(values)),
        helo=helo,
        selectors=named.selectors,
    )


def unchecked(values: Mapping[str, str], egress: Egress) -> Iterator[Finding]:
    """What was not checked, and how to have it checked."""
    if not egress.addresses:
        relay = values.get("relayhost", "")
        why = f"mail leaves by {relay}" if relay else "this machine has no public address"
        text = f"{why}: the address that receivers see was not checked"
        yield Finding("dns", Severity.NOTE, text, "give it with --address")
    if egress.senders and not egress.selectors:
        text = "no DKIM selector is given: the published key was not checked"
        yield Finding("dns", Severity.NOTE, text, "give it with --dkim")


def _origin(value: str) -> str:
    """The domain that Postfix appends to a bare name: myorigin, which may name a file."""
    if value.startswith("/"):
        try:
            value = Path(value).read_text("ascii").split("\n", 1)[0]
        except (OSError, UnicodeDecodeError):
            return ""
    return value.strip().lower()


def _sources(values: Mapping[str, str]) -> Iterator[str]:
    """The public addresses that smtp(8) binds to, or that the kernel would choose."""
    if values.get("relayhost", ""):
        return
    protocols = values.get("inet_protocols", "all")
    for version, name in ((4, "smtp_bind_address"), (6, "smtp_bind_address6")):
        if "all" in protocols or f"ipv{version}" in protocols:
            address = values.get(name, "") or _chosen(version)
            if address and ip_address(address).is_global:
                yield address


def _chosen(version: int) -> str:
    family, far = _FAR[version]
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, _SMTP))
            return str(probe.getsockname()[0])
    except OSError:  # no route at all
        return ""
