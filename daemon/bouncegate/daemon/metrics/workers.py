"""What the daemons have counted, as figures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client.metrics_core import Metric

from bouncegate.daemon.metrics.families import counters, gauges, histogram
from bouncegate.daemon.scoreboard import Name, Snapshot

_DAEMONS: Final = ("milter", "map", "return-path")


def board_figures(folder: Path) -> Iterator[Metric]:
    """The figures of the daemons whose boards lie in a folder; raises OSError."""
    tallies = {name: Snapshot.read(folder / name) for name in _DAEMONS}
    up = ((name, tally) for name, tally in tallies.items())
    yield gauges(
        "daemon_up",
        "Whether a daemon runs that counts for [metrics].",
        ["daemon"],
        (([name], tally is not None and tally.alive) for name, tally in up),
    )
    if (milter := tallies["milter"]) is not None:
        yield from _milter(milter.sums())
    if (table := tallies["map"]) is not None:
        yield from _decisions("map", table.sums())
    if (return_path := tallies["return-path"]) is not None:
        yield from _return_path(return_path.sums())


def last_send(folder: Path) -> int:
    """When the milter handed the last send to the ledger; 0: never since it started."""
    tally = Snapshot.read(folder / "milter")
    return max((row.get(("last-send",), 0) for row in tally.rows), default=0) if tally else 0


def _decisions(daemon: str, sums: dict[Name, int]) -> Iterator[Metric]:
    yield histogram(
        f"{daemon}_recipient",
        f"How long the {daemon} took to answer a recipient, without the way there and back.",
        sums,
        "recipient",
    )
    yield counters(
        f"{daemon}_decisions",
        "Locked recipients that were asked for, by what became of them and the lock's reason.",
        ["outcome", "reason"],
        ((name[1:], n) for name, n in sums.items() if name[0] == "decision" and n),
    )
    yield counters(
        f"{daemon}_errors",
        "Recipients that could not be judged, and were answered by on_error.",
        [],
        [([], sums.get(("error",), 0))],
    )


def _milter(sums: dict[Name, int]) -> Iterator[Metric]:
    yield from _decisions("milter", sums)
    yield counters(
        "milter_returns",
        "Recipients below the return domain, by what their signed address proves.",
        ["finding"],
        ((name[1:], n) for name, n in sums.items() if name[0] == "door"),
    )
    yield counters(
        "milter_sends",
        "Messages sent, by whether they could be handed to the ledger.",
        ["result"],
        ((name[1:], n) for name, n in sums.items() if name[0] == "send"),
    )
    yield counters(
        "milter_refusals",
        "Refused recipients, by whether they could be handed to the ledger.",
        ["result"],
        ((name[1:], n) for name, n in sums.items() if name[0] == "refusal"),
    )


def _return_path(sums: dict[Name, int]) -> Iterator[Metric]:
    yield histogram(
        "return_path_message",
        "How long the return path took for a message, from its end until it was durable.",
        sums,
        "message",
    )
    yield counters(
        "return_path_messages",
        "Messages that the return path took, or deferred, by the result.",
        ["result"],
        ((name[1:], n) for name, n in sums.items() if name[0] == "result"),
    )
    yield counters(
        "return_path_refused",
        "Recipients that the return path refused, by what their address proves.",
        ["finding"],
        ((name[1:], n) for name, n in sums.items() if name[0] == "refused"),
    )
