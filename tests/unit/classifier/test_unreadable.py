"""A message that kills or holds what reads it: it is set aside once, and no other one waits."""

import asyncio
import os
import signal
import smtplib
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bouncegate.classifier.classified import ClassifiedMessage
from bouncegate.classifier.report import MessageType, Reading
from bouncegate.classifier.returnpath.messagereader import (
    _MOST_SUSPECTS,
    MOST_HERE,
    InProgress,
    MessageReader,
)
from bouncegate.config.settings import StoreSettings
from bouncegate.store.store import Store
from lab.waiting import wait_for

from .test_return_path import SECONDS, Handler, dsn

# The daemon with a classifier that does to its process what a message says.
HOSTILE = """
import os, pathlib, signal, sys, time
from bouncegate.classifier import classified

classify = classified.classify_or_raise

def hostile(raw, classifier):
    if b"X-Kill: yes" in raw:
        os.kill(os.getpid(), signal.SIGKILL)
    begin = raw.find(b"X-Wait: ")
    if begin >= 0:
        path = pathlib.Path(raw[begin + 8 : raw.find(b"\\r\\n", begin)].decode())
        path.with_suffix(".begun").touch()
        while not path.exists():
            time.sleep(0.01)
    return classify(raw, classifier)

classified.classify_or_raise = hostile
from bouncegate.cli.main import main
main()
"""
COMMAND = [sys.executable, "-c", HOSTILE]
# What the supervisor says of a worker that was killed.
ENDED = "ended (signal 9) after"
LARGE = b"x" * 76 + b"\r\n"


class Attacked(Handler):
    """A return path with one worker, which the readers can take with them."""

    command = COMMAND

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "workers = 1")

    def worker(self) -> int:
        pid = self.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def kept(self) -> list[tuple[str, bytes]]:
        """The address and the message of each event."""
        settings = StoreSettings(path=self.folder / "store")
        events = self.events()
        with closing(Store.open(settings, readonly=True)) as store:
            return [(event.address, store.messages.get(event.raw) or b"") for event in events]


@pytest.fixture
def attacked(tmp_path: Path) -> Iterator[Attacked]:
    attacked = Attacked(tmp_path)
    yield attacked
    if attacked.process.poll() is None:
        attacked.stop(signal.SIGKILL)


