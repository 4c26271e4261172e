"""What an access table says for each action: never what would concern the other recipients."""

import time

import pytest
from tests.unit.milter.locks import YEAR, lock_of

from bouncegate.config.settings import MilterSettings, ReplyAction, ReplySettings, Settings
from bouncegate.milter.lookup.accesstable import entries

NOW = int(time.time())
LOCKS = [("ann@example.org", lock_of(NOW + YEAR))]


def values(settings: Settings) -> list[str]:
    return [entry.value for entry in entries(LOCKS, settings, NOW)]


@pytest.mark.parametrize(
    ("action", "beginnings"),
    [
        ("refuse", ["550 5.1.1 locked after a "]),
        ("defer", ["450 4.2.1 locked after a "]),
        ("tag", ["PREPEND X-Bouncegate-Locked: recipients=1; refs=1; reasons=user-unknown"]),
        ("discard", []),
    ],
)
def test_each_action_has_entries_that_concern_the_locked_recipient_alone(
    action: ReplyAction, beginnings: list[str]
) -> None:
    """DISCARD in an access table drops the message for all its recipients."""
    found = values(Settings(reply=ReplySettings(action=action)))
    assert len(found) == len(beginnings)
    assert all(a.startswith(b) for a, b in zip(found, beginnings, strict=True))


def test_what_is_only_observed_warns_whatever_the_action_is() -> None:
    observing = MilterSettings(mode="observe")
    for action in ("refuse", "tag"):
        settings = Settings(milter=observing, reply=ReplySettings(action=action))
        assert [value.partition(" ")[0] for value in values(settings)] == ["WARN"]
