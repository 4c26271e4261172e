"""The ordered log that all machines of a cluster apply: what an engine has to offer.

Positions begin at 1 and have no gaps. An entry is named by the machine that made it, its *node*,
and that machine's own number, its *seq*; the numbers of a node ascend in the log. What a body says
is sealed, and no business of the engine.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple, Protocol

from bouncegate.cluster.errors import EngineRefused
from bouncegate.config.text import counted

NODE: Final = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?", re.ASCII)
"""The names that a node may have (`fullmatch`): those of hosts, in lower case."""

MAX_BODY: Final = 1 << 20
"""Octets of a body at most."""

MAX_ENTRIES: Final = 1_000
"""Entries of one append at most."""

MAX_APPEND: Final = 8 << 20
"""Octets of all bodies of one append at most."""

MAX_READ: Final = 10_000
"""Rows of one read at most; `MAX_READ_OCTETS` may make them fewer."""

MAX_READ_OCTETS: Final = 16 << 20
"""Octets of all bodies of one read at most; the first row comes however large it is."""


class Row(NamedTuple):
    """An entry in its place.

    `at` is the engine's time in milliseconds since 1970, and never less than that of the row
    before. `chain` is the hash of all rows up to this one (`chain.py`).
    """

    position: int
    node: str
    seq: int
    at: int
    body: bytes
    chain: bytes


class Head(NamedTuple):
    """The last position of a log, and the chain there; an empty log is at 0."""

    position: int
    chain: bytes


class Log(Protocol):
    """An ordered log. Each method may raise `EngineAway` or `EngineRefused`."""

    def append(self, node: str, entries: Sequence[tuple[int, bytes]], after: int = 0) -> Head:
        """Append a node's entries, (seq, body) each, all or none; give the head after it.

        `after`: the number that the log acknowledged last, if the caller knows it; `EntriesLost` if
        the log has it no more.

        The numbers ascend from 1 on, in a call and from call to call; a body has 1 to `MAX_BODY`
        octets and does not begin with a zero octet. An entry that the log has is left out, so that
        after `EngineAway` the same call is right. `NodeConflict`: it has another body under that
        number, or passed it over, because two machines have one name, or this one went back to an
        older state.
        """
        ...

    def read(self, after: int, limit: int) -> list[Row]:
        """The rows after a position, in order and gapless, `limit` at most (1 to `MAX_READ`).

        It is empty only where nothing newer exists; a log that ends before `after` is
        `EngineForked`, one that begins behind it `EntriesForgotten`.
        """
        ...

    def wait(self, after: int, seconds: float) -> bool:
        """Wait until something after a position may be there; False when the time is up."""
        ...

    def head(self) -> Head:
        """Where the log ends now."""
        ...

    def close(self) -> None:
        """Let go of the engine; nothing else may be called afterwards."""
        ...


def check_entries(node: str, entries: Sequence[tuple[int, bytes]]) -> None:
    """Refuse what no engine takes, before it is sent; raises EngineRefused."""
    if NODE.fullmatch(node) is None:
        raise EngineRefused(f"invalid name of a machine {node!r}: write it like a host name")
    if not 1 <= len(entries) <= MAX_ENTRIES:
        many = counted(len(entries), "entry")
        raise EngineRefused(f"{many} at once: 1 to {MAX_ENTRIES:,} are possible")
    if any(one >= two for one, two in pairwise((0, *(seq for seq, _ in entries)))):
        raise EngineRefused("the numbers of entries have to ascend from 1 on")
    for seq, body in entries:
        if not 1 <= len(body) <= MAX_BODY:
            raise EngineRefused(f"entry {seq} has {len(body):,} octets: 1 to {MAX_BODY:,} fit")
        if body[0] == 0:
            raise EngineRefused(f"entry {seq} is not sealed")
    if sum(len(body) for _, body in entries) > MAX_APPEND:
        raise EngineRefused(f"entries of more than {MAX_APPEND:,} octets at once: append fewer")
