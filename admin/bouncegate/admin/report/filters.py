"""The filters of a report."""

from collections.abc import Callable

from msgspec import Struct

from bouncegate.config.taxonomy import Category, Reason, ReportedKind
from bouncegate.policy.alarm import sender_named
from bouncegate.policy.disposition import reported_kind
from bouncegate.policy.guard import provider_of_event
from bouncegate.policy.records import Event
from bouncegate.store.address import domain_of
from bouncegate.store.entry import Sent


class Filters(Struct, frozen=True):
    """None matches all; an empty name matches only the empty name."""

    kind: ReportedKind | None = None
    category: Category | None = None
    reason: Reason | None = None
    provider: str | None = None
    domain: str | None = None
    group: str | None = None
    mailing: str | None = None
    sender: str | None = None
    """The domain of the envelope sender, or the whole address."""
    since: int = 0
    until: int = 0
    """Before this time; 0: no limit."""

    def matches(self, event: Event) -> bool:
        """Whether a bounce matches, regardless of its time."""
        return (
            (self.mailing is None or event.mailing == self.mailing)
            and (self.group is None or event.group == self.group)
            and (self.kind is None or reported_kind(event) is self.kind)
            and (self.category is None or event.category is self.category)
            and (self.reason is None or self.reason.covers(event.reason))
            and (self.domain is None or domain_of(event.address) == self.domain)
            and (self.provider is None or provider_of_event(event) == self.provider)
            and (self.sender is None or self._is_sender(event.sender, event.group))
        )

    def in_period(self, time: int) -> bool:
        """Whether a time is in the period."""
        return time >= self.since and (not self.until or time < self.until)

    def matches_sent(self, sent: Sent) -> bool:
        """Whether a message matches, regardless of its recipients."""
        return (
            (self.mailing is None or sent.mailing == self.mailing)
            and (self.group is None or sent.group == self.group)
            and (self.sender is None or self._is_sender(sent.sender, sent.group))
        )

    def _is_sender(self, sender: str, group: str) -> bool:
        return self.sender in (sender_named(sender, group), sender.lower())

    @property
    def picks_recipients(self) -> bool:
        """Whether there is a filter of recipients."""
        return self.domain is not None or self.provider is not None

    def picks(self, domain: str, provider_of: Callable[[str], str]) -> bool:
        """Whether the recipients of a domain match."""
        return self.domain in (None, domain) and (
            self.provider is None or self.provider == provider_of(domain)
        )
