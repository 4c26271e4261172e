"""Metric families in the form of prometheus_client."""

from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from bouncegate.daemon.scoreboard import Name

# A microsecond and 17 seconds: what is quicker or slower falls into the first and the last.
_FEWEST_BITS, _MOST_BITS = 10, 34
_NANOSECOND: Final = 1e-9

Labelled = Iterable[tuple[Iterable[str], float]]


def gauge(name: str, help_: str, value: float) -> Metric:
    """A gauge without labels."""
    return GaugeMetricFamily(f"bouncegate_{name}", help_, value=value)


def gauges(name: str, help_: str, labels: Iterable[str], values: Labelled) -> Metric:
    """A gauge with labels."""
    family = GaugeMetricFamily(f"bouncegate_{name}", help_, labels=list(labels))
    for words, value in values:
        family.add_metric(list(words), value)
    return family


def counters(name: str, help_: str, labels: Iterable[str], values: Labelled) -> Metric:
    """A counter with labels, from the daemon's start on."""
    family = CounterMetricFamily(f"bouncegate_{name}", help_, labels=list(labels))
    for words, value in values:
        family.add_metric(list(words), value)
    return family


def histogram(name: str, help_: str, sums: Mapping[Name, int], figure: str) -> Metric:
    """How long something took, from the histogram `figure` of a board's sums."""
    counts = {int(key[2]): n for key, n in sums.items() if key[:2] == (figure, "bits")}
    buckets, total = [], 0
    for bits, count in sorted(counts.items()):
        total += count
        if _FEWEST_BITS <= bits <= _MOST_BITS:  # what has so many bits is less than 2 ** bits
            buckets.append((repr(2**bits * _NANOSECOND), total))
    family = HistogramMetricFamily(f"bouncegate_{name}_seconds", help_)
    family.add_metric([], [*buckets, ("+Inf", total)], sums.get((figure, "sum"), 0) * _NANOSECOND)
    return family
