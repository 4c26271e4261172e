"""Where fuzzing starts: the samples of this project, and a few reports made for tests."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import dns.message
import dns.rcode
import dns.rrset
from tests.fuzz.invariants import QUESTION
from tests.fuzz.lmtp import WORDS
from tests.fuzz.shapes import repetitions
from tests.unit.classifier.alive.message import PASSED, mail
from tests.unit.classifier.builder import dsn, failed

from bouncegate.classifier.message import Message
from bouncegate.classifier.notification import Notification
from bouncegate.config.rules import load_rules

_RULES: Final = Path(__file__).parents[2] / "config" / "bouncegate" / "config" / "rules"
_OWN_RULE: Final = b"""[[rule]]
id = "own"
reason = "system-error"
source = "here"
text = ['closed for \\w+', "x"]
status = "5.3"
code = ["55"]
phase = "rcpt"
mta = 'mx\\d+'
weak = true
kind = "soft"
category = "undefined"
examples = [{ text = "550 closed for ever", status = "5.3.2", phase = "rcpt", mta = "mx1" }]
"""
_LOG: Final = """\
Nov 25 04:04:51 mail postfix/smtp[1]: 4jZ5fq4JByzLhNx: to=<b@r.example>, orig_to=<a@r.example>, \
relay=mx.r.example[192.0.2.1]:25, conn_use=2, delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (Ok)
2026-11-25T04:04:51.1+01:00 mail postfix-out/relay/smtp[1]: 8DB45218EE9: to=<"a> b"@r.example>, \
relay=none, delay=1, delays=0/0/0/1, dsn=4.4.1, status=deferred (connect to r.example: timed out)
Nov 25 04:04:55 mail postfix/qmgr[1]: 8DB45218EE9: from=<>, status=expired, returned to sender
Nov 25 04:04:55 mail postfix/postsuper[1]: 8DB45218EE9: removed
550 5.1.1 no>, orig_to=<v@r.example>, relay=none, delay=1, dsn=5.0.0, status=bounced (x
"""
_RESULTS: Final = (
    'mx.example.org 1; dkim=pass (1024-bit key) header.d=example.com header.b="a=b"; spf=none',
    'mx.example.org; auth=pass reason="x; y" smtp.auth="a b"@example.com; dmarc/1 = pass',
)
_SAMPLES: Final = Path(__file__).parents[1] / "samples"


def _responses() -> Iterator[bytes]:
    """Responses of a name server: MX, none of them, a null MX, an alias, denials."""
    soa = "fuzz.test. 60 IN SOA ns.test. admin.test. 1 2 3 4 5"
    mx = "fuzz.test. 60 IN MX"
    for rcode, answer, authority in (
        (0, [f"{mx} 10 mx1.test.", f"{mx} 20 mx2.test."], []),
        (0, [f"{mx} 0 ."], []),
        (0, [], [soa]),
        (0, ["fuzz.test. 60 IN CNAME other.test.", "other.test. 60 IN MX 5 a.b.c."], []),
        (3, [], [soa]),
        (3, [], []),
        (2, [], []),
        (0, [f"{mx} 1 odd\\032name.test."], [soa]),
    ):
        response = dns.message.make_response(dns.message.make_query(QUESTION, "MX"))
        response.set_rcode(dns.rcode.Rcode(rcode))
        for section, lines in ((response.answer, answer), (response.authority, authority)):
            for line in lines:
                owner, ttl, rdclass, kind, data = line.split(" ", 4)
                section.append(dns.rrset.from_text(owner, int(ttl), rdclass, kind, data))
        yield response.to_wire()


def _sessions() -> list[bytes]:
    """Sessions of LMTP as `tests.fuzz.lmtp` reads them: whole ones, and each word in turn."""
    start = bytes((128, 129, 133, 134, 136))
    words = bytes(range(128, 128 + len(WORDS)))
    return [
        *(start + b"a" + bytes((word, 137, 138, 129, 133, 136)) + b"b\x8a\x95" for word in words),
        *(start[:n] + words + b"c\x8a" for n in range(len(start))),
        start + b"\x91" * 9 + b"\x8a" + start + b"small\x8a",
    ]


def _repetitions() -> list[bytes]:
    # Each takes a while: a test of its own goes through all of them.
    some = islice(repetitions(), 0, None, 20)
    return ["\0".join(parts).encode("utf-8", "replace") for parts in some]


def seeds(check: str) -> list[bytes]:
    """The seeds of one check; of most, messages."""
    return _SEEDS.get(check, _messages)()


def _messages() -> list[bytes]:
    messages = [path.read_bytes() for path in sorted(_SAMPLES.rglob("*.eml"))]
    return [*messages, dsn([failed("a@x.example"), failed("b@x.example")])]


def _replies() -> list[bytes]:
    examples = (e for rule in load_rules().rules for e in rule.examples)
    return [example.text.encode() for example in examples if example.text]


_SEEDS: Final[dict[str, Callable[[], list[bytes]]]] = {
    "returned": lambda: [Notification(Message(raw)).notice.encode() for raw in _messages()],
    "rules": _replies,
    "rule-files": lambda: [
        *(path.read_bytes() for path in sorted(_RULES.glob("*.toml"))),
        _OWN_RULE,
    ],
    "log-lines": lambda: [line.encode() for line in _LOG.splitlines()],
    "dns": lambda: list(_responses()),
    "lmtp": _sessions,
    "repetition": _repetitions,
    "signs": lambda: [
        mail(PASSED),
        mail(*_RESULTS),
        mail(PASSED, extra="Auto-Submitted: auto-replied"),
    ],
}
