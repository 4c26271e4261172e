"""Events as files, for a program on this machine."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bouncegate.config.values import FileName
from bouncegate.config.websettings import EndpointSettings
from bouncegate.web.events.deliveries import Parcel
from bouncegate.web.events.event import EndpointTest, Event, Maker
from bouncegate.web.events.sender import Sender
from bouncegate.web.events.spool import Spool, name_of

make = Maker("mx1")


def event(number: int) -> Event:
    return make(EndpointTest("folder"), 1_790_000_000 + number, number, number)


def test_files_lie_in_the_order_of_events(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in (9, 10, 100, 2):
        assert spool.write(event(number), b"%d" % number).is_accepted
    assert [path.read_text() for path in sorted(tmp_path.glob("*.json"))] == ["2", "9", "10", "100"]


def test_an_event_that_is_written_again_replaces_its_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for _ in range(2):
        spool.write(event(1), b"{}")
    assert [path.name for path in tmp_path.iterdir()] == [name_of(event(1))]


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    spool, body, seen = Spool(tmp_path), b"x" * 200_000, list[int]()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.extend(path.stat().st_size for path in tmp_path.glob("*.json"))

    thread = threading.Thread(target=look)
    thread.start()
    for number in range(50):
        spool.write(event(number), body)
    done.set()
    thread.join()
    assert set(seen) <= {len(body)}
    assert seen


@pytest.mark.parametrize("limits", [{"most_files": 5}, {"most_octets": 500}])
def test_a_folder_that_nobody_reads_is_full_at_last_and_takes_more_when_read(
    tmp_path: Path, limits: dict[str, int]
) -> None:
    spool = Spool(tmp_path, **limits)
    answers = [spool.write(event(number), b"x" * 100) for number in range(10)]
    assert [one.is_accepted for one in answers] == [True] * 5 + [False] * 5
    assert "full: nothing reads the events there" in answers[-1].text
    for path in tmp_path.iterdir():
        path.unlink()
    assert spool.write(event(10), b"x").is_accepted


def test_a_missing_folder_is_a_failure_and_no_fault(tmp_path: Path) -> None:
    answer = Spool(tmp_path / "none").write(event(1), b"{}")
    assert not answer.is_accepted
    assert "No such file or directory" in answer.text


def test_a_link_in_the_place_of_the_draft_is_not_followed(tmp_path: Path) -> None:
    folder, victim = tmp_path / "spool", tmp_path / "victim"
    folder.mkdir()
    victim.write_text("as it was")
    (folder / ".draft").symlink_to(victim)
    assert not Spool(folder).write(event(1), b"{}").is_accepted
    assert victim.read_text() == "as it was"


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Sender]:
    found = Sender(EndpointSettings(name="folder", spool=FileName(tmp_path)), forbids_private=False)
    yield found
    found.close()


def test_an_endpoint_that_is_a_folder_holds_the_same_json(tmp_path: Path, sender: Sender) -> None:
    sender.send([[Parcel(0, (event(1),))]])
    (path,) = tmp_path.iterdir()
    assert json.loads(path.read_text()) == {
        "id": event(1).id,
        "type": "endpoint.test",
        "timestamp": "2026-09-21T14:13:21Z",
        "sequence": 1,
        "data": {"endpoint": "folder"},
    }
    assert path.stat().st_mode & 0o777 == 0o640
