"""When hard bounces are no fault of the recipients: what trips the guard, and when that is over.

In December 2020 the largest provider of mailboxes called existing ones unknown for two days.
No single bounce tells such an outage from a dead address; many do: hard bounces of distinct
addresses at one provider, for one reason, far beyond the share of our own sends that ever
bounces. Recipients of many providers that one server refuses for one reason are the fault of that
server: mostly it is our own relay. All of this is pure; what was counted and sent is told.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, Self

from bouncegate.config.settings import GuardSettings
from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.policy.known import Known
from bouncegate.policy.providers import Providers, organisation_of
from bouncegate.policy.records import Event, Opened
from bouncegate.policy.slidingwindow import Cap, Counted, Peak, peak

Sends = Callable[[str, int], int | None]
"""(provider, since) -> how many recipients there we mailed in the guard's window that begins then;
None: unknown."""


def unknown(_provider: str, _since: int) -> None:
    """The sends where there is no ledger."""


# A limit that is not exceeded is good for this part of its span: to sum up the sends of a large
# provider takes longer than all the rest of recording a bounce.
_GOOD_FOR: Final = 360
_HOUR: Final = 3600
# All is well again below half of what trips, so that an incident does not open and close by turns.
_WELL: Final = 0.5
# Fewer bounces than these tell nothing, however few sends there were.
_LEAST: Final = 10
# Bounces of addresses that die one by one are a Poisson count: by chance alone it exceeds its mean
# by five standard deviations once in some million spans.
_DEVIATIONS: Final = 5
# Counting a series again at each bounce costs its length each time. So the next count waits for
# this part of the bounces that the limit leaves room for, or for that part of those that there are.
# The limit may sink meanwhile, with the sends: an incident then opens a little later, and frees
# all.
_OF_ROOM: Final = 10
_OF_COUNT: Final = 200
_VIA: Final = "via "
_LONGEST_HOST: Final = 255


class Series(NamedTuple):
    """The hard bounces that are counted together."""

    provider: str
    """Of the recipients; or `via ` and the name of the server that refused them."""
    reason: Reason
    """The general one: a broken server words one fault in many ways."""

    @classmethod
    def of(cls, event: Event) -> Self:
        """The series of the event's provider."""
        return cls(provider_of_event(event), event.reason.general)

    @classmethod
    def via(cls, event: Event) -> Self | None:
        """The series of the server that refused; None where the report names none."""
        name = event.remote_mta.rpartition(";")[2].split(maxsplit=1)
        bare = name[0].lstrip("[").partition("[")[0] if name else ""
        host = bare.rstrip("].").lower()[:_LONGEST_HOST]
        return cls(f"{_VIA}{host}", event.reason.general) if host else None

    @property
    def is_of_server(self) -> bool:
        """Whether one server is what its bounces have in common."""
        return self.provider.startswith(_VIA)


class Watched(NamedTuple):
    """A bounce in one of its series, and as what it is counted there."""

    series: Series
    subject: str
    """The address; of a server's series, the provider."""
    domain: str = ""
    """The domain where its MX alone tells the provider."""


class Span(NamedTuple):
    """How far back one looks, and how much is too much within it."""

    seconds: int
    addresses: int
    share: float


class Excess(NamedTuple):
    """What trips the guard."""

    span: Span
    addresses: int
    limit: int


class Judgement(NamedTuple):
    """What a count of a series has come to."""

    excess: Excess | None
    quiet: int
    """So many more bounces need not be counted."""


