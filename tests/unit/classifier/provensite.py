"""Keys, a ledger and a store of one machine, and bounces that come to it."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache, partial
from pathlib import Path
from typing import Literal

import pytest
from msgspec import structs

from bouncegate.classifier.classified import classify_or_raise
from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.returnpath.bouncebuilder import BounceBuilder
from bouncegate.classifier.returnpath.proof import Prover
from bouncegate.config.rules import load_rules
from bouncegate.config.settings import (
    LedgerSettings,
    ReturnPathSettings,
    Settings,
    StoreSettings,
)
from bouncegate.config.values import DomainName, Size
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Event
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Bounce, Store
from bouncegate.store.tokens.keys import KeyFile, KeyRing
from bouncegate.store.tokens.token import sign

NOW = 1_790_000_000
DOMAIN = "return.example.org"
SENT = Sent(
    NOW,
    b"message1",
    "news@example.org",
    ("ann@example.com", "bob@example.com", "list@example.net"),
    queue_id="4XyZ1",
    message_id="<1@example.org>",
    mailing="spring",
)
ALONE = Sent(NOW, b"message2", "news@example.org", ("alias@example.net",))
SECRET_ID = "<7c9e6679-7425-40de-944b-e07fc1f90ae7@example.org>"
SECRET = Sent(
    NOW,
    b"message3",
    "news@example.org",
    ("ann@example.com", "bob@example.com"),
    message_id=SECRET_ID,
    mailing="spring",
)
ONE = structs.replace(ALONE, message=b"message4", queue_id="5XyZ1")
LATER = NOW + 3600


def dsn(final: str, original: str = "", extra: str = "", message_id: str = "") -> bytes:
    """A DSN for one recipient; `extra` are further fields about the message."""
    about = f"Original-Recipient: rfc822;{original}\n" if original else ""
    returned = f"Message-ID: {message_id}\n" if message_id else ""
    return f"""From: MAILER-DAEMON@mx.example.net
Subject: Undelivered Mail
Message-ID: <d-{final}@mx.example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
{extra}
{about}Final-Recipient: rfc822; {final}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user here

--b
Content-Type: text/rfc822-headers

{returned}From: news@example.org

--b--
""".encode()


@cache
def shipped_classifier() -> Classifier:
    """It takes a tenth of a second to make."""
    return Classifier(load_rules(None))


class Site:
    """Keys, a ledger, a store and the settings of one machine."""

    def __init__(self, folder: Path, sign: Literal["all", "none"] = "all") -> None:
        self.store_settings = StoreSettings(path=folder, map_size=Size(64 * 2**20))
        self.settings = Settings(
            store=self.store_settings,
            return_path=ReturnPathSettings(domain=DomainName(DOMAIN), sign=sign),
        )
        self.key_file = folder / "keys"
        self.keys = KeyFile(self.key_file, NOW)
        ledger = LedgerSettings(max_size=Size(16 * 2**20))
        self.ledger = Ledger.open(self.store_settings, ledger, readonly=False)
        self.ledger.write([entry_of(sent) for sent in (SENT, ALONE, SECRET, ONE)])
        self.prover = Prover(self.settings.return_path, self.keys, self.ledger)
        self.policy = Policy(self.settings.policy, self.settings.return_path.count)
        self.builder = BounceBuilder(
            partial(classify_or_raise, classifier=shipped_classifier()),
            self.policy,
            self.settings,
            self.prover,
        )
        self.store = Store.open(self.store_settings)

    def close(self) -> None:
        self.store.close()
        self.ledger.close()

    def token(self, sent: Sent, ring: KeyRing | None = None, time: int | None = None) -> str:
        only = sent.recipients[0] if len(sent.recipients) == 1 else ""
        local = sign(ring or self.keys.ring, only, sent.message, time or sent.time)
        return f"{local}@{DOMAIN}"

    def bounce(self, raw: bytes, recipient: str, now: int = LATER) -> Bounce:
        message = self.builder.classify(raw)
        assert message is not None
        return self.builder.bounce_of(message, [recipient], now)

    def event(self, raw: bytes, recipient: str, now: int = LATER) -> Event:
        (event,) = self.bounce(raw, recipient, now).events
        return event

    def deliver(self, raw: bytes, recipient: str, now: int = LATER) -> None:
        self.store.record([self.bounce(raw, recipient, now)], self.policy)

    def locked(self) -> list[str]:
        return [address for address, _ in self.store.addresses.locks()]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with closing(Site(tmp_path)) as site:
        yield site


@pytest.fixture
def unsigned(tmp_path: Path) -> Iterator[Site]:
    with closing(Site(tmp_path, sign="none")) as site:
        yield site


def postfix_fields(
    queue_id: str = "4XyZ1", sender: str = "news@example.org", arrival: int = NOW
) -> str:
    """What Postfix's bounce(8) tells of a message."""
    date = format_datetime(datetime.fromtimestamp(arrival, UTC))
    return (
        f"X-Postfix-Queue-ID: {queue_id}\nX-Postfix-Sender: rfc822; {sender}\nArrival-Date: {date}"
    )


def came_in(raw: bytes, received: str) -> bytes:
    """A message with the field that Postfix puts on top."""
    return f"Received: {received}\n".encode() + raw


BY_SMTP = "from mx.example.net (mx.example.net [192.0.2.1])\n\tby mail (Postfix) with ESMTP id 1F"
BY_SENDMAIL = "by mail.example.org (Postfix, from userid 1000)\n\tid 1F; Mon, 30 Nov 2026"
BY_BOUNCE = "by mail.example.org (Postfix)\n\tid 1F; Mon, 30 Nov 2026 10:00:00 +0000 (UTC)"
