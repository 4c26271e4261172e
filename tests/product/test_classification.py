"""Classification, sentence by sentence: where examples fall, and what the sender is told to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from tests.product.views import rows
from tests.unit.cli.conftest import Command

Classify = Callable[[str], dict[str, Any]]

TOO_MANY: Final = (
    "421 too many concurrent smtp connections from this ip address; please try again later."
)


@pytest.fixture
def classify(bouncegate: Command, tmp_path: Path) -> Classify:
    """The verdict of `bouncegate classify` on a reply, with what it tells the sender to do."""
    file = tmp_path / "replies.txt"

    def judge(reply: str) -> dict[str, Any]:
        file.write_text(f"{reply}\n")
        (found,) = rows(bouncegate, "classify", "--diagnostics", str(file))
        return found

    return judge


@pytest.mark.parametrize(
    ("label", "reply"),
    [
        ("hard/address", "554 mailbox not found"),
        ("hard/security", "550 5.4.1 [...]: recipient address rejected: access denied"),
        ("hard/undefined", "no mx record found 0x0000232b"),
        ("soft/mailbox", "552-requested mail action aborted: exceeded storage allocation"),
        ("soft/mailbox", "552-mail size limit exceeded."),
        ("soft/network", "554 5.4.14 hop count exceeded - possible mail loop attr34"),
        ("soft/limit", TOO_MANY),
        ("soft/undefined", "421 (mxgmx015) nemesis esmtp service not available"),
        ("soft/undefined", "421-service unavailable"),
    ],
)
def test_example_falls_where_its_service_puts_it(
    classify: Classify, label: str, reply: str
) -> None:
    found = classify(reply)
    assert f"{found['kind']}/{found['category']}" == label


def test_full_mailbox_counts_against_the_recipient(bouncegate: Command, classify: Classify) -> None:
    blame = {row["reason"]: row["blame"] for row in rows(bouncegate, "reasons")}
    for reply in ("552-mail size limit exceeded.", "552 exceeded storage allocation"):
        assert blame[classify(reply)["reason"]] == "recipient"


@pytest.mark.parametrize(
    ("reason", "reply"),
    [
        ("no-answer", "connect to mx.example.net[192.0.2.1]:25: Connection timed out"),
        ("connection-broken", "lost connection with mx.example.net[192.0.2.1] while sending RCPT"),
        ("mailbox-full", "452 4.2.2 over quota"),
        ("protocol-error", "503 5.5.1 bad sequence of commands"),
        ("routing-error", "554 5.4.6 too many hops, mail loops back to me"),
        ("server-misconfigured", "451 4.3.5 server configuration error"),
        ("content-blocked", "552 5.7.0 message blocked: this attachment type is not allowed"),
        ("spam-block", "554 5.7.1 message rejected as spam"),
        ("sender-invalid", "550 5.7.26 unauthenticated sender: SPF and DKIM did not pass"),
        ("expired", "4.4.7 message expired: delivery time exceeded"),
        ("policy", "554 5.7.1 rejected due to our local policy"),
    ],
)
def test_soft_reasons_of_the_last_service_are_told_apart_with_what_to_do_about_each(
    bouncegate: Command, classify: Classify, reason: str, reply: str
) -> None:
    """Some of them are hard here, on purpose: docs/reasons.md gives each its kind and blame."""
    assert classify(reply)["reason"] == reason
    assert all(row["advice"] for row in rows(bouncegate, "reasons") if row["reason"] == reason)