class Guard:
    """How many bounces of a series are too many, under the settings in force."""

    def __init__(
        self,
        settings: GuardSettings,
        sends: Sends = unknown,
        providers: Providers | None = None,
    ) -> None:
        """Know sends by `sends`, which is asked only when there are bounces beyond the minimum."""
        self._settings = settings
        self._sends = sends
        self._providers = providers or Providers.of()
        self._limits: dict[tuple[str, int, bool], tuple[int, int]] = {}
        self.window: Final = settings.window.after(0)
        """How far back bounces and sends are counted for a fast outage, in seconds."""
        fast = Span(self.window, settings.addresses, settings.share)
        slow = (
            Span(s.window.after(0), max(s.addresses, settings.addresses), s.share)
            for s in settings.slow
        )
        self.spans: Final = (fast, *slow)
        self.reach: Final = max(span.seconds for span in self.spans)
        """How far back the slowest outage is looked for."""
        self.known_after: Final = settings.known_after.after(0)

    def series_of(self, event: Event) -> Series | None:
        """The series of the provider of an event; None where the guard does not watch it."""
        if event.kind is not Kind.HARD or not event.address:
            return None
        return Series.of(event)

    def watched(self, event: Event, is_known: Known) -> Iterator[Watched]:
        """The series in which an event is counted; none where an outage is not what breaks it."""
        series = self.series_of(event)
        if series is None or is_known is Known.NO:
            return
        domain = event.address.rpartition("@")[2]
        told_by_mx = series.provider != domain and not self._runs(series.provider, domain)
        yield Watched(series, event.address, organisation_of(domain) if told_by_mx else "")
        via = Series.via(event)
        if via is not None and not self._is_own_server(via, series.provider):
            is_own = series.provider == domain
            yield Watched(via, organisation_of(domain) if is_own else series.provider)

    def _is_own_server(self, via: Series, provider: str) -> bool:
        """Whether a provider's own server refused, so that no other provider's bounces count for
        it.

        What a report says of the server is a stranger's word: it must not speak for a provider.
        """
        host = via.provider.removeprefix(_VIA)
        return f".{host}".endswith(f".{provider}") or self._providers.runs(provider, host)

    def _runs(self, provider: str, domain: str) -> bool:
        return self._providers.provider_of(domain) == provider

    # -- what trips ------------------------------------------------------------------------------

    def judge(self, series: Series, bounces: Sequence[Counted], at: int) -> Judgement:
        """Whether those of a time are too many, in any span; `bounces` are all of the series."""
        quiet: list[int] = []
        surely = [bounce for bounce in bounces if bounce.sure]
        samples: list[tuple[Sequence[Counted], bool]] = [(surely, True)] if surely else []
        if len(surely) < len(bounces):
            samples.append((bounces, False))
        for sample, sure in samples:
            for span in self._spans_of(series):
                found = Peak(len(sample), len(sample), at)
                if len(sample) > self._least(series, span, sure=sure):
                    found = peak(sample, span.seconds, self._cap(series), at)
                limit = self.excess(series, found.near, at, span, sure=sure)
                if limit is not None:
                    return Judgement(Excess(span, found.near, limit), 0)
                quiet.append(self._quiet(series, found, span, sure=sure))
        return Judgement(None, max(min(quiet, default=0), len(bounces) // _OF_COUNT))

    def excess(
        self, series: Series, count: int, at: int, span: Span | None = None, *, sure: bool = False
    ) -> int | None:
        """The limit that so many distinct addresses in a span exceed; None: they do not.

        `sure`: all of them are known to have been delivered to before.
        """
        span = span or self.spans[0]
        if count <= self._least(series, span, sure=sure):
            return None
        limit = self._remembered(series, count, at, span, sure=sure)
        return limit if count > limit else None

    def _quiet(self, series: Series, found: Peak, span: Span, *, sure: bool) -> int:
        """How many more may come before a count can exceed its limit, or nearly so."""
        least = self._least(series, span, sure=sure)
        if found.most <= least:
            return least - found.most
        limit = self._remembered(series, found.most, found.when, span, sure=sure)
        return max((limit - found.most) // _OF_ROOM, found.most // _OF_COUNT)

    def _least(self, series: Series, span: Span, *, sure: bool) -> int:
        """The lowest limit that there can be."""
        if series.is_of_server:
            return self._of_server(sure=sure)
        return min(_LEAST, span.addresses) if sure else span.addresses

    def _of_server(self, *, sure: bool) -> int:
        return self._settings.providers if sure else self._settings.addresses

    def _spans_of(self, series: Series) -> Sequence[Span]:
        return self.spans[:1] if series.is_of_server else self.spans

    def _cap(self, series: Series) -> Cap:
        balanced = not series.is_of_server and self._providers.has_names(series.provider)
        return Cap(self._settings.domain_addresses, balanced)

    def _remembered(self, series: Series, count: int, at: int, span: Span, *, sure: bool) -> int:
        key = series.provider, span.seconds, sure
        moment = at * _GOOD_FOR // span.seconds
        known, limit = self._limits.get(key, (-1, 0))
        if known != moment or count > limit:
            limit = self._limit(series, at, span, sure=sure)
            self._limits[key] = moment, limit
        return limit

    def _limit(self, series: Series, at: int, span: Span, *, sure: bool) -> int:
        if series.is_of_server:
            return self._of_server(sure=sure)
        mean = span.share * (self._sent(series.provider, at, span) or 0)
        if not sure or not mean:
            return max(span.addresses, int(mean))
        usual = int(mean + _DEVIATIONS * math.sqrt(mean))
        return max(int(mean), min(span.addresses, max(_LEAST, usual)))

    def _sent(self, provider: str, at: int, span: Span) -> int | None:
        """The sends of a span that ends then, summed up by windows."""
        if span.seconds == self.window:
            return self._sends(provider, at - self.window)
        # By whole hours, as the ledger counts them: none of them twice.
        end = (at // _HOUR + 1) * _HOUR
        starts = range(end - self.window, end - span.seconds - 1, -self.window)
        sent = [self._sends(provider, start) for start in starts]
        return None if None in sent else sum(filter(None, sent))

    # -- what is over ----------------------------------------------------------------------------

    def recovered(
        self, series: Series, addresses: int, now: int, opened: Opened | None = None
    ) -> bool:
        """Whether mail is taken again, with so many such bounces in the window.

        A provider must have been mailed within the window, and have bounced a small share of it.
        Where the sends are unknown, a window without any such bounce is taken for success. `opened`
        tells in which span it had tripped.
        """
        if series.is_of_server:
            return addresses <= _WELL * self._settings.providers
        sends = self._sends(series.provider, now - self.window)
        if sends is None:
            return addresses == 0
        return sends > 0 and addresses <= _WELL * self._share(opened) * sends

    def within(self, series: Series, bounces: Sequence[Counted], now: int) -> int:
        """How many of the bounces count in the window that ends now."""
        recent = [b for b in bounces if now - self.window < b.time]
        return peak(recent, self.window, self._cap(series), now).most

    def _share(self, opened: Opened | None) -> float:
        seconds = opened.window if opened is not None else 0
        return next((s.share for s in self.spans if s.seconds == seconds), self.spans[0].share)


def provider_of_event(event: Event) -> str:
    """The provider of the address that bounced, as it was known then."""
    return event.provider or event.address.rpartition("@")[2]
