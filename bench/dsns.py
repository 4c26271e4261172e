"""DSNs a second that are durable, through LMTP, beside what Postfix itself can hand over.

Each connection hands over one DSN at a time, its commands in one write as lmtp(8) sends them
(`lmtpload.c`), and waits for the 250, which means that the bounce is on the disk. Postfix: DSNs of
the same size that wait in its queue are let go all at once, to a sink that stores nothing
(smtp-sink -L); from then until the queue is empty. Queue and store lie in the same folder: on a
disk, then in memory. Rounds of both take turns. Figures are the median of all rounds, with the
lowest and the highest in brackets; `us` is the processor time of the workers for each DSN.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from bench import processor
from bench.figures import spread
from bench.native import compiled
from bench.output import arguments, show
from lab.bouncegate import Bouncegate, Sections
from lab.system import RETURN_DOMAIN, MailSystem
from lab.waiting import wait_for

_CONNECTIONS: Final = (1, 8, 32)
_AT_POSTFIX: Final = 2000
_PLACES: Final = {"on a disk": "/var/tmp", "in memory": "/dev/shm"}
RETURN_PATH: Final = f"bounces@{RETURN_DOMAIN}"

_DSN: Final = """\
From: MAILER-DAEMON@mail.sender.test (Mail Delivery System)
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Message-ID: <{number}.dsn@mail.sender.test>
Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"

--=_b
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

<reader{number}@recipients.example>: host mx.recipients.example[192.0.2.1] said:
    550 5.1.1 User unknown (in reply to RCPT TO command)

--=_b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.sender.test
X-Postfix-Queue-ID: {number:010X}

Final-Recipient: rfc822; reader{number}@recipients.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.recipients.example
Diagnostic-Code: smtp; 550 5.1.1 User unknown

--=_b
Content-Type: message/rfc822

From: Newsletter <newsletter@sender.test>
To: reader{number}@recipients.example
Subject: News
Message-ID: <{number}@sender.test>

{body}
--=_b--
"""
_BODY: Final = "All that is new this week, in some lines of text as people write them.\n" * 20


class HandedOver(NamedTuple):
    """What one run of the load did."""

    rate: float
    """DSNs a second."""
    p50: float
    """Microseconds from MAIL to the reply, for half of them at most."""
    messages: int


class LmtpLoad:
    """Connections that hand over DSNs, each of a recipient of its own."""

    def __init__(self, folder: Path) -> None:
        """Compile it into a folder."""
        self._program = compiled("lmtpload.c", folder)
        self._template = folder / "dsn.txt"
        text = _DSN.replace("{number:010X}", "\2").replace("{number}", "\1")
        lines = text.format(to=RETURN_PATH, body=_BODY).splitlines()
        self._template.write_bytes("".join(f"{line}\r\n" for line in lines).encode())
        self._next = 0

    def run(self, gate: Bouncegate, at_once: int, seconds: float) -> HandedOver:
        """Hand over DSNs for some seconds; ends the benchmark if one is not recorded."""
        argv = [self._program, gate.return_path_socket, at_once, seconds, self._next]
        argv += [RETURN_PATH, self._template]
        done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"bench: {done.stderr}")
        found = json.loads(done.stdout)
        self._next += found["messages"]
        return HandedOver(found["messages_per_second"], found["p50"], found["messages"])


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    for place, base in _PLACES.items():
        rows = _rows(base, options.rounds, options.seconds)
        show(f"DSNs, {len(dsn(0)):,} octets each, {place}", rows, as_json=options.json)


def _rows(base: str, rounds: int, seconds: float) -> list[dict[str, Any]]:
    sections: Sections = {"guard": {"enabled": False}, "store": {"map_size": "4 GiB"}}
    runs: dict[int, list[HandedOver]] = {at_once: [] for at_once in _CONNECTIONS}
    costs: dict[int, list[float]] = {at_once: [] for at_once in _CONNECTIONS}
    handed: list[float] = []
    with MailSystem(sections=sections, base=base) as system:
        daemon = system.gate.start_return_path()
        load = LmtpLoad(system.folder.path)
        load.run(system.gate, 8, 0.5)
        for _ in range(rounds):
            for at_once in _CONNECTIONS:
                before = processor.used(daemon.pid)
                run = load.run(system.gate, at_once, seconds)
                runs[at_once].append(run)
                costs[at_once].append((processor.used(daemon.pid) - before) / run.messages * 1e6)
            handed.append(_postfix(system))
    return [
        *(
            {
                "what": f"LMTP, {at_once} connection{'s' * (at_once > 1)}",
                "DSNs/s": spread([run.rate for run in runs[at_once]], 0),
                "p50 ms": round(median(run.p50 for run in runs[at_once]) / 1000, 1),
                "us": spread(costs[at_once], 0),
                "of Postfix": spread(
                    [run.rate / rate for run, rate in zip(runs[at_once], handed, strict=True)]
                ),
            }
            for at_once in _CONNECTIONS
        ),
        {
            "what": "what Postfix hands over",
            "DSNs/s": spread(handed, 0),
            "p50 ms": "",
            "us": "",
            "of Postfix": "",
        },
    ]


def dsn(number: int) -> str:
    """A bounce of a recipient of its own."""
    return _DSN.format(number=number, to=RETURN_PATH, body=_BODY)


def _postfix(system: MailSystem) -> float:
    """DSNs a second that Postfix hands over."""
    postfix = system.postfix
    with _sink(system) as port:
        postfix.set(
            transport_maps=f"inline:{{ {RETURN_DOMAIN}=lmtp:inet:[127.0.0.1]:{port} }}",
            defer_transports="lmtp",
            default_destination_concurrency_limit="100",
            queue_run_delay="300s",
            minimal_backoff_time="300s",
            maximal_backoff_time="300s",
        )
        if not (postfix.queue / "pid/master.pid").exists():
            postfix.start()
        postfix.reload()
        argv = ["smtp-source", "-s", 8, "-m", _AT_POSTFIX, "-l", len(dsn(0)), "-f", ""]
        argv += ["-t", RETURN_PATH, f"127.0.0.1:{postfix.port}"]
        subprocess.run([str(word) for word in argv], check=True, timeout=600)
        wait_for("all to wait", lambda: _waiting(system) == _AT_POSTFIX, 120)
        postfix.set(defer_transports="")
        postfix.reload()
        done = postfix.maillog().count("status=sent")
        start = time.monotonic()
        postfix.flush()
        postfix.wait_until_empty(600)
        took = time.monotonic() - start
        if postfix.maillog().count("status=sent") - done != _AT_POSTFIX:
            sys.exit("bench: Postfix did not hand over what it had")
        return _AT_POSTFIX / took


def _waiting(system: MailSystem) -> int:
    return sum(entry["queue_name"] == "deferred" for entry in system.postfix.queued())


@contextmanager
def _sink(system: MailSystem) -> Iterator[int]:
    port = system.folder.reserve_port()
    process = subprocess.Popen(["smtp-sink", "-L", "-u", "nobody", f"127.0.0.1:{port}", "200"])
    time.sleep(0.3)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    main()
