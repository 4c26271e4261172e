"""Mail, questions to the map and DSNs, from clients that bear that a daemon is gone at any moment.

Each does what Postfix and its clients do then: it connects anew, and hands over again what was not
acknowledged.
"""

import itertools
import smtplib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from smtplib import LMTP
from typing import Final, Protocol

from bench.dsns import RETURN_PATH, dsn
from bouncegate.milter.lookup.netstring import encode
from lab.bouncegate import Bouncegate
from lab.smtp import Client, message
from lab.system import SENDER, MailSystem

LOCKED: Final = "locked@recipients.example"
GONE: Final = tuple(f"gone{number}@recipients.example" for number in range(5000))
"""Recipients whom the remote server does not know."""
_GOOD: Final = "member{}@recipients.example"
_MEMBERS: Final = 500
_SUBJECT: Final = "Message "
_PAUSE: Final = 0.25
_TIMEOUT: Final = 20.0
# So many lines make a message that is read by a process of its own (bouncegate.classifier).
_LARGE: Final = 1500
_FAILED: Final = (OSError, smtplib.SMTPException)


class Traffic(Protocol):
    """Something that comes in, step by step."""

    def step(self) -> None:
        """One message, question or DSN."""


@contextmanager
def running(traffic: Traffic) -> Iterator[None]:
    """Let it come in until the end; whatever one step raises ends it, and is raised at the end."""
    stop, raised = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            while not stop.wait(_PAUSE):
                traffic.step()
        except Exception as error:  # noqa: BLE001 - for the other thread
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if raised:
        raise raised[0]


class Mail:
    """Messages through Postfix: to two members, the locked one, and now and then somebody gone."""

    def __init__(self, system: MailSystem) -> None:
        """Nothing was sent yet."""
        self._system = system
        self._numbers = itertools.count()
        self._gone = iter(GONE)
        self.accepted: set[int] = set()
        self.bounced: list[str] = []
        self.good = self.refused = self.passed = 0
        self.wrong: list[str] = []

    def step(self) -> None:
        """One message; Postfix itself is never killed, and must take it."""
        number = next(self._numbers)
        good = [_GOOD.format((2 * number + n) % _MEMBERS) for n in range(2)]
        gone = [next(self._gone)] if number % 3 == 0 else []
        with Client(self._system.postfix.submission_port) as client:
            client.say(f"MAIL FROM:<{SENDER}>")
            for recipient in (*good, *gone):
                reply = client.say(f"RCPT TO:<{recipient}>")
                if reply.code != 250:
                    self.wrong.append(f"{recipient} was answered {reply.code} {reply.text}")
            locked = client.say(f"RCPT TO:<{LOCKED}>").code
            code, text = client.data(message(f"{_SUBJECT}{number}").as_bytes())
        if code != 250:
            self.wrong.append(f"message {number} was answered {code} {text!r}")
            return
        self.good += len(good)
        self.refused += locked != 250
        self.passed += locked == 250
        self.accepted.add(number)
        self.bounced += gone

    def arrived(self) -> Iterator[int]:
        """The messages that the remote server has got."""
        for content in (str(one["content"]) for one in self._system.remote.messages()):
            subject = content.partition(f"Subject: {_SUBJECT}")[2]
            if subject:
                yield int(subject.split(None, 1)[0])


class Dsns:
    """Bounces to the return path, each handed over until it is acknowledged."""

    def __init__(self, gate: Bouncegate) -> None:
        """Nothing was handed over yet."""
        self._socket = str(gate.return_path_socket)
        self._numbers = itertools.count()
        self.acknowledged: list[str] = []
        self.again = 0

    def step(self) -> None:
        """One DSN; each tenth is large."""
        number = next(self._numbers)
        content = dsn(number)
        if number % 10 == 0:
            content = content.replace("\n--=_b--", "A long message.\n" * 5 * _LARGE + "\n--=_b--")
        while not self._is_taken(content):
            self.again += 1
            time.sleep(_PAUSE)
        self.acknowledged.append(f"reader{number}@recipients.example")

    def _is_taken(self, content: str) -> bool:
        try:
            with closing(LMTP(self._socket, timeout=_TIMEOUT)) as lmtp:
                lmtp.ehlo()  # says LHLO
                lmtp.mail("")
                lmtp.rcpt(RETURN_PATH)
                return lmtp.data(content)[0] == 250
        except _FAILED:
            return False


class Questions:
    """What Postfix asks the map, whose answers are `NOTFOUND` but for the one who is locked."""

    def __init__(self, gate: Bouncegate) -> None:
        """Nothing was asked yet."""
        self._socket = str(gate.map_socket)
        self._members = itertools.cycle(range(_MEMBERS))
        self.answered = self.unanswered = 0
        self.wrong: list[str] = []

    def step(self) -> None:
        """One question about a member, and one about who is locked."""
        asked = {_GOOD.format(next(self._members)): b"NOTFOUND ", LOCKED: b"OK "}
        for address, expected in asked.items():
            answer = self._ask(address)
            self.answered += bool(answer)
            self.unanswered += not answer
            if answer and not answer.partition(b":")[2].startswith(expected):
                self.wrong.append(f"the map: {address}: {answer!r}")

    def _ask(self, address: str) -> bytes:
        try:
            with closing(socket.socket(socket.AF_UNIX)) as connection:
                connection.settimeout(_TIMEOUT)
                connection.connect(self._socket)
                connection.sendall(encode(f"transport {address}".encode()))
                return connection.recv(4096)
        except OSError:
            return b""
