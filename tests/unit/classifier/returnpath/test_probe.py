"""A probe is written down and counted nowhere; all else goes where it went before."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from bouncegate.classifier.returnpath.probe import ProbeTaker
from bouncegate.config.probe import BELIEVED, FIELD, SENDER, STAMP, TAKEN
from bouncegate.store.errors import StoreError

NUMBER = "0123456789abcdef" * 2
PROBE = f"{FIELD}: {NUMBER}\r\nSubject: probe\r\n\r\nA probe.\r\n".encode()


TO = f"{TAKEN}@return.example.com"


def believes(raw: bytes, number: str) -> bool:
    assert number == NUMBER
    return b"forged" in raw


class Other:
    """Stands for the listener for signs of life."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def is_meant(self, recipient: str) -> bool:
        return recipient.startswith("alive@")

    def take(self, recipients: Sequence[str], raw: bytes, sender: str | None, now: int) -> None:
        assert list(recipients) == ["alive@return.example.com"]
        self.taken.append(raw)


def test_the_number_of_a_probe_is_written_down_and_nothing_else_sees_it(tmp_path: Path) -> None:
    other = Other()
    taker = ProbeTaker(tmp_path, other, believes)
    assert taker.is_meant(f"{TAKEN}@return.example.com")
    taker.take([TO], PROBE, "", 0)
    taker.take([TO], PROBE, "", 0)
    assert (tmp_path / STAMP).read_text() == NUMBER
    assert list(tmp_path.iterdir()) == [tmp_path / STAMP]
    assert other.taken == []


@pytest.mark.parametrize("number", ["", "x", NUMBER + "0", NUMBER.upper(), "../../" + NUMBER])
def test_what_is_no_probe_is_not_taken_for_one(number: str, tmp_path: Path) -> None:
    other = Other()
    raw = f"{FIELD}: {number}\r\n\r\n".encode()
    taker = ProbeTaker(tmp_path, other, believes)
    assert taker.is_meant("alive@return.example.com")
    assert not taker.is_meant("b-token@return.example.com")
    taker.take(["alive@return.example.com"], raw, "", 0)
    assert other.taken == [raw]
    assert list(tmp_path.iterdir()) == []


def test_a_probe_with_forged_results_that_would_be_believed_says_so(tmp_path: Path) -> None:
    ProbeTaker(tmp_path, Other(), believes).take([TO], PROBE + b"forged", "", 0)
    assert (tmp_path / STAMP).read_text() == f"{NUMBER} {BELIEVED}"


@pytest.mark.parametrize(
    ("sender", "written"),
    [
        ("ann@example.com", "ann@example.com"),
        ('"a b"@example.com', '"ab"@example.com'),
        ("grüße@example.com", "gr\\xfc\\xdfe@example.com"),
        ("a\n@example.com", "a?@example.com"),
    ],
)
def test_the_sender_of_a_probe_is_one_word_behind_the_number(
    sender: str, written: str, tmp_path: Path
) -> None:
    ProbeTaker(tmp_path, Other(), believes).take([TO], PROBE, sender, 0)
    assert (tmp_path / STAMP).read_text() == f"{NUMBER} {SENDER}{written}"
    ProbeTaker(tmp_path, Other(), believes).take([TO], PROBE, "a" * 10_000, 0)
    assert len((tmp_path / STAMP).read_text()) < 400


def test_mail_to_the_probe_without_a_number_is_heard_by_nobody(tmp_path: Path) -> None:
    other = Other()
    ProbeTaker(tmp_path, other, believes).take([TO], b"From: ann@example.com\r\n\r\n", "", 0)
    assert (other.taken, list(tmp_path.iterdir())) == ([], [])


def test_a_probe_is_no_message_for_anybody_else(tmp_path: Path) -> None:
    other = Other()
    taker = ProbeTaker(tmp_path, other, believes)
    taker.take([TO, "alive@return.example.com"], PROBE, "", 0)
    taker.take(["alive@return.example.com"], PROBE, "", 0)
    assert other.taken == []


def test_a_store_that_cannot_be_written_makes_the_probe_wait(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        ProbeTaker(tmp_path / "gone", Other(), believes).take([TO], PROBE, "", 0)
