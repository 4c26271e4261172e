"""DSNs a second that are durable, through LMTP, beside what Postfix itself can hand over.

Each connection hands over one DSN at a time and waits for its 250, which means that the bounce is
on the disk. Postfix: DSNs of the same size that wait in its queue are let go all at once, to a sink
that stores nothing (smtp-sink -L); from then until the queue is empty. Queue and store lie on the
same disk. Figures are the median of all rounds, with the lowest and the highest in brackets.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from smtplib import LMTP
from statistics import median
from typing import Any, Final

from bench.figures import spread
from bench.output import arguments, show
from lab.bouncegate import Bouncegate, Sections
from lab.system import RETURN_DOMAIN, MailSystem
from lab.waiting import wait_for

_CONNECTIONS: Final = (1, 8, 32)
_AT_POSTFIX: Final = 2000
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


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    sections: Sections = {"guard": {"enabled": False}, "store": {"map_size": "4 GiB"}}
    with MailSystem(sections=sections) as system:
        gate = system.gate
        gate.start_return_path()
        numbers = iter(range(10**9))
        hand_over(gate, 8, 0.5, numbers)
        rows = [
            _row(f"LMTP, {at_once} connections", rates, latencies)
            for at_once in _CONNECTIONS
            for rates, latencies in [_rounds(gate, at_once, options, numbers)]
        ]
        handed = [_postfix(system) for _ in range(max(options.rounds // 2, 2))]
        rows.append(_row("what Postfix hands over", handed, []))
    best = median(handed)
    for row in rows:
        row["of Postfix"] = round(float(row["DSNs/s"].partition(" ")[0].replace(",", "")) / best, 2)
    show(f"DSNs, {len(dsn(0)):,} octets each", rows, as_json=options.json)


def _row(name: str, rates: list[float], latencies: list[float]) -> dict[str, Any]:
    latency = round(median(latencies) * 1000, 1) if latencies else "-"
    return {"what": name, "DSNs/s": spread(rates, 0), "p50 ms": latency}


def _rounds(
    gate: Bouncegate, at_once: int, options: Any, numbers: Iterator[int]
) -> tuple[list[float], list[float]]:
    rates, latencies = [], []
    for _ in range(options.rounds):
        rate, some = hand_over(gate, at_once, options.seconds, numbers)
        rates.append(rate)
        latencies += some
    return rates, latencies


def hand_over(
    gate: Bouncegate, at_once: int, seconds: float, numbers: Iterator[int]
) -> tuple[float, list[float]]:
    """DSNs a second, and the seconds that each took."""
    latencies: list[float] = []
    deadline = time.monotonic() + seconds

    def talk() -> None:
        with closing(LMTP(str(gate.return_path_socket))) as lmtp:
            lmtp.ehlo()  # says LHLO
            while time.monotonic() < deadline:
                number = next(numbers)
                start = time.monotonic()
                lmtp.mail("")
                lmtp.rcpt(RETURN_PATH)
                code, text = lmtp.data(dsn(number))
                if code != 250 or b"Recorded" not in text:
                    os.write(2, b"bench: a DSN was not recorded: " + text + b"\n")
                    os._exit(1)
                latencies.append(time.monotonic() - start)

    threads = [threading.Thread(target=talk) for _ in range(at_once)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(latencies) / (time.monotonic() - start), latencies


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
