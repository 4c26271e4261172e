"""A probe is written down and counted nowhere; all else goes where it went before."""

from pathlib import Path

import pytest

from bouncegate.classifier.probe import ProbeTaker
from bouncegate.config.probe import FIELD, STAMP, TAKEN
from bouncegate.store.errors import StoreError

NUMBER = "0123456789abcdef" * 2
PROBE = f"{FIELD}: {NUMBER}\r\nSubject: probe\r\n\r\nA probe.\r\n".encode()


class Other:
    """Stands for the listener for signs of life."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def is_meant(self, recipient: str) -> bool:
        return recipient.startswith("alive@")

    def take(self, raw: bytes, sender: str | None, now: int) -> None:
        self.taken.append(raw)


def test_the_number_of_a_probe_is_written_down_and_nothing_else_sees_it(tmp_path: Path) -> None:
    other = Other()
    taker = ProbeTaker(tmp_path, other)
    assert taker.is_meant(f"{TAKEN}@return.example.com")
    taker.take(PROBE, "", 0)
    taker.take(PROBE, "", 0)
    assert (tmp_path / STAMP).read_text() == NUMBER
    assert list(tmp_path.iterdir()) == [tmp_path / STAMP]
    assert other.taken == []


@pytest.mark.parametrize("number", ["", "x", NUMBER + "0", NUMBER.upper(), "../../" + NUMBER])
def test_what_is_no_probe_is_not_taken_for_one(number: str, tmp_path: Path) -> None:
    other = Other()
    raw = f"{FIELD}: {number}\r\n\r\n".encode()
    taker = ProbeTaker(tmp_path, other)
    assert taker.is_meant("alive@return.example.com")
    assert not taker.is_meant("b-token@return.example.com")
    taker.take(raw, "", 0)
    assert other.taken == [raw]
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_written_makes_the_probe_wait(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        ProbeTaker(tmp_path / "gone", Other()).take(PROBE, "", 0)
