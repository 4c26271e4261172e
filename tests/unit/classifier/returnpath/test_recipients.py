"""Recipients of the return path: good tokens, named mailboxes, and nothing else by any spelling."""

import logging
from pathlib import Path
from typing import Literal

import pytest

from bouncegate.classifier.returnpath.recipients import FOR_PERSON, NO_RETURN_PATH, Recipients
from bouncegate.config.settings import ReturnPathSettings, Settings
from bouncegate.config.values import AddressPattern, DomainName
from bouncegate.store.tokens.keys import KeyFile, rotate
from bouncegate.store.tokens.returndomain import ReturnAddresses
from bouncegate.store.tokens.token import Finding
from bouncegate.store.tokens.token import sign as signed

NOW = 1_790_000_000
DOMAIN = "return.example.com"
GATEWAY = "gateway.example.com"
MESSAGE = b"message!"


class Site:
    """Keys and recipients of one machine."""

    def __init__(
        self, folder: Path, *mailboxes: AddressPattern, sign: Literal["all", "own"] = "all"
    ) -> None:
        self.key_file = folder / "keys"
        self.keys = KeyFile(self.key_file, NOW)
        own = ReturnPathSettings(domain=DomainName(DOMAIN), sign=sign, mailboxes=mailboxes)
        self.recipients = Recipients(ReturnAddresses(Settings(return_path=own), self.keys), own)

    def token(self, time: int = NOW) -> str:
        return signed(self.keys.ring, "news@example.org", MESSAGE, time)

    def finding(self, path: str, now: int = NOW) -> Finding | None:
        refusal = self.recipients.refusal(path, now)
        return None if refusal is None else refusal.finding


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


SPELLINGS = (
    "{}@" + DOMAIN,
    "{}@" + DOMAIN + ".",
    "{}@" + DOMAIN.upper(),
    '"{}"@' + DOMAIN,
    "{} @ " + DOMAIN + " (a comment)",
    "@a.example:{}@" + DOMAIN,
    "{}%" + DOMAIN,
    DOMAIN + "!{}",
    "{}%" + DOMAIN + "@" + GATEWAY,
    '"{}@' + DOMAIN + '"@' + GATEWAY,
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_recipients_with_a_good_token_are_taken_in_any_spelling(site: Site, spelling: str) -> None:
    assert site.finding(spelling.format(site.token())) is None


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("local", ["whoever", "alive", "bouncegate-probe", "b-" + "a" * 40])
def test_recipients_without_a_token_are_refused_in_any_spelling(
    site: Site, spelling: str, local: str
) -> None:
    refusal = site.recipients.refusal(spelling.format(local), NOW)
    assert refusal is not None
    assert refusal.reply == NO_RETURN_PATH


@pytest.mark.parametrize(
    "path",
    ["whoever@example.net", "whoever", "", f"a@b@c({DOMAIN}", f'"@{DOMAIN}', "\udcff@\udcff"],
)
def test_recipients_elsewhere_and_unreadable_ones_are_refused(site: Site, path: str) -> None:
    assert site.finding(path) is Finding.NO_TOKEN


def test_recipients_need_a_token_in_each_mailbox_of_the_domain_that_a_path_may_name(
    site: Site,
) -> None:
    path = f"{DOMAIN}!whoever%{DOMAIN}@{GATEWAY}"
    assert site.finding(path) is Finding.NO_TOKEN


@pytest.mark.parametrize("local", ["postmaster", "Abuse", '"postmaster"'])
def test_recipients_that_are_persons_get_a_temporary_answer_and_lose_no_mail(
    site: Site, local: str, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = site.recipients.refusal(f"{local}@{DOMAIN}", NOW)
    assert refusal is not None
    assert refusal.reply == FOR_PERSON
    assert FOR_PERSON.startswith("451 ")
    assert caplog.records[-1].levelno == logging.WARNING


def test_recipients_whose_token_is_late_or_of_a_lost_key_are_refused_with_a_warning(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """It may have been a true bounce: an operator must be able to see it."""
    caplog.set_level(logging.INFO)
    path = f"{site.token()}@{DOMAIN}"
    assert site.finding(path, NOW + 90 * 86_400) is Finding.STALE
    site.key_file.unlink()
    rotate(site.key_file, NOW, 0)
    rotate(site.key_file, NOW, 0)
    site.key_file.write_text(site.key_file.read_text().splitlines()[-1] + "\n")
    site.keys.reload()
    assert site.finding(path) is Finding.UNKNOWN_KEY
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert caplog.records[0].message.endswith("token=stale")


def test_recipients_of_other_domains_are_taken_where_the_settings_name_them(
    tmp_path: Path,
) -> None:
    named = (AddressPattern("bounces", "example.net"), AddressPattern("", "old.example"))
    site = Site(tmp_path, *named)
    taken = ("Bounces@example.net", "bounces@EXAMPLE.net.", "whoever@old.example")
    assert [site.finding(path) for path in taken] == [None] * 3
    refused = ("others@example.net", f"bounces@{DOMAIN}", f"whoever%{DOMAIN}@old.example")
    assert [site.finding(path) for path in refused] == [Finding.NO_TOKEN] * 3


def test_recipients_of_other_domains_are_taken_where_some_senders_are_not_signed(
    tmp_path: Path,
) -> None:
    """They have return paths of their own, whose bounces the ledger can match."""
    site = Site(tmp_path, sign="own")
    assert site.finding("bounces@customer.example") is None
    assert site.finding(f"bounces@{DOMAIN}") is Finding.NO_TOKEN
