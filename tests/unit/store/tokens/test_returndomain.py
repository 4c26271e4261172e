"""Return addresses: which mailboxes are ours, and which senders below them we have signed."""

import time
from pathlib import Path

import pytest

from bouncegate.config.loading import loads
from bouncegate.config.problems import ConfigError
from bouncegate.store.address import LONGEST_ADDRESS
from bouncegate.store.resolution import Mailbox
from bouncegate.store.tokens.keys import KEY_FILE, KeyFile
from bouncegate.store.tokens.returndomain import UNREADABLE, ReturnAddresses
from bouncegate.store.tokens.token import sign

NOW = 1_790_000_000
DAY = 86_400
DOMAIN = "return.sender.test"


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / KEY_FILE, int(time.time()))


@pytest.fixture
def domain(tmp_path: Path, keys: KeyFile) -> ReturnAddresses:
    return ReturnAddresses(
        loads(f'[store]\npath = "{tmp_path}"\n[return_path]\ndomain = "{DOMAIN}"\n'), keys
    )


def test_signed_senders_are_those_with_a_good_token(
    tmp_path: Path, domain: ReturnAddresses, keys: KeyFile
) -> None:
    local = sign(keys.ring, "ann@example.com", b"message1", NOW)
    assert domain.has_signed(f"{local}@{DOMAIN}", NOW + DAY)
    assert domain.has_signed(f"{local.upper()}@Return.Sender.Test", NOW + DAY)
    (tmp_path / "other").mkdir()
    others = KeyFile(tmp_path / "other" / KEY_FILE, NOW)
    forged = local[:-1] + ("a" if local[-1] != "a" else "b")
    foreign = sign(others.ring, "ann@example.com", b"message1", NOW)
    for sender in (
        f"{forged}@{DOMAIN}",
        f"{foreign}@{DOMAIN}",
        f"{local}@sender.test",
        f"news@{DOMAIN}",
        "",
        "(",
    ):
        assert not domain.has_signed(sender, NOW + DAY), sender
    assert not domain.has_signed(f"{local}@{DOMAIN}", NOW + 30 * DAY), "no message waits so long"


def test_signed_senders_cannot_be_told_while_the_keys_are_unreadable(
    tmp_path: Path, domain: ReturnAddresses, keys: KeyFile
) -> None:
    local = sign(keys.ring, "ann@example.com", b"message1", NOW)
    (tmp_path / KEY_FILE).unlink()
    keys.reload()
    assert domain.has_signed(f"{local}@{DOMAIN}", NOW)


OTHER = "bounces.customer.test"
SEVERAL = f"""
[return_path]
domain = "{DOMAIN}"
[[return_path.sender_dependent]]
sender_domains = ["customer.test"]
domain = "{OTHER}"
[exempt]
recipients = ["postmaster@", "desk@{OTHER}"]
"""


def test_return_addresses_are_found_below_each_return_domain_in_every_spelling(
    keys: KeyFile,
) -> None:
    addresses = ReturnAddresses(loads(SEVERAL), keys)
    for domain in (DOMAIN, OTHER):
        for path in ("<Ann@{}>", "<ann@{}.>", "<ann@{} (x)>", "<ann%{}>", "<{}!ann>", '<"ann"@{}>'):
            assert Mailbox("ann", domain) in addresses.mailboxes(path.format(domain).encode()), path
        assert addresses.mailboxes(f"<ann(@{domain}>".encode()) == (UNREADABLE,)
        for path in (f"<ann@sub.{domain}>", f"<ann@x{domain}>", f"<{domain}@a.test>"):
            assert addresses.mailboxes(path.encode()) == (), path
    assert addresses.mailboxes(b"<ann@customer.test>") == ()


def test_return_addresses_take_a_token_below_each_return_domain(keys: KeyFile) -> None:
    """Bounces are still under way when a sender is given another return domain."""
    addresses = ReturnAddresses(loads(SEVERAL), keys)
    local = sign(keys.ring, "ann@example.com", b"message1", NOW)
    assert addresses.has_signed(f"{local}@{DOMAIN}", NOW)
    assert addresses.has_signed(f"{local}@{OTHER}", NOW)
    assert not addresses.has_signed(f"{local}@customer.test", NOW)


def test_return_addresses_of_persons_go_by_local_part_and_domain(keys: KeyFile) -> None:
    addresses = ReturnAddresses(loads(SEVERAL), keys)
    assert addresses.is_person(Mailbox("postmaster", DOMAIN))
    assert addresses.is_person(Mailbox("postmaster", OTHER))
    assert addresses.is_person(Mailbox("desk", OTHER))
    assert not addresses.is_person(Mailbox("desk", DOMAIN))


def test_return_addresses_fit_into_an_address_below_the_longest_domain(keys: KeyFile) -> None:
    """A longer one would make senders that servers refuse (RFC 5321, 4.5.3.1.3)."""
    longest = f"{'.'.join(['a' * 63] * 3)}.aaa"
    (name,) = loads(f"[return_path]\ndomain = '{longest}'\n").return_path.domains.names
    local = sign(keys.ring, "ann@example.com", b"message1", NOW)
    assert len(f"{local}@{name}") == LONGEST_ADDRESS
    with pytest.raises(ConfigError, match="invalid domain name"):
        loads(f"[return_path]\ndomain = '{longest}a'\n")