def with_field(field: bytes, raw: bytes, *, large: bool) -> bytes:
    return field + b"\r\n" + raw + LARGE * (MOST_HERE // len(LARGE) + 1 if large else 0)


def test_unreadable_large_message_is_set_aside_and_its_worker_lives(attacked: Attacked) -> None:
    worker = attacked.worker()
    culprit = with_field(b"X-Kill: yes", dsn(), large=True)
    attacked.deliver(culprit)
    attacked.deliver(dsn("honest@example.com", "2"))
    assert attacked.worker() == worker
    assert attacked.kept() == [
        ("", culprit),
        ("honest@example.com", dsn("honest@example.com", "2")),
    ]
    assert "set aside as broken" in attacked.log()


def test_unreadable_small_message_kills_one_worker_once(attacked: Attacked) -> None:
    culprit = with_field(b"X-Kill: yes", dsn(), large=False)
    with pytest.raises((OSError, smtplib.SMTPException)):
        attacked.deliver(culprit)
    attacked.wait_for_log(ENDED)
    attacked.deliver(culprit)  # as Postfix does
    attacked.deliver(dsn("honest@example.com", "2"))
    assert [address for address, _ in attacked.kept()] == ["", "honest@example.com"]
    assert attacked.kept()[0][1] == culprit
    assert attacked.log().count(ENDED) == 1


def test_unreadable_is_no_honest_message_that_a_killed_worker_was_reading(
    attacked: Attacked, tmp_path: Path
) -> None:
    go_on = tmp_path / "go-on"
    raw = with_field(b"X-Wait: " + os.fsencode(go_on), dsn(), large=False)
    client = threading.Thread(target=_deliver_in_vain, args=(attacked, raw))
    client.start()
    wait_for("the begin", go_on.with_suffix(".begun").exists)
    os.kill(attacked.worker(), signal.SIGKILL)
    client.join(SECONDS)
    attacked.wait_for_log(ENDED)
    go_on.touch()
    attacked.deliver(raw)
    assert [address for address, _ in attacked.kept()] == ["ann@example.com"]


def test_large_message_that_takes_long_lets_others_pass(attacked: Attacked, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    slow = with_field(b"X-Wait: " + os.fsencode(go_on), dsn("slow@example.com"), large=True)
    client = threading.Thread(target=attacked.deliver, args=(slow,))
    client.start()
    wait_for("the begin", go_on.with_suffix(".begun").exists)
    for number in range(5):
        attacked.deliver(dsn(f"u{number}@example.com", str(number + 2)))
    assert [event.address for event in attacked.events()] == [f"u{n}@example.com" for n in range(5)]
    go_on.touch()
    client.join(SECONDS)
    assert attacked.events()[-1].address == "slow@example.com"


def test_receive_sets_aside_what_kills_its_reader(attacked: Attacked) -> None:
    culprit = with_field(b"X-Kill: yes", dsn(), large=False)
    argv = [*attacked.command, "--config", str(attacked.config), "receive"]
    run = subprocess.run(argv, input=culprit, capture_output=True, timeout=SECONDS, check=False)
    assert run.returncode == 0, run.stderr
    assert attacked.kept() == [("", culprit)]


def _deliver_in_vain(attacked: Attacked, raw: bytes) -> None:
    with pytest.raises((OSError, smtplib.SMTPException)):
        attacked.deliver(raw)


# In a process of its own: a test has threads, and what has threads does not fork.
DEADLINES = """
import os, signal, time
from bouncegate.classifier.classified import ClassifiedMessage
from bouncegate.classifier.returnpath.readerprocess import Deadline, ReaderProcess, Unreadable
from bouncegate.classifier.report import MessageType, Reading

def classify(raw):
    if raw == b"spin":
        while True: pass
    if raw == b"sleep": time.sleep(3600)
    if raw == b"exit": os._exit(0)
    if raw == b"crash": os.kill(os.getpid(), signal.SIGSEGV)
    if raw == b"raise": raise RecursionError("too deep")
    reading = Reading(MessageType.ORDINARY, message_id=raw.decode() * 100_000)
    return ClassifiedMessage(reading, (), raw)

process = ReaderProcess.start(classify, Deadline(processor=0.2, clock=5.0))
for raw in (b"first", b"spin", b"sleep", b"exit", b"crash", b"raise", b"last"):
    try:
        told = process.classify(raw)
        print(raw.decode(), len(told.reading.message_id), told.raw == raw)
    except Unreadable as error:
        print(raw.decode(), error)
os.kill(process._pid, signal.SIGKILL)
try:
    process.classify(b"gone")
except ConnectionError:
    print("gone")
process.close()
"""


def test_unreadable_is_what_takes_too_long_or_ends_its_process() -> None:
    argv = [sys.executable, "-c", DEADLINES]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=True)
    assert run.stdout.splitlines() == [
        "first 500000 True",
        "spin it takes more than 0.2 s of the processor to read",
        "sleep it takes more than 5 s to read",
        "exit the process that read it has ended (exit code 0)",
        "crash the process that read it has ended (signal 11)",
        "raise the process that read it has ended (exit code 70)",
        "last 400000 True",
        "gone",
    ]
    assert "too deep" in run.stderr


def test_the_message_in_progress_of_a_worker_that_died_is_suspect_to_all_of_them() -> None:
    shared = InProgress(2)
    first, second = shared.of_worker(0), shared.of_worker(1)
    assert first.take(b"fine")
    first.release()
    assert first.take(b"culprit")
    successor = shared.of_worker(0)
    for worker in (successor, second):
        assert not worker.take(b"culprit")
        assert worker.take(b"fine")
        worker.release()


def test_in_progress_remembers_the_last_suspects_of_a_worker() -> None:
    shared = InProgress(2)
    for number in range(_MOST_SUSPECTS + 1):
        assert shared.of_worker(0).take(b"%d" % number)
    worker = shared.of_worker(0)
    assert worker.take(b"0")
    worker.release()
    assert not any(worker.take(b"%d" % number) for number in range(1, _MOST_SUSPECTS + 1))
    assert shared.of_worker(1).take(b"another")


def test_large_messages_are_read_the_smallest_first() -> None:
    begun, go_on, order = threading.Event(), threading.Event(), list[int]()

    def apart(raw: bytes) -> ClassifiedMessage:
        begun.set()
        go_on.wait(SECONDS)
        order.append(len(raw))
        return ClassifiedMessage(Reading(MessageType.ORDINARY), (), raw)

    async def run() -> None:
        reader = MessageReader(apart, apart, InProgress(1).of_worker(0), lambda: None)
        first = asyncio.ensure_future(reader.classify(b"x" * (MOST_HERE + 9)))
        await asyncio.to_thread(begun.wait, SECONDS)
        rest = [asyncio.ensure_future(reader.classify(b"x" * (MOST_HERE + n))) for n in (3, 1, 2)]
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(first, *rest)

    asyncio.run(run())
    assert [length - MOST_HERE for length in order] == [9, 1, 2, 3]
