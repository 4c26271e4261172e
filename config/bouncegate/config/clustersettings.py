"""Settings of a cluster, `[cluster]`, and what is wrong between them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct

from bouncegate.config.durations import Duration
from bouncegate.config.values import FileName

_NODE: Final = r"^(?:[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?)?$"
_LEAST_KEPT: Final = 86_400
_KEY_FILE: Final = "cluster.key"
# As libpq reads it: `password=...`, also within a URL, or `postgresql://user:password@host`.
_PASSWORD: Final = re.compile(
    r"(?:^|[\s?&])(?:ssl)?password\s*=|^postgres(?:ql)?://[^/?#@]*:[^/?#@]*@", re.ASCII
)


class ClusterSettings(Struct, frozen=True):
    """`[cluster]`: several machines, one bounce index."""

    database: str = ""
    """Where the engine is, as libpq takes it; empty: this machine is alone."""
    name: Annotated[str, Meta(pattern=_NODE)] = ""
    """Of this machine; no other one may have it, now or later."""
    key: FileName = FileName()
    keep: Duration = Duration(seconds=30 * 86_400)
    """How long entries stay in the engine's log."""

    def key_file(self, store: Path) -> Path:
        """The file of the key, beside the store unless it is set."""
        return self.key.path or store / _KEY_FILE


def cluster_faults(cluster: ClusterSettings) -> Iterator[tuple[str, str]]:
    """What is wrong between the keys of `[cluster]`."""
    if cluster.database and not cluster.name:
        text = 'not set: give this machine a name of its own, such as "mx1", and never change it'
        yield "cluster.name", text
    if cluster.name and not cluster.database:
        yield "cluster.database", "not set, but name is: write where the PostgreSQL is"
    if _PASSWORD.search(cluster.database):
        text = "a password does not belong here: write passfile=FILE, a file of mode 0600"
        yield "cluster.database", text
    if cluster.keep.after(0) < _LEAST_KEPT:
        yield "cluster.keep", 'must be at least "1 day"'
