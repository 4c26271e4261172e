"""Settings of what all parts use.

`[store]`, `[dns]`, `[retention]`, `[alarm]`, `[metrics]`, `[rules]`, `[log]`.
"""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from bouncegate.config.durations import Duration
from bouncegate.config.endpoints import LocalSocket, NameServer
from bouncegate.config.values import DomainName, FileName, Size


class StoreSettings(Struct, frozen=True):
    """`[store]`: where locks, addresses and events are kept."""

    path: Path = Path("/var/lib/bouncegate")
    map_size: Size = Size(64 * 2**30)
    fold_local_part: bool = True
    recipient_delimiter: Annotated[str, Meta(pattern=r"^[!-~]*$", max_length=8)] = ""


class DnsSettings(Struct, frozen=True):
    """`[dns]`: looking up, in the background, who takes the mail of a domain."""

    enabled: bool = True
    resolvers: tuple[NameServer, ...] = ()
    timeout: Duration = Duration(seconds=5)
    queries_a_second: Annotated[int, Meta(ge=1, le=10_000)] = 20
    at_once: Annotated[int, Meta(ge=1, le=1000)] = 20
    ttl_least: Duration = Duration(seconds=3600)
    ttl_most: Duration = Duration(seconds=86_400)
    ttl_negative: Duration = Duration(seconds=3 * 3600)
    confirm: Duration = Duration(seconds=86_400)
    reference_domains: tuple[DomainName, ...] = (
        DomainName("gmail.com"),
        DomainName("outlook.com"),
        DomainName("yahoo.com"),
        DomainName("icloud.com"),
        DomainName("gmx.net"),
    )
    domains: Annotated[int, Meta(ge=100, le=10_000_000)] = 100_000


class RetentionSettings(Struct, frozen=True):
    """`[retention]`: how long things are kept that no other section speaks of."""

    events: Duration = Duration(months=24)
    addresses: Duration = Duration(months=60)
    statistics: Duration = Duration(seconds=90 * 86_400)
    audit: Duration = Duration(months=36)
    unproven: Duration = Duration(seconds=7 * 86_400)
    unproven_reports: Annotated[int, Meta(ge=10, le=10_000_000)] = 10_000
    unproven_size: Size = Size(64 * 2**20)


class AlarmSettings(Struct, frozen=True):
    """`[alarm]`: what is worth a warning."""

    sender_blame: Annotated[int, Meta(ge=1, le=10_000_000)] = 20
    unverified: Annotated[int, Meta(ge=1, le=10_000_000)] = 100
    incidents: Annotated[int, Meta(ge=0, le=10_000)] = 0
    unanswered_domains: Annotated[int, Meta(ge=1, le=10_000_000)] = 50
    bounce_rate: Annotated[float, Meta(gt=0, le=1)] = 0.05
    hard_share: Annotated[float, Meta(gt=0, le=1)] = 0.02
    complaint_rate: Annotated[float, Meta(gt=0, le=1)] = 0.001
    rates_from: Annotated[int, Meta(ge=1, le=10_000_000)] = 500
    backup: Duration = Duration(seconds=2 * 86_400)


class MetricsSettings(Struct, frozen=True):
    """`[metrics]`: figures for Prometheus."""

    listen: LocalSocket = LocalSocket()
    textfile: FileName = FileName()
    counters: Path = Path("/run/bouncegate/counters")
    sender_domains: bool = False

    @property
    def enabled(self) -> bool:
        """Whether anybody asks for figures."""
        return self.listen.endpoint is not None or self.textfile.path is not None


class RulesSettings(Struct, frozen=True):
    """`[rules]`: the operator's own classification rules, asked before the shipped ones."""

    folder: Path = Path("/etc/bouncegate/rules.d")


class LogSettings(Struct, frozen=True):
    """`[log]`: where log lines go, and from which severity."""

    to: Literal["stderr", "syslog"] = "stderr"
    level: Literal["debug", "info", "warning", "error"] = "info"
