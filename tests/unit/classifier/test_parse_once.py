"""A message is read and classified once, however often the ledger has to be asked about it."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from io import BytesIO
from pathlib import Path
from unittest.mock import Mock

import pytest
from tests.unit.scoreboards import counters_of

from bouncegate.classifier import classified, parse
from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.report import Reading
from bouncegate.classifier.returnpath.bouncebuilder import BounceBuilder
from bouncegate.classifier.returnpath.handler import ACCEPTED, FIGURES, NOT_YET, ReturnPathHandler
from bouncegate.classifier.returnpath.proof import Proof, Prover
from bouncegate.classifier.returnpath.receive import receive
from bouncegate.classifier.returnpath.recorder import Recorder
from bouncegate.config.rules import load_rules
from bouncegate.store.entry import Sent, entry_of

from .provensite import Site, dsn

RECIPIENTS = ("ann@example.com", "bob@example.net")


class LaggingProver(Prover):
    """Proves by a ledger that learns of a send only when it is asked for the last of `tries`."""

    asked = 0
    tries = 1
    sent: Sent

    def __init__(self, site: Site, sent: Sent) -> None:
        super().__init__(site.settings.return_path, site.keys, site.ledger)
        self._site, self.sent = site, sent

    def prove(self, reading: Reading, recipients: Sequence[str], now: int) -> Proof:
        self.asked += 1
        if self.asked == self.tries:
            self._site.ledger.write([entry_of(self.sent)])
        return super().prove(reading, recipients, now)


class Counting:
    """A site whose reads, verdicts and questions to the ledger are counted."""

    def __init__(self, site: Site, patch: pytest.MonkeyPatch) -> None:
        self.site = site
        self.reads = 0
        self.classifier = Mock(wraps=Classifier(load_rules(None)))
        self.sent = Sent(int(time.time()), b"lagging!", "news@example.org", RECIPIENTS, "LAG1")
        self.prover = LaggingProver(site, self.sent)
        self.builder = BounceBuilder(
            partial(classified.classify_or_raise, classifier=self.classifier),
            site.policy,
            site.settings,
            self.prover,
        )
        self.raw = dsn("ann@example.com")

        def counted(raw: bytes) -> Reading:
            self.reads += 1
            return parse.read_or_raise(raw)

        patch.setattr(classified, "read_or_raise", counted)

    async def answer(self) -> list[str]:
        site = self.site
        recorder = Recorder(
            lambda bounces: site.store.record(bounces, site.policy), asyncio.get_running_loop()
        )
        try:
            handler = ReturnPathHandler(self.builder, recorder, time.time, counters_of(FIGURES))
            return await handler.answer(self.raw, "", [site.token(self.sent)])
        finally:
            recorder.close()


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    with closing(Site(tmp_path)) as site:
        yield Counting(site, monkeypatch)


def test_parse_once_while_the_ledger_lags_it_alone_is_asked_again(counting: Counting) -> None:
    counting.prover.tries = 4
    assert asyncio.run(counting.answer()) == [ACCEPTED]
    assert (counting.reads, counting.classifier.classify.call_count, counting.prover.asked) == (
        1,
        1,
        4,
    )
    assert counting.site.locked() == ["ann@example.com"]


def test_parse_once_where_the_ledger_never_learns_of_it(counting: Counting) -> None:
    counting.prover.tries = 0
    assert asyncio.run(counting.answer()) == [NOT_YET]
    assert (counting.reads, counting.classifier.classify.call_count) == (1, 1)
    assert counting.prover.asked > 1


def test_parse_once_on_standard_input(counting: Counting) -> None:
    site = counting.site
    code = receive(
        BytesIO(counting.raw),
        2**20,
        [site.token(counting.sent)],
        counting.builder,
        lambda bounce: site.store.record([bounce], site.policy)[0],
    )
    assert (code, counting.reads, counting.classifier.classify.call_count) == (0, 1, 1)
