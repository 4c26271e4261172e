"""Which mailboxes a path may name: what Postfix's resolver makes of it, whatever it is set to."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.store.address import AddressError
from bouncegate.store.resolution import LONGEST_PATH, Mailbox, mailboxes_of

HERE = "return.example.com"


@pytest.mark.parametrize(
    "path",
    [
        f"whoever@{HERE}",
        f"<whoever@{HERE}>",
        f"whoever@{HERE}.",
        f"whoever@{HERE}..",
        f"whoever@{HERE.upper()}",
        f"  whoever  @ {HERE} ",
        f"whoever@{HERE} (a (nested) comment)",
        f"(a comment)whoever@{HERE}",
        "whoever@return.(a comment)example.com",
        "whoever@return .\texample.com",
        "whoever@re\\turn.example.com",
        f'"whoever"@{HERE}',
        f'"who\\ever"@{HERE}.',
        f"@a.example,@b.example:whoever@{HERE}",
    ],
)
def test_resolution_of_every_spelling_is_the_same_mailbox(path: str) -> None:
    assert mailboxes_of(path) == [Mailbox("whoever", HERE)]


@pytest.mark.parametrize(
    "path",
    [
        f"whoever%{HERE}",
        f"{HERE}!whoever",
        f"whoever%{HERE}@gateway.example.com",
        f"{HERE}!whoever@gateway.example.com",
        f"whoever%{HERE}%other.example@gateway.example.com",
        f"gateway.example.com!{HERE}!whoever",
        f"whoever%{HERE}@[192.0.2.1]",
        f"whoever%{HERE}@[IPv6:2001:db8::1]",
        f"whoever@{HERE}@",
        f"whoever@{HERE}@gateway.example.com",
        f'"whoever@{HERE}"@gateway.example.com',
        f'"whoever@{HERE}"',
        f'"\\"whoever@{HERE}\\""@gateway.example.com',
        f'"whoever%{HERE}"@gateway.example.com',
        f'"{HERE}!whoever"@gateway.example.com.',
        f"@gateway.example.com:whoever%{HERE}.@gateway.example.com",
        f"whoever % {HERE} (why not)",
    ],
)
def test_resolution_follows_the_routing_operators_of_postfix(path: str) -> None:
    assert Mailbox("whoever", HERE) in mailboxes_of(path)


def test_resolution_tells_the_mailbox_that_is_written_first() -> None:
    first, *others = mailboxes_of(f"whoever%{HERE}@example.net")
    assert first == Mailbox(f"whoever%{HERE}", "example.net")
    assert others == [Mailbox("whoever", HERE)]


def test_resolution_reads_an_idn_in_either_form() -> None:
    assert mailboxes_of("a@rückkehr.example") == mailboxes_of("a@XN--rckkehr-n2a.example.")


@pytest.mark.parametrize(
    "path",
    [
        'a"@example.com',
        "a(@example.com",
        "a)@example.com",
        "a@[192.0.2.1",
        "<a@example.com",
        "a@example.com\\",
        "a%" * 9 + "b",
        "a" * LONGEST_PATH + "@example.com",
    ],
)
def test_resolution_refuses_what_cannot_be_read(path: str) -> None:
    with pytest.raises(AddressError):
        mailboxes_of(path)


@given(st.text(alphabet='ab@%!.:;,<>[]()"\\ \t\x00é\udcff', max_size=40))
def test_resolution_of_any_text_ends_with_mailboxes_or_a_reason(text: str) -> None:
    with suppress(AddressError):
        assert mailboxes_of(text)
