"""The pull feed: the events of webhooks, in pages, each event once."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.web.events.histories import START, History, read_all

from bouncegate.web.events.event import Event
from bouncegate.web.events.feed import feed
from bouncegate.web.events.position import Position

BEGIN = Position(0, START - 1, 0, 0)


def pages(history: History, limit: int, *types: str) -> list[Event]:
    source, after, found = history.source(), str(BEGIN), list[Event]()
    while True:
        page = feed(source, after, types, limit, history.now)
        found += [event for event, _ in page.items]
        after = page.next
        if page.is_last:
            return found


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_pages_together_hold_every_event_once(tmp_path: Path, limit: int) -> None:
    history = History(tmp_path, 3)
    with closing(history.store):
        for _ in range(60):
            history.happen()
        all_, _ = read_all(history.source(), BEGIN, history.now, 100)
        assert pages(history, limit) == all_
        locked = [one for one in all_ if one.type == "address.locked"]
        assert pages(history, limit, "address.locked") == locked


def test_a_page_goes_on_behind_any_of_its_events(tmp_path: Path) -> None:
    """By the cursor that an event carries, a stream that was cut off is taken up again."""
    history = History(tmp_path, 4)
    with closing(history.store):
        for _ in range(30):
            history.happen()
        page = feed(history.source(), str(BEGIN), (), 1000, history.now)
        items = page.items
        for place, (_, cursor) in enumerate(items):
            rest = [event for event, _ in items[place + 1 :]]
            left = feed(history.source(), cursor, (), 1000, history.now).items
            told = [event for event, _ in left]
            again = len(told) - len(rest)
            assert told[again:] == rest
            assert 0 <= again <= 2, "what was told together comes again"


def test_a_sequence_number_is_a_cursor_too(tmp_path: Path) -> None:
    history = History(tmp_path, 5)
    with closing(history.store):
        for _ in range(30):
            history.happen()
        all_, _ = read_all(history.source(), BEGIN, history.now, 100)
        number = all_[len(all_) // 2].sequence
        page = feed(history.source(), str(number), (), 1000, history.now)
        later = [event for event in all_ if event.sequence > number]
        assert [event for event, _ in page.items if event.sequence > number] == later


def test_without_a_cursor_it_begins_now(tmp_path: Path) -> None:
    history = History(tmp_path, 6)
    with closing(history.store):
        for _ in range(30):
            history.happen()
        page = feed(history.source(), "", (), 100, history.now)
        assert (page.items, page.is_last) == ([], True)
        while not feed(history.source(), page.next, (), 100, history.now).items:
            history.happen()


@pytest.mark.parametrize("text", ["x", "-1", "1-2-3-4", "1-2-3-4-zz", "f" * 500, "1-2-3-4-ff-"])
def test_a_cursor_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    history = History(tmp_path, 7)
    with closing(history.store), pytest.raises(ValueError, match="cursor"):
        feed(history.source(), text, (), 100, history.now)
