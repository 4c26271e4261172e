"""Who runs the mail of a domain, and how that is known."""

from msgspec import Struct

from bouncegate.admin.views.values import iso
from bouncegate.config.structs import struct_from
from bouncegate.policy.mx import MxHosts
from bouncegate.policy.providers import Finding


class ProviderView(Struct):
    """What is known of one domain; times in UTC, ISO 8601."""

    domain: str
    provider: str
    evidence: str
    """domain, mx, or none: then the domain is a provider of its own."""
    match: str | None
    """The domain or the end of an MX host's name that is on the list."""
    status: str
    """ok, no-mx, null-mx, nxdomain, no-host, or unknown."""
    mx: list[str]
    """Preference and host, the most preferred first."""
    fetched: str | None
    good_until: str | None
    denial: str | None
    """What the last answer was, if it denied that the domain takes mail."""
    denied_since: str | None
    dead: bool
    """Denied again after [dns] confirm: what locks may count it."""
    failures: int
    """Look-ups in a row that got no answer, and why the last one did not."""
    failed: str | None
    why: str | None


def provider_view(domain: str, finding: Finding, exchange: MxHosts, confirm: int) -> ProviderView:
    """What is known of a domain, as scripts read it."""
    return struct_from(
        exchange,
        ProviderView,
        domain=domain,
        provider=finding.provider,
        evidence=finding.evidence,
        match=finding.match or None,
        mx=[f"{host.preference} {host.name}" for host in exchange.hosts],
        fetched=iso(exchange.fetched or None),
        good_until=iso(exchange.good_until or None),
        denied_since=iso(exchange.denied_since or None),
        dead=exchange.is_dead(confirm),
        failed=iso(exchange.failed or None),
        why=exchange.why or None,
    )
