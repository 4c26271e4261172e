"""A worker that ends gives up: what comes then is deferred, and not recorded either."""

import asyncio
import time
from unittest.mock import Mock

from tests.unit.scoreboards import counters_of

from bouncegate.classifier.returnpath.handler import FIGURES, STOPPING, ReturnPathHandler


def test_message_that_comes_when_the_worker_has_given_up_is_deferred_unread() -> None:
    builder, recorder = Mock(), Mock()
    handler = ReturnPathHandler(builder, recorder, time.time, counters_of(FIGURES))
    handler.give_up()
    answers = asyncio.run(handler.answer(b"Subject: x\n\n", "", ["a@example.com", "b@example.com"]))
    assert answers == [STOPPING, STOPPING]
    assert not builder.classify.called
    assert not recorder.record.called
    assert handler.in_progress == 0
