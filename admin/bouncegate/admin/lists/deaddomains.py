"""Domains that take no mail, in words."""

from typing import Final

from bouncegate.config.taxonomy import Reason
from bouncegate.policy.mx import Status

DEAD: Final[dict[Status, tuple[Reason, str]]] = {
    "nxdomain": (Reason.HOST_UNKNOWN, "the domain does not exist"),
    "no-mx": (Reason.NO_MX, "the domain names no server that takes mail"),
    "no-host": (Reason.NO_MX, "none of the domain's mail servers has an address"),
    "null-mx": (Reason.NO_MX, "the domain says that it takes no mail (RFC 7505)"),
}
"""What DNS may say of a domain, as a reason and in words."""
