"""Lines of a log file are evidence only where nobody else could have written them."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Command, bouncegate, config

from bouncegate.config.loading import loads
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store

__all__ = ["bouncegate", "config"]

NOW = int(time.time())
ANN, BOB = "ann@orchard.example", "bob@orchard.example"
SIGNED = 'domain = "return.example.com"\n'
Read = Callable[[str, str], None]


@pytest.fixture
def read(config: Path, bouncegate: Command) -> Read:
    """Lets `maintain` read a file: one bounced, one waits; as logger(1) could write it."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(NOW - 600))
    said = (
        (
            f"to=<{ANN}>, relay=mx.orchard.example[192.0.2.9]:25, delay=1, dsn=5.1.1, "
            "status=bounced (host mx.orchard.example[192.0.2.9] said: 550 5.1.1 user unknown)"
        ),
        (
            f"to=<{BOB}>, relay=mx.orchard.example[192.0.2.9]:25, delay=1, dsn=4.2.2, "
            "status=deferred (host mx.orchard.example[192.0.2.9] said: 452 4.2.2 mailbox full)"
        ),
    )
    log = config.parent / "mail.log"
    log.write_text("".join(f"{stamp} mail postfix/smtp[1]: 4jZ5fq4JByz: {line}\n" for line in said))
    sent = Sent(NOW - 900, b"01234567", "news@sender.example", (ANN, BOB), "4jZ5fq4JByz")

    def run(return_path: str, maillog: str) -> None:
        text = config.read_text()
        text += f"[return_path]\n{return_path}[ledger]\nenabled = true\n[dns]\nenabled = false\n"
        text += f'[maillog]\nsource = "file"\nfile = "{log}"\n{maillog}'
        config.write_text(text)
        settings = loads(text)
        Store.open(settings.store).close()
        with closing(Ledger.open(settings.store, settings.ledger, readonly=False)) as ledger:
            ledger.write([entry_of(sent)])
        done = bouncegate("maintain", "--once")
        assert done.code == 0, done.err

    return run


def locked(config: Path) -> list[str]:
    with closing(Store.open(loads(config.read_text()).store, readonly=True)) as store:
        return [address for address, _ in store.addresses.locks()]


def test_maillog_of_a_file_counts_for_nothing_while_senders_are_signed(
    config: Path, bouncegate: Command, read: Read
) -> None:
    read(SIGNED, "")
    assert locked(config) == []
    assert "452 4.2.2 mailbox full" in bouncegate("explain", BOB).out, "it shows who waits"
    assert "count for nothing" in bouncegate("check-config").out


@pytest.mark.parametrize(("return_path", "maillog"), [(SIGNED, "trust_file = true\n"), ("", "")])
def test_maillog_of_a_file_counts_where_it_is_trusted_or_all_the_proof_there_is(
    config: Path, bouncegate: Command, read: Read, return_path: str, maillog: str
) -> None:
    read(return_path, maillog)
    assert locked(config) == [ANN]
    assert "count for nothing" not in bouncegate("check-config").out
