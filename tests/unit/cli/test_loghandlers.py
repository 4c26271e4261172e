"""Log lines reach files, pipes, the journal's socket and syslog alike, with or without a record."""

import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

import pytest

from bouncegate.cli.lineformat import DatedFormatter, JournalFormatter, LineFormatter
from bouncegate.cli.loghandlers import StderrHandler, SyslogHandler
from bouncegate.daemon.infolines import LineHandler, info_lines

TEXT: Final = "NOQUEUE: reject: RCPT from [192.0.2.1]: 550 5.1.1 <gone@example.com>: locked"


class Reader:
    """A log's reader, of one kind."""

    def __init__(self, kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kind = kind
        self._folder = folder
        self._monkeypatch = monkeypatch
        self._socket: socket.socket | None = None
        self._read = -1
        self._stderr: TextIO | None = None

    def handler(self, formatter: LineFormatter) -> logging.Handler:
        if self.kind == "syslog":
            path = self._folder / "log"
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.bind(str(path))
            return SyslogHandler(path, "bouncegate/milter[1]: ", formatter)
        write = self._open()
        self._stderr = os.fdopen(write, "w")
        self._monkeypatch.setattr(sys, "stderr", self._stderr)
        return StderrHandler(formatter)

    def _open(self) -> int:
        if self.kind == "file":
            path = self._folder / "log"
            write = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            self._read = os.open(path, os.O_RDONLY)
            return write
        if self.kind == "pipe":
            self._read, write = os.pipe()
            return write
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        return other.detach()

    def read(self) -> bytes:
        if self._socket is not None:
            return self._socket.recv(1 << 20)
        return os.read(self._read, 1 << 20)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._stderr is not None:
            self._stderr.close()
        if self._read >= 0:
            os.close(self._read)


@pytest.fixture(params=["file", "pipe", "journal", "syslog"])
def reader(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Reader]:
    reader = Reader(request.param, tmp_path, monkeypatch)
    yield reader
    reader.close()


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """One that stands for the milter's, with handlers of its own."""
    logger = logging.getLogger("bouncegate.milter.test-lines")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


@pytest.mark.parametrize("formatter", [LineFormatter, JournalFormatter, DatedFormatter])
def test_log_line_without_a_record_is_that_of_a_record(
    reader: Reader,
    formatter: type[LineFormatter],
    logger: logging.Logger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.5)
    handler = reader.handler(formatter())
    logger.addHandler(handler)
    assert isinstance(handler, LineHandler)
    logger.info("%s", TEXT)
    of_record = reader.read()
    info_lines(logger)(TEXT)
    assert reader.read() == of_record
    assert TEXT.encode() in of_record
    assert formatter is not DatedFormatter or b"2027-01-15T08:00:00Z " in of_record


def test_log_line_without_a_record_goes_by_the_level(
    reader: Reader, logger: logging.Logger
) -> None:
    logger.addHandler(reader.handler(LineFormatter()))
    logger.setLevel(logging.WARNING)
    info_lines(logger)(TEXT)
    logger.warning("only this")
    assert TEXT.encode() not in reader.read()


def test_log_line_without_a_record_goes_to_every_handler(
    reader: Reader, logger: logging.Logger
) -> None:
    other = logging.NullHandler()
    logger.addHandler(reader.handler(LineFormatter()))
    logger.addHandler(other)
    records: list[logging.LogRecord] = []
    other.handle = lambda record: not records.append(record)  # type: ignore[method-assign,func-returns-value]
    info_lines(logger)(TEXT)
    assert TEXT.encode() in reader.read()
    assert [record.getMessage() for record in records] == [TEXT]


@pytest.mark.parametrize("reader", ["pipe", "journal", "syslog"], indirect=True)
def test_log_that_nobody_reads_holds_up_one_line_and_says_what_was_lost(
    reader: Reader, logger: logging.Logger
) -> None:
    logger.addHandler(reader.handler(LineFormatter()))
    write = info_lines(logger)
    began = time.monotonic()
    for number in range(3000):
        write(f"{number} {TEXT * 10}")
    assert 0.9 < time.monotonic() - began < 5
    read = b""
    while b"lost" not in read:
        read = reader.read()
        write("taken again")
    assert b" lines" in read


def test_log_line_of_many_octets_reaches_a_reader_that_takes_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logger: logging.Logger
) -> None:
    """More than the socket takes at once: the rest follows, and nothing twice."""
    reader = Reader("journal", tmp_path, monkeypatch)
    logger.addHandler(reader.handler(LineFormatter()))
    assert reader._socket is not None
    reader._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    text = "".join(f"{number:07d} " for number in range(50_000))
    read: list[bytes] = []

    def take() -> None:
        while sum(map(len, read)) <= len(text):
            read.append(reader.read())

    thread = threading.Thread(target=take)
    thread.start()
    info_lines(logger)(text)
    thread.join(10)
    reader.close()
    assert b"".join(read) == f"{text}\n".encode()
