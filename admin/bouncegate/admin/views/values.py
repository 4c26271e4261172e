"""Values as records show them: times in ISO 8601, counts by name."""

from datetime import UTC, datetime

from bouncegate.policy.records import NO_END


class Counts(dict[str, int]):
    """Counts by name, which people read in a line: `hard/address 2, soft/mailbox 1`."""

    def __str__(self) -> str:
        """In a line."""
        return ", ".join(f"{name} {count}" for name, count in self.items())


def iso(seconds: int | None) -> str | None:
    """Seconds since 1970 in ISO 8601, UTC; None for no time or no end."""
    if seconds is None or seconds == NO_END:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
