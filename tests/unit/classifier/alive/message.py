"""Messages that people write, as our filter passes them on."""

from datetime import UTC, datetime
from email.utils import format_datetime

from msgspec.structs import replace

from bouncegate.classifier.alive.signoflife import Doubt, SignOfLife, sign_of_life
from bouncegate.config.settings import AliveSettings

NOW = 1_790_000_000
ANN = "ann@example.com"
MX = "mx.example.org"
SETTINGS = replace(AliveSettings(), authserv_ids=(MX,))
PASSED = f"{MX}; dmarc=pass (p=none) header.from=example.com"
OURS = (
    "from mail.example.com (mail.example.com [192.0.2.1]) by mx.example.org (Postfix) with ESMTPS"
)
THEIRS = "from pc ([198.51.100.7]) by mail.example.com with ESMTPSA"


def mail(
    *results: str, author: str | None = "Ann <ann@example.com>", extra: str = "", at: int = NOW
) -> bytes:
    """A person's answer; `results` are Authentication-Results fields below our Received."""
    fields = [f"Received: {OURS}"]
    fields += [f"Authentication-Results: {result}" for result in results]
    fields += [f"Received: {THEIRS}"]
    fields += [f"From: {author}"] if author is not None else []
    when = format_datetime(datetime.fromtimestamp(at, UTC))
    fields += [f"Date: {when}", "To: news@example.org", "Subject: Re: News"]
    fields += ["Message-ID: <answer@example.com>", *filter(None, [extra])]
    return ("\r\n".join(fields) + "\r\n\r\nThank you!\r\n").encode("utf-8", "surrogateescape")


def checked(
    raw: bytes, settings: AliveSettings = SETTINGS, sender: str | None = ANN
) -> SignOfLife | Doubt:
    return sign_of_life(raw, sender, settings, NOW, fold_local_part=True)
