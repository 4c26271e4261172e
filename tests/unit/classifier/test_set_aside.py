"""A message that brings up a fault of ours is set aside, alone; what passes is tried again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.scoreboards import counters_of

from bouncegate.classifier.classified import ClassifiedMessage, classify_or_raise
from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.returnpath.bouncebuilder import BounceBuilder
from bouncegate.classifier.returnpath.handler import (
    _MOST_IN_A_ROW,
    ACCEPTED,
    FAULT,
    FIGURES,
    SET_ASIDE,
    STORE_FAILED,
    ReturnPathHandler,
)
from bouncegate.classifier.returnpath.receive import receive
from bouncegate.classifier.returnpath.recorder import Recorder
from bouncegate.config.durations import Duration
from bouncegate.config.rules import load_rules
from bouncegate.policy.records import Event
from bouncegate.store.errors import StoreFull
from bouncegate.store.store import Bounce, Recorded

from .provensite import LATER, Site, dsn

READ = partial(classify_or_raise, classifier=Classifier(load_rules()))
CULPRIT = b"culprit"


def report(number: int, word: bytes = b"") -> bytes:
    return dsn(f"u{number}@example.com", message_id=f"<{number}@x.example>") + word


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with closing(Site(tmp_path)) as site:
        site.builder = BounceBuilder(READ, site.policy, site.settings)
        yield site


class Failing:
    """Records in a store, unless a bounce is the culprit's."""

    def __init__(self, site: Site, error: Exception) -> None:
        self.site, self.error = site, error
        self.batches: list[int] = []

    def __call__(self, bounces: Sequence[Bounce]) -> list[list[Recorded]]:
        self.batches.append(len(bounces))
        if any(CULPRIT in bounce.raw and bounce.events[0].address for bounce in bounces):
            raise self.error
        return self.site.store.record(bounces, self.site.policy)


def answers(
    site: Site, record: Callable[[Sequence[Bounce]], list[list[Recorded]]], raws: Sequence[bytes]
) -> list[str]:
    """What the handler answers to messages that come at once."""

    async def run() -> list[str]:
        recorder = Recorder(record, asyncio.get_running_loop())
        try:
            handler = ReturnPathHandler(
                site.builder, recorder, lambda: float(LATER), counters_of(FIGURES)
            )
            waiting: list[Awaitable[list[str]]] = [
                handler.answer(raw, "", ["bounces@example.org"]) for raw in raws
            ]
            return [reply for (reply,) in await asyncio.gather(*waiting)]
        finally:
            recorder.close()

    return asyncio.run(run())


def events(site: Site) -> list[Event]:
    return [entry for _, entry in site.store.journal.entries() if isinstance(entry, Event)]


def test_set_aside_is_the_culprit_of_a_batch_alone(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    raws = [report(number) for number in range(60)]
    raws[17] += CULPRIT
    with caplog.at_level(logging.ERROR):
        told = answers(site, Failing(site, TypeError("no text")), raws)
    assert told[17] == SET_ASIDE
    assert told[:17] + told[18:] == [ACCEPTED] * 59
    (aside,) = [event for event in events(site) if not event.address]
    assert (aside.kind, aside.action, aside.rule) == ("none", "", "")
    assert site.store.messages.get(aside.raw) == raws[17]
    assert len(events(site)) == 60
    (alarm,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "set aside" in alarm.message
    assert alarm.exc_info is not None


def test_set_aside_once_however_often_the_message_comes(site: Site) -> None:
    failing = Failing(site, TypeError("no text"))
    for _ in range(3):
        assert answers(site, failing, [report(1, CULPRIT)]) == [SET_ASIDE]
    assert len(events(site)) == 1


@pytest.mark.parametrize(
    ("error", "reply"),
    [(StoreFull("no room"), STORE_FAILED), (MemoryError(), FAULT), (OSError("no files"), FAULT)],
)
def test_set_aside_is_nothing_that_the_next_try_may_bring(
    site: Site, error: Exception, reply: str
) -> None:
    failing = Failing(site, error)
    assert set(answers(site, failing, [report(0), report(1, CULPRIT)])) <= {ACCEPTED, reply}
    assert all(event.address for event in events(site))
    assert CULPRIT not in b"".join(
        site.store.messages.get(event.raw) or b"" for event in events(site)
    )


def test_set_aside_is_what_cannot_be_classified(site: Site) -> None:
    def read(raw: bytes) -> ClassifiedMessage:
        if CULPRIT in raw:
            raise RecursionError
        return READ(raw)

    site.builder = BounceBuilder(read, site.policy, site.settings)
    record = Failing(site, TypeError())
    told = answers(site, record, [report(0), report(1, CULPRIT), report(2)])
    assert told == [ACCEPTED, SET_ASIDE, ACCEPTED]
    assert (
        receive(
            BytesIO(report(3, CULPRIT)), 2**20, [], site.builder, lambda bounce: record([bounce])[0]
        )
        == 0
    )
    assert [event.address for event in events(site) if event.address] == [
        "u0@example.com",
        "u2@example.com",
    ]
    assert len(events(site)) == 4


def test_set_aside_are_no_more_messages_in_a_row_than_strangers_could_explain(
    site: Site,
) -> None:
    def read(_raw: bytes) -> ClassifiedMessage:
        raise TypeError

    site.builder = BounceBuilder(read, site.policy, site.settings)
    raws = [report(number) for number in range(_MOST_IN_A_ROW + 5)]
    told = answers(site, Failing(site, TypeError()), raws)
    assert told == [SET_ASIDE] * _MOST_IN_A_ROW + [FAULT] * 5
    assert len(events(site)) == _MOST_IN_A_ROW


def test_set_aside_without_its_message_where_none_are_kept(site: Site) -> None:
    never = replace(site.settings.return_path, keep_messages=Duration())
    site.builder = BounceBuilder(READ, site.policy, replace(site.settings, return_path=never))

    def record(bounces: Sequence[Bounce]) -> list[list[Recorded]]:
        if any(bounce.events[0].address for bounce in bounces):
            raise TypeError
        return site.store.record(bounces, site.policy)

    for _ in range(2):
        assert answers(site, record, [report(1)]) == [SET_ASIDE]
    ((_, event),) = site.store.set_aside.events()
    assert (event.address, event.raw) == ("", b"")


def test_set_aside_needs_a_store_that_takes_it(site: Site) -> None:
    def record(_bounces: Sequence[Bounce]) -> list[list[Recorded]]:
        raise TypeError

    assert answers(site, record, [report(1)]) == [FAULT]
    assert events(site) == []


def test_recording_encodes_before_it_holds_the_write_lock(site: Site) -> None:
    (good,) = site.bounce(report(1), "b@example.org").events
    bad = replace(good, identity=b"x" * 16, mailing="\ud800")
    with pytest.raises(ValueError, match="surrogates"):
        site.store.record([Bounce([good], b""), Bounce([bad], b"")], site.policy)
    assert events(site) == []
