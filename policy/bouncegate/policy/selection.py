"""Which events an operator means: by provider, domain, reason, rule and time, all together."""

from msgspec import Struct

from bouncegate.config.taxonomy import Reason
from bouncegate.policy.guard import provider_of_event
from bouncegate.policy.records import Event


class Selection(Struct, frozen=True):
    """What is not named is not asked for."""

    provider: str = ""
    domain: str = ""
    reason: Reason | None = None
    rule: str = ""
    since: int = 0
    until: int = 0
    """Events before this time; 0: all later ones too."""

    def matches(self, event: Event) -> bool:
        """Whether the event is meant."""
        return (
            event.time >= self.since
            and (not self.until or event.time < self.until)
            and (self.reason is None or self.reason.covers(event.reason))
            and (not self.rule or event.rule == self.rule)
            and (not self.domain or event.address.rpartition("@")[2] == self.domain)
            and (not self.provider or provider_of_event(event) == self.provider)
        )
