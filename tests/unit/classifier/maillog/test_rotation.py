"""However a log is rotated, each of its lines is read once."""

import bz2
import gzip
import logging
import lzma
import os
import shutil
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest

from bouncegate.classifier.maillog.files import LogFile
from bouncegate.classifier.maillog.line import DeliveryLine, Parser
from bouncegate.classifier.maillog.source import SourceError

NOW = 1_790_000_000


class Log:
    """A log that is written, rotated and followed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "mail.log"
        self.path.touch()
        self.file = LogFile(self.path, Parser("postfix", UTC))
        self.position = b""
        self._number = 0
        self._clock = NOW - 86_400

    def write(self, count: int = 1, path: Path | None = None) -> None:
        """Lines with queue ids N00001, N00002 and so on."""
        with (path or self.path).open("a") as file:
            for _ in range(count):
                self._number += 1
                file.write(self.line(f"N{self._number:05}"))
        self.age(path or self.path)

    @staticmethod
    def line(queue_id: str) -> str:
        return (
            f"Nov 25 04:04:51 mail postfix/smtp[1]: {queue_id}: to=<a@r.example>, relay=none, "
            "delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 Ok)\n"
        )

    def age(self, path: Path) -> None:
        """Each change is a minute after the last one."""
        self._clock += 60
        os.utime(path, (self._clock, self._clock))

    def read(self, now: int | None = None) -> list[int]:
        """The numbers of the lines that are new."""
        found = []
        for read in self.file.read(self.position, now or self._clock):
            if isinstance(read.line, DeliveryLine):
                found.append(int(read.line.queue_id[1:]))
            self.position = read.place.octets()
        return found

    def sibling(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def renamed(log: Log, suffix: str = ".1") -> None:
    """`create` of logrotate(8), which is its default."""
    log.path.rename(log.sibling(suffix))
    log.path.touch()


def copied(log: Log) -> None:
    """`copytruncate` of logrotate(8)."""
    shutil.copy2(log.path, log.sibling(".1"))
    os.truncate(log.path, 0)


def dated(log: Log) -> None:
    """`dateext` of logrotate(8)."""
    renamed(log, "-20261125")


def by_postfix(log: Log) -> None:
    """`postfix logrotate`, which compresses at once."""
    compressed(log, ".20261125-040451", ".gz", gzip.compress)


def compressed(log: Log, suffix: str, kind: str, compress: Callable[[bytes], bytes]) -> None:
    renamed(log, suffix)
    plain, packed = log.sibling(suffix), log.sibling(suffix + kind)
    packed.write_bytes(compress(plain.read_bytes()))
    shutil.copystat(plain, packed)
    plain.unlink()


ROTATIONS = {
    "renamed": renamed,
    "copied": copied,
    "dated": dated,
    "by Postfix": by_postfix,
    "gz": lambda log: compressed(log, ".1", ".gz", gzip.compress),
    "bz2": lambda log: compressed(log, ".1", ".bz2", bz2.compress),
    "xz": lambda log: compressed(log, ".1", ".xz", lzma.compress),
}


def test_only_what_is_new_is_read(log: Log) -> None:
    log.write(3)
    assert log.read() == [1, 2, 3]
    assert log.read() == []
    log.write(2)
    assert log.read() == [4, 5]


@pytest.mark.parametrize("before", [1, 3, 40])
@pytest.mark.parametrize("rotate", ROTATIONS.values(), ids=ROTATIONS.keys())
def test_what_was_written_before_the_rotation_is_read_and_then_what_came_after(
    log: Log, rotate: Callable[[Log], None], before: int
) -> None:
    log.write(before)
    log.read()
    log.write(2)
    rotate(log)
    log.write(2)
    assert log.read() == [before + n for n in (1, 2, 3, 4)]
    log.write()
    assert log.read() == [before + 5]


def test_nothing_is_lost_when_it_was_rotated_more_than_once(log: Log) -> None:
    log.write(20)
    log.read()
    log.write()
    compressed(log, ".2", ".gz", gzip.compress)
    log.write()
    renamed(log)
    log.write()
    assert log.read() == [21, 22, 23]


def test_a_log_is_followed_without_lines_of_interest(log: Log) -> None:
    log.write(20)
    log.read()
    renamed(log)
    assert log.read() == []
    log.write()
    compressed(log, ".2", ".gz", gzip.compress)
    assert log.read() == [21]
    assert log.read() == []
    log.write()
    assert log.read() == [22]


def test_a_file_that_is_still_written_after_it_was_renamed_is_read_to_its_end(log: Log) -> None:
    """syslogd writes to the old file until it gets the signal to open the new one."""
    log.write(2)
    log.read()
    renamed(log)
    log.write(1, log.sibling(".1"))
    assert log.read() == [3]
    log.write(1, log.sibling(".1"))
    log.write()
    assert log.read() == [4, 5]


def test_the_original_is_read_while_it_is_being_compressed(log: Log) -> None:
    log.write(20)
    log.read()
    log.write()
    renamed(log)
    log.sibling(".1.gz").write_bytes(gzip.compress(log.sibling(".1").read_bytes())[:100])
    log.write()
    assert log.read() == [21, 22]


def test_a_log_that_was_cut_is_reported_and_read_from_its_beginning(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    log.write(3)
    log.read()
    os.truncate(log.path, 0)
    log.write(2)
    with caplog.at_level(logging.ERROR):
        assert log.read() == [4, 5]
    assert "truncated or lost after octet" in caplog.text


def test_a_log_that_was_lost_is_reported_and_later_files_are_read(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    log.write(3)
    log.read()
    log.path.unlink()
    log.write(2)
    renamed(log)
    log.write()
    with caplog.at_level(logging.ERROR):
        assert log.read() == [4, 5, 6]
    assert "truncated or lost after octet" in caplog.text


def test_the_log_of_another_program_beside_it_is_not_read(log: Log) -> None:
    log.write(3)
    log.read()
    log.path.unlink()
    for name in (".offset", ".1.gz.tmp", "-backup", "ger.1"):
        log.write(1, log.sibling(name))
    log.write()
    assert log.read() == [8]


def test_half_a_line_waits_for_its_other_half(log: Log) -> None:
    log.write()
    with log.path.open("a") as file:
        file.write(log.line("N00002")[:60])
    assert log.read() == [1]
    with log.path.open("a") as file:
        file.write(log.line("N00002")[60:])
    assert log.read() == [2]


def test_what_is_no_line_of_a_log_is_passed_over(log: Log) -> None:
    """NULs after a truncation under a writer, an endless line, octets that are no text."""
    log.write()
    with log.path.open("ab") as file:
        file.write(bytes(100_000) + log.line("N00002").encode())
        file.write(b"x" * 1_000_000 + b"\n" + b"\xff\xfe status=\n" + log.line("N00003").encode())
    assert log.read() == [1, 2, 3]
    assert log.read() == []


def test_an_archive_that_is_broken_is_reported_and_stops_nothing(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    log.write(300)
    log.read()
    log.write(300)
    compressed(log, ".1", ".gz", lambda octets: gzip.compress(octets)[:-30])
    log.write()
    with caplog.at_level(logging.ERROR):
        assert log.read()[-1] == 601
    assert "the rest of the file is not read" in caplog.text
    assert log.read() == []


def test_a_log_that_may_not_be_read_is_reported(log: Log) -> None:
    """Simulated, since chmod(1) does not restrict root."""
    log.path.unlink()
    log.path.symlink_to(log.path)
    with pytest.raises(SourceError, match="symbolic links"):
        log.read()


def test_a_log_that_is_not_there_is_reported(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "mail.log", Parser("postfix", UTC))
    with pytest.raises(SourceError, match=r"set \[maillog\] file"):
        list(file.read(b"", NOW))
