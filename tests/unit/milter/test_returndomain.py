"""Recipients of the return domain at the milter: junk is refused in every spelling."""

import pytest
from tests.unit.milter.daemon import Daemon
from tests.unit.milter.locks import put_locks
from tests.unit.milter.mta import ADDRCPT, DELRCPT, Mta
from tests.unit.milter.test_protocol import PASSES, SESSION, ask

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


def added(mailbox: bytes) -> tuple[str, bytes]:
    return "+", mailbox + b"\x00"


def taken_out(path: bytes) -> tuple[str, bytes]:
    return "-", path + b"\x00"


def test_return_domain_leads_mail_for_persons_to_one_mailbox(daemon: Daemon) -> None:
    put_locks(daemon.store)
    daemon.start(return_path={**SECTION, "postmaster": "ann@example.com"})
    with Mta(daemon.socket) as mta:
        assert mta.actions & (ADDRCPT | DELRCPT) == ADDRCPT | DELRCPT
        mta.connect(SESSION)
        mta.mail(SESSION, "")
        for recipient in (b"<Abuse@return.sender.test>", b"<ben@example.net>"):
            assert mta.rcpt(SESSION, recipient) == PASSES
        assert mta.rcpt(SESSION, b'<"postmaster"@return.sender.test.>') == PASSES
        assert mta.data() == PASSES
        assert mta.changes(SESSION) == [
            added(b"ann@example.com"),
            taken_out(b"Abuse@return.sender.test"),
            taken_out(b"abuse@return.sender.test"),
            taken_out(b'"postmaster"@return.sender.test.'),
            taken_out(b"postmaster@return.sender.test"),
        ]
        mta.mail(SESSION, "")
        assert mta.rcpt(SESSION, b"<ben@example.net>") == PASSES
        assert mta.data().verdict == "a", "the next message of the session is for nobody here"


@pytest.mark.parametrize(
    "recipient", [b"<postmaster@example.net>", b"<abuse@sub.return.sender.test>"]
)
def test_return_domain_leaves_persons_of_other_domains_alone(
    daemon: Daemon, recipient: bytes
) -> None:
    put_locks(daemon.store)
    daemon.start(return_path=SECTION)
    with Mta(daemon.socket) as mta:
        mta.connect(SESSION)
        mta.mail(SESSION, "ann@example.com")
        assert mta.rcpt(SESSION, recipient) == PASSES
        assert mta.data().verdict == "a"
