"""What machines tell one another beside the log, in PostgreSQL."""

import time
from collections.abc import Mapping, Sequence
from typing import Final

from bouncegate.cluster.errors import EngineRefused
from bouncegate.cluster.postgresql.session import Session
from bouncegate.cluster.registry import (
    MAX_BLANKED,
    MAX_FORGOTTEN,
    MAX_RATES,
    Machine,
    RateKey,
    Secret,
)

_ANNOUNCE: Final = "SELECT bouncegate.announce(%s, %s, %s, %s, %s)"
_MACHINES: Final = """
    SELECT node, seq, level, version, position, skew, seen FROM bouncegate.nodes ORDER BY node
"""
_LEAVE: Final = "SELECT bouncegate.leave(%s)"
_PUT_RATES: Final = (
    "SELECT bouncegate.put_rates(%s, %b::integer[], %b::bytea[], %b::bigint[]) IS NULL"
)
_RATES: Final = """
    SELECT hour, subject, sum(sends)::bigint FROM bouncegate.rates
    WHERE subject = ANY (%b::bytea[]) AND hour BETWEEN %s AND %s GROUP BY hour, subject
"""
_PUT_SECRET: Final = "SELECT bouncegate.put_secret(%s, %s, %s, %s) IS NULL"
_SECRET: Final = "SELECT version, body FROM bouncegate.secrets WHERE name = %s"
_BLANK: Final = "SELECT bouncegate.blank(%b::bigint[])"
_FORGET: Final = "SELECT bouncegate.forget(%s, %s)"


class PostgresqlRegistry:
    """A `Registry`, for one thread."""

    def __init__(self, session: Session) -> None:
        """Use a session."""
        self._session: Final = session

    def announce(self, node: str, level: int, version: str, position: int) -> int:
        """See `Registry`."""
        clock = time.time_ns() // 1_000_000
        return self._number(_ANNOUNCE, (node, level, version, position, clock))

    def machines(self) -> list[Machine]:
        """See `Registry`."""
        return [Machine(*row) for row in self._session.fetch(_MACHINES)]

    def leave(self, node: str) -> bool:
        """See `Registry`."""
        return bool(self._number(_LEAVE, (node,)))

    def put_rates(self, node: str, rates: Mapping[RateKey, int]) -> None:
        """See `Registry`."""
        _at_most(len(rates), MAX_RATES)
        hours, subjects = [key.hour for key in rates], [key.subject for key in rates]
        self._session.fetch(_PUT_RATES, (node, hours, subjects, list(rates.values())))

    def rates(self, subjects: Sequence[bytes], since: int, until: int) -> dict[RateKey, int]:
        """See `Registry`."""
        _at_most(len(subjects), MAX_RATES)
        rows = self._session.fetch(_RATES, (list(subjects), since, until))
        return {RateKey(hour, subject): sends for hour, subject, sends in rows}

    def put_secret(self, node: str, name: str, secret: Secret) -> None:
        """See `Registry`."""
        self._session.fetch(_PUT_SECRET, (name, secret.version, secret.sealed, node))

    def secret(self, name: str) -> Secret | None:
        """See `Registry`."""
        rows = self._session.fetch(_SECRET, (name,))
        return Secret(*rows[0]) if rows else None

    def blank(self, positions: Sequence[int]) -> int:
        """See `Registry`."""
        _at_most(len(positions), MAX_BLANKED)
        return self._number(_BLANK, (list(positions),))

    def forget(self, keep: int, limit: int) -> int:
        """See `Registry`."""
        return self._number(_FORGET, (keep, min(limit, MAX_FORGOTTEN)))

    def _number(self, sql: str, values: tuple[object, ...]) -> int:
        ((number,),) = self._session.fetch(sql, values)
        return int(number)


def _at_most(many: int, most: int) -> None:
    if many > most:
        raise EngineRefused(f"{many:,} at once: {most:,} are possible")
