"""What machines of a cluster tell one another beside the log, and the care of the log itself."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

MAX_RATES: Final = 10_000
"""Rates that are set, or subjects that are asked for, at once."""

MAX_BLANKED: Final = 10_000
"""Rows that are blanked at once."""

MAX_FORGOTTEN: Final = 100_000
"""Rows that are forgotten at once."""


class Machine(NamedTuple):
    """A machine as it announced itself last. Times are in milliseconds; `seen` is since 1970."""

    node: str
    seq: int
    """The number of its last entry in the log; 0: it has none."""
    level: int
    """The newest kind of entry that it understands."""
    version: str
    position: int
    """Up to which it has applied the log."""
    skew: int
    """By how much its clock is before the engine's."""
    seen: int
    """When it announced itself; 0: it did not yet, or it left."""


class Secret(NamedTuple):
    """A sealed secret; the first version is 1."""

    version: int
    sealed: bytes


class RateKey(NamedTuple):
    """Whose sends are counted: an hour since 1970, and a keyed hash (`Sealer.digest`)."""

    hour: int
    subject: bytes


class Registry(Protocol):
    """The rest of an engine. Each method may raise `EngineAway` or `EngineRefused`."""

    def announce(self, node: str, level: int, version: str, position: int) -> int:
        """Say that this machine lives and how far it is; the engine's time in milliseconds."""
        ...

    def machines(self) -> list[Machine]:
        """All machines that were ever there, by name."""
        ...

    def leave(self, node: str) -> bool:
        """Let nothing wait for a machine until it announces itself again; False: it had left."""
        ...

    def put_rates(self, node: str, rates: Mapping[RateKey, int]) -> None:
        """Set how many recipients this machine sent to; `MAX_RATES` at most."""
        ...

    def rates(self, subjects: Sequence[bytes], since: int, until: int) -> dict[RateKey, int]:
        """The sends of all machines to `MAX_RATES` subjects at most, by hours from `since` to
        `until`, both included.
        """
        ...

    def put_secret(self, node: str, name: str, secret: Secret) -> None:
        """Put the next version of a secret; raises `SecretConflict` where it is not the next."""
        ...

    def secret(self, name: str) -> Secret | None:
        """The version in force."""
        ...

    def blank(self, positions: Sequence[int]) -> int:
        """Leave of rows' bodies only the hashes, `MAX_BLANKED` at most; how many were changed."""
        ...

    def forget(self, keep: int, limit: int) -> int:
        """Forget rows older than `keep` milliseconds, a day at least; how many, `limit` at most.

        What a machine that was seen within that time has not applied stays.
        """
        ...
