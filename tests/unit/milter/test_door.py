"""Recipients of the return domain at the milter: junk is refused in every spelling."""

import pytest
from tests.unit.milter.daemon import Daemon
from tests.unit.milter.locks import put_locks
from tests.unit.milter.test_protocol import PASSES, ask

DOMAIN = "return.sender.test"
SECTION: dict[str, object] = {"domain": DOMAIN, "sign": "none"}
SPELLINGS = (
    "<whoever@{}>",
    "<whoever@{}.>",
    "<WHOEVER@{}>",
    "<whoever@{} (a comment)>",
    "<whoever @ {}>",
    '<"whoever"@{}>',
    '<"who ever"@{}.>',
    "<@a.example:whoever@{}>",
    "<whoever%{}>",
    "<{}!whoever>",
    "<whoever%{}@mail.sender.test>",
    '<"whoever@{}"@mail.sender.test>',
    "<whoever(@{}>",
    "whoever@{}",
)


def test_return_domain_refuses_what_has_no_token_in_every_spelling(daemon: Daemon) -> None:
    put_locks(daemon.store)
    daemon.start(return_path=SECTION)
    written = [spelling.format(DOMAIN).encode() for spelling in SPELLINGS]
    written += [spelling.format("RETURN.Sender.test").encode() for spelling in SPELLINGS]
    answers = ask(daemon, *written)
    assert [answer.verdict for answer in answers] == ["y"] * len(written)
    assert {answer.text[:9] for answer in answers} == {"550 5.7.1"}


@pytest.mark.parametrize(
    "recipient",
    [
        b"<whoever@example.net>",
        b"<whoever@sub.return.sender.test>",
        b"<whoever@otherreturn.sender.test>",
        b"<return.sender.test@example.net>",
        b'<"return.sender.test"@example.net>',
        b"<whoever@example.net(>",
        b"<\xff@example.net>",
        b"<>",
    ],
)
def test_return_domain_leaves_other_recipients_to_the_next_step(
    daemon: Daemon, recipient: bytes
) -> None:
    put_locks(daemon.store)
    daemon.start(return_path=SECTION)
    assert ask(daemon, recipient) == [PASSES]
