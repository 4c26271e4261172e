"""When hard bounces are a provider's fault: what trips the guard, and when all is well again.

In December 2020 the largest provider of mailboxes called existing ones unknown for two days.
No single bounce tells such an outage from a dead address; many do: hard bounces of distinct
addresses at one provider, for one reason, far beyond the share of our own sends that ever
bounces. All of this is pure; who counts addresses and sends is passed in or told.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, Self

from bouncegate.config.settings import GuardSettings
from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.policy.records import Event

Sends = Callable[[str, int], int | None]
"""(provider, since) -> how many recipients there we mailed since then; None: unknown."""


def unknown(_provider: str, _since: int) -> None:
    """The sends where there is no ledger."""


# A limit that is not exceeded is good for so long: to sum up the sends of a large provider takes
# longer than all the rest of recording a bounce.
_MINUTE: Final = 60
# All is well again below half of what trips, so that an incident does not open and close by turns.
_WELL: Final = 0.5


class Series(NamedTuple):
    """The hard bounces that are counted together."""

    provider: str
    reason: Reason

    @classmethod
    def of(cls, event: Event) -> Self:
        """The series of an event."""
        return cls(provider_of_event(event), event.reason)


class Guard:
    """How many bounces of a series are too many, under the settings in force."""

    def __init__(self, settings: GuardSettings, sends: Sends = unknown) -> None:
        """Know sends by `sends`, which is asked only when there are bounces beyond the minimum."""
        self._settings = settings
        self._sends = sends
        self._limits: dict[str, tuple[int, int]] = {}
        self.window: Final = settings.window.after(0)
        """How far back bounces and sends are counted, in seconds."""

    def series_of(self, event: Event) -> Series | None:
        """The series of an event that counts; None where the guard does not watch it."""
        if event.kind is not Kind.HARD or not event.address:
            return None
        return Series.of(event)

    def excess(self, series: Series, addresses: int, now: int) -> int | None:
        """The limit that so many distinct addresses in the window exceed; None: they do not."""
        if addresses <= self._settings.addresses:
            return None
        minute, limit = self._limits.get(series.provider, (-1, 0))
        if minute != now // _MINUTE or addresses > limit:
            limit = self._limit(series.provider, now)
            self._limits[series.provider] = now // _MINUTE, limit
        return limit if addresses > limit else None

    def recovered(self, series: Series, addresses: int, now: int) -> bool:
        """Whether the provider takes mail again, with so many such bounces in the window.

        It must have been mailed within the window, and have bounced a small share of it. Where
        the sends are unknown, a window without any such bounce is taken for success.
        """
        sends = self._sends(series.provider, now - self.window)
        if sends is None:
            return addresses == 0
        return sends > 0 and addresses <= _WELL * self._settings.share * sends

    def _limit(self, provider: str, now: int) -> int:
        sends = self._sends(provider, now - self.window) or 0
        return max(self._settings.addresses, int(self._settings.share * sends))


def provider_of_event(event: Event) -> str:
    """The provider of the address that bounced, as it was known then."""
    return event.provider or event.address.rpartition("@")[2]
