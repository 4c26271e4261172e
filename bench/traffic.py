"""Mail, questions to the map and DSNs, from clients that bear that a daemon is gone at any moment.

Each does what Postfix and its clients do then: it connects anew, and hands over again what was not
acknowledged.
"""

import itertools
import re
import smtplib
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from random import Random
from smtplib import LMTP
from typing import Final, Protocol

from bench.dsns import dsn
from bouncegate.milter.lookup.netstring import encode
from bouncegate.store.tokens.keys import KEY_FILE, KeyRing
from bouncegate.store.tokens.token import MESSAGE_OCTETS, sign
from lab.bouncegate import Bouncegate
from lab.smtp import Client, message
from lab.system import RETURN_DOMAIN, MailSystem

_SENDER: Final = "newsletter@sender.test"
LOCKED: Final = "locked@recipients.example"
GONE: Final = tuple(f"gone{number}@recipients.example" for number in range(5000))
"""Recipients whom the remote server does not know."""
_GOOD: Final = "member{}@recipients.example"
_MEMBERS: Final = 500
_HEADER: Final = re.compile(r"^Subject: Message (\d+)\r?$", re.MULTILINE)
_PAUSE: Final = 0.25
_TIMEOUT: Final = 20.0
# So many lines make a message that is read by a process of its own (bouncegate.classifier).
_LARGE: Final = 7500
# Octets of a line, told in hexadecimal digits: half of them is more than the store takes inside.
_LINE: Final = 7
_AGO: Final = 3600
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
        except BaseException as error:  # noqa: BLE001 - SystemExit of a load among them
            print(f"bench: no more of this comes in: {error!r}", file=sys.stderr, flush=True)
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
        self._system = system
        self._numbers = itertools.count()
        self._gone = iter(GONE)
        self.accepted: set[int] = set()
        self._bouncing: dict[int, str] = {}
        self.good = self.refused = self.passed = 0
        self.wrong: list[str] = []

    def step(self) -> None:
        """One message; Postfix itself is never killed, and must take it."""
        number = next(self._numbers)
        good = [_GOOD.format((2 * number + n) % _MEMBERS) for n in range(2)]
        gone = [next(self._gone)] if number % 3 == 0 else []
        with Client(self._system.postfix.submission_port) as client:
            client.say(f"MAIL FROM:<{_SENDER}>")
            for recipient in (*good, *gone):
                reply = client.say(f"RCPT TO:<{recipient}>")
                if reply.code != 250:
                    self.wrong.append(f"{recipient} was answered {reply.code} {reply.text}")
            locked = client.say(f"RCPT TO:<{LOCKED}>").code
            code, text = client.data(message(f"Message {number}").as_bytes())
        if code != 250:
            self.wrong.append(f"message {number} was answered {code} {text!r}")
            return
        self.good += len(good)
        self.refused += locked != 250
        self.passed += locked == 250
        self.accepted.add(number)
        for address in gone:
            self._bouncing[number] = address

    def arrived(self) -> dict[int, str]:
        """The messages that the remote server has got, and the envelope sender of each."""
        found = (
            (_number(str(m["content"])), str(m["sender"])) for m in self._system.remote.messages()
        )
        return {number: sender for number, sender in found if number is not None}

    def bounced(self) -> dict[str, str]:
        """Whose bounces came back to us, and the signed return path of each.

        While the milter is down mail leaves unsigned, and bounces to its writer.
        """
        signed = {n: to for n, to in self.arrived().items() if to.endswith(f"@{RETURN_DOMAIN}")}
        return {self._bouncing[n]: to for n, to in signed.items() if n in self._bouncing}


def _number(content: str) -> int | None:
    """Which message of ours it is; None for a DSN, which holds one as its end."""
    found = _HEADER.search(content.partition("\r\n\r\n")[0])
    return int(found[1]) if found else None


class Dsns:
    """Bounces of an hour ago to signed return paths, each handed over until it is acknowledged.

    The ledger does not know their messages: the token alone proves them.
    """

    def __init__(self, gate: Bouncegate, clock: Callable[[], float] = time.time) -> None:
        """Nothing was handed over yet; the daemons, whose clock it is, have made the keys."""
        self._socket = str(gate.return_path_socket)
        self._keys = gate.store / KEY_FILE
        self._clock = clock
        self._numbers = itertools.count()
        self.acknowledged: list[str] = []
        self.again = 0

    def step(self) -> None:
        """One DSN; each tenth is large."""
        number = next(self._numbers)
        reader, content = f"reader{number}@recipients.example", dsn(number)
        if number % 10 == 0:
            content = content.replace("\n--=_b--", f"\n{_long_text(number)}\n--=_b--")
        message = number.to_bytes(MESSAGE_OCTETS, "big")
        # Read each time: the keys may have been rotated.
        token = sign(KeyRing.load(self._keys), reader, message, int(self._clock()) - _AGO)
        while not self._is_taken(f"{token}@{RETURN_DOMAIN}", content):
            self.again += 1
            time.sleep(_PAUSE)
        self.acknowledged.append(reader)

    def _is_taken(self, to: str, content: str) -> bool:
        try:
            with closing(LMTP(self._socket, timeout=_TIMEOUT)) as lmtp:
                lmtp.ehlo()  # says LHLO
                lmtp.mail("")
                code, text = lmtp.rcpt(to)
                if code == 250:
                    code, text = lmtp.data(content)
        except _FAILED:
            return False
        if code >= 500:
            raise RuntimeError(f"a DSN was refused: {code} {text!r}")
        return code == 250


def _long_text(number: int) -> str:
    """Lines that no compression makes small, other ones for each number."""
    octets = Random(number).randbytes(_LINE * _LARGE)
    return octets.hex("\n", _LINE)


class Questions:
    """What Postfix asks the map, whose answers are `NOTFOUND` but for the one who is locked."""

    def __init__(self, gate: Bouncegate, locked: str = LOCKED) -> None:
        self._socket = str(gate.map_socket)
        self._locked = locked
        self._members = itertools.cycle(range(_MEMBERS))
        self.answered = self.unanswered = 0
        self.wrong: list[str] = []

    def step(self) -> None:
        """One question about a member, and one about who is locked."""
        asked = {_GOOD.format(next(self._members)): b"NOTFOUND ", self._locked: b"OK "}
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
