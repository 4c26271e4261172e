"""Who takes the mail of a domain, as DNS told it, and what a further answer makes of that.

Name servers fail, lie and forget. So a look-up that failed changes nothing that is known, and a
domain that took mail before and is denied once is believed to take it still: only a second denial,
`confirm` later, counts. All of this is pure.
"""

from typing import Final, Literal, NamedTuple, get_args

from msgspec import Struct
from msgspec.structs import replace

from bouncegate.config.settings import DnsSettings

Status = Literal["ok", "no-mx", "null-mx", "nxdomain", "no-host", "unknown"]
"""`ok`: it takes mail; `no-mx`: neither MX nor address; `null-mx`: it says that it takes none
(RFC 7505); `nxdomain`: there is no such domain; `no-host`: it has MX, but none of these hosts has
an address; `unknown`: no server gave an answer."""

Denial = Literal["no-mx", "null-mx", "nxdomain", "no-host"]
DENIALS: Final[tuple[Denial, ...]] = get_args(Denial)

# After a failure asking again is put off, longer each time. Zones whose servers are all dead
# stay so for hours; the search for their like must not eat the budget of the others.
_FIRST_PAUSE: Final = 300
_LONGEST_PAUSE: Final = 6 * 3600
# Denials that lie further apart than so many times `confirm` say nothing of the time between.
_STREAK: Final = 14


class MxHost(NamedTuple):
    """One MX (RFC 5321, 5.1): the lowest preference is tried first."""

    preference: int
    name: str
    """In lower case, without the dot at the end."""


class MxAnswer(NamedTuple):
    """What one look-up has come to."""

    status: Status
    hosts: tuple[MxHost, ...] = ()
    """In the order in which they are tried; the domain itself where it has an address alone."""
    ttl: int = 0
    """For how many seconds the servers call it good."""
    why: str = ""
    """What went wrong; for `unknown` alone."""


class MxHosts(Struct, frozen=True, omit_defaults=True):
    """What is known of a domain. Times are seconds since 1970, 0 for never."""

    status: Status = "unknown"
    hosts: tuple[MxHost, ...] = ()
    fetched: int = 0
    """When the last answer came."""
    good_until: int = 0
    """After this time, a use triggers a new lookup, and uses this answer meanwhile."""
    denial: Denial | None = None
    """What the last answer said, if it denied that the domain takes mail."""
    denied_since: int = 0
    """The first of the denials in a row."""
    failures: int = 0
    """Look-ups in a row that got no answer."""
    failed: int = 0
    why: str = ""

    @property
    def mx_hosts(self) -> tuple[str, ...]:
        """The names alone, the most preferred first."""
        return tuple(host.name for host in self.hosts)

    @property
    def takes_mail(self) -> bool:
        """Whether the last answer said so."""
        return self.status == "ok" and self.denial is None

    def asks_again_at(self) -> int:
        """From when on a use should ask DNS."""
        if not self.failures:
            return self.good_until
        pause = min(_FIRST_PAUSE << min(self.failures - 1, 10), _LONGEST_PAUSE)
        return self.failed + pause

    def is_dead(self, confirm: int) -> bool:
        """Whether the domain takes no mail: denied twice at least, `confirm` seconds apart."""
        return self.denial is not None and self.fetched - self.denied_since >= confirm


UNASKED: Final = MxHosts()


def learn(known: MxHosts, answer: MxAnswer, now: int, settings: DnsSettings) -> MxHosts:
    """What is known after an answer."""
    if answer.status == "unknown":
        return replace(known, failures=known.failures + 1, failed=now, why=answer.why)
    if answer.status == "ok":
        longest = settings.ttl_most.after(0)
        until = now + _within(settings.ttl_least.after(0), answer.ttl, longest)
        return MxHosts("ok", answer.hosts, fetched=now, good_until=until)
    confirm = settings.confirm.after(0)
    until = now + _within(settings.ttl_least.after(0), answer.ttl, settings.ttl_negative.after(0))
    streak = known.denial is not None and now - known.fetched <= _STREAK * confirm
    since = known.denied_since if streak else now
    believed = known.status != "ok" or now - since >= confirm
    return MxHosts(
        status=answer.status if believed else known.status,
        hosts=() if believed else known.hosts,
        fetched=now,
        good_until=until,
        denial=answer.status,
        denied_since=since,
    )


def next_question(known: MxHosts, settings: DnsSettings) -> int | None:
    """When to look up again without a new bounce; None: only at the next bounce.

    A denial is worth confirming, and a failure worth another try or two.
    """
    if known.failures:
        return known.asks_again_at() if known.failures <= _TRIES else None
    if known.denial is None or known.is_dead(confirm := settings.confirm.after(0)):
        return None
    return known.denied_since + confirm


_TRIES: Final = 5


def _within(least: int, value: int, most: int) -> int:
    return max(min(value, most), min(least, most))
