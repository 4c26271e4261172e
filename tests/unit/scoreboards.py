"""Rows of a scoreboard for what is tested without a daemon."""

from collections.abc import Sequence

from bouncegate.daemon.scoreboard import Counters, Name, Row, Scoreboard


def row_of(names: Sequence[Name] = ()) -> Row:
    (row,) = Scoreboard.in_memory(names).take(1)
    return row


def counters_of(names: Sequence[Name]) -> Counters:
    return row_of(names).counters
