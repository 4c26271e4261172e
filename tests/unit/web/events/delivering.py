"""One endpoint that events are delivered to, by a clock that the test holds."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.events import event_of
from tests.stores import store_settings
from tests.unit.web.events.histories import DAY, START, History
from tests.unit.web.events.receiver import Receiver

from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import FileName, HookUrl
from bouncegate.config.websettings import EndpointSettings
from bouncegate.policy.records import Act
from bouncegate.store.store import Bounce
from bouncegate.web.events.deliverer import Deliverer, Telling
from bouncegate.web.events.event import Maker
from bouncegate.web.events.eventstore import EventStore
from bouncegate.web.events.sender import Sender
from bouncegate.web.events.source import Source

KEEPS = 30 * DAY
KEY = bytes(range(32))


class Site:
    """A store, the environment of its events, and a clock."""

    def __init__(self, folder: Path) -> None:
        (folder / "store").mkdir()
        self.folder = folder
        self.history = History(folder / "store", 0)
        self.events = EventStore.open(store_settings(folder / "store"), readonly=False)
        self.now = float(START)
        self._senders: list[Sender] = []
        secret = folder / "secret"
        secret.write_text("whsec_" + base64.b64encode(KEY).decode() + "\n")
        secret.chmod(0o600)
        self.secret = secret

    def deliverer(self, url: str, **settings: Any) -> Deliverer:
        endpoint = EndpointSettings(
            name="a", url=HookUrl(url), secret_file=FileName(self.secret), **settings
        )
        source = Source(self.history.store, self.events.outbox, self.history.policy, "mx1")
        telling = Telling(source, self.events.deliveries, Maker("mx1"), KEEPS)
        sender = Sender(endpoint, forbids_private=False, now=lambda: self.now)
        self._senders.append(sender)
        found = Deliverer(endpoint, telling, sender, lambda: self.now)
        found.round()
        return found

    def bounce(self, *addresses: str) -> None:
        for address in addresses:
            self.now += 1
            event = event_of(address, int(self.now), Reason.SPAM_BLOCK, identity=os.urandom(16))
            self.history.store.record([Bounce([event], b"")], self.history.policy)

    def lock(self, *addresses: str) -> None:
        self.now += 1
        act = Act(addresses, int(self.now), "lock", "ann")
        self.history.store.act([act], self.history.policy.fold)

    def close(self) -> None:
        for sender in self._senders:
            sender.close()
        self.events.close()
        self.history.store.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with closing(Site(tmp_path)) as found:
        yield found


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Receiver(tmp_path / "receiver") as found:
        yield found


def deliver(deliverer: Deliverer) -> None:
    """Rounds until there is nothing to do now."""
    for _ in range(2000):
        if not deliverer.round():
            return
    raise AssertionError("it never comes to rest")


def addresses(requests: list[dict[str, Any]]) -> list[str]:
    return [one["data"]["address"] for one in requests]


def told_by(receiver: Receiver) -> list[dict[str, Any]]:
    """The events of the batches that were accepted."""
    batches: list[Any] = list(receiver.accepted())
    return [event for batch in batches for event in batch]


NAMES = [f"user{n}@example.com" for n in range(12)]
