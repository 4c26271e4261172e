"""However an address is spelled, each plane answers for the mailbox that Postfix mails."""

from collections.abc import Callable, Iterator

import pytest

from bouncegate.store.address import canonical
from lab.postfix import HOSTNAME, Postfix
from lab.smtp import Client, message
from lab.system import SENDER, MailSystem

LOCKED = (
    "ann@r.example",
    '"a b"@r.example',
    '"c,d"@r.example',
    "e..f@r.example",
    "o'neil@r.example",
    "ann@b\u00fccher.example",
    "ann@[IPv6:2001:db8::1]",
)
SPELLINGS = (
    "ann@r.example",
    "ANN@R.Example",
    "ann@r.example.",
    '"ann"@r.example',
    "an\\n@r.example",
    "ann(a comment)@r.example",
    "(a)ann(b)@(c)r.example",
    "ann @ r.example",
    "@a.example,@b.example:ann@r.example",
    "ann%r.example",
    "r.example!ann",
    "Ann%R.example",
    "@a.example:ann%r.example",
    f"ann%r.example@{HOSTNAME}",
    f"ANN%r.example@{HOSTNAME}.",
    f"r.example!ann@{HOSTNAME}",
    f"ann%r.example%{HOSTNAME}",
    f'"ann@r.example"@{HOSTNAME}',
    f"ann@r.example@{HOSTNAME}",
    f'"a b"%r.example@{HOSTNAME}',
    # Another mailbox, at a gateway of somebody else's.
    "ann%r.example@other.example",
    "other.example!ann@r.example",
    '"ann@r.example"@other.example',
    "a.example!r.example!ann",
    "ann%a.example%r.example",
    '"ann(x)"@r.example',
    '"ann "@r.example',
    "bob@r.example",
    "xann@r.example",
    '"a b"@r.example',
    '"a\\ b"@R.example',
    '"A B"@r.example.',
    '"c,d"@r.example',
    "e..f@r.example",
    '"e..f"@r.example',
    "O'Neil@r.example",
    "ann@b\u00fccher.example",
    "ann@B\u00dcCHER.example",
    "ann@xn--bcher-kva.example",
    "ann@XN--BCHER-KVA.example",
    "ann@[IPv6:2001:db8::1]",
    "ann@[IPv6:2001:DB8:0:0::1]",
)
# A table has one form of each domain, and IDNs in two; docs/send-path.md says so.
NOT_IN_TABLES = {"ann@[IPv6:2001:DB8:0:0::1]"}


@pytest.fixture(scope="module")
def system(can_run_postfix: None) -> Iterator[MailSystem]:
    """A lab to which each plane is attached by itself, in turn."""
    with MailSystem(sections={"store": {"recipient_delimiter": "+"}}) as system:
        system.gate.start_return_path()
        system.gate.start_map()
        system.gate.start_milter()
        system.postfix.set(recipient_delimiter="+")
        system.postfix.start()
        yield system


@pytest.fixture(scope="module")
def mailboxes(system: MailSystem) -> dict[str, str]:
    """Whom Postfix mails for each spelling, as its log tells."""
    resolved = {}
    for spelling in SPELLINGS:
        with Client(system.postfix.submission_port) as client:
            client.say("EHLO client.example")
            client.say(f"MAIL FROM:<{SENDER}> SMTPUTF8")
            assert client.say(f"RCPT TO:<{spelling}>").code == 250, spelling
            queued = client.data(message("News").as_bytes())[1].decode()
        queue_id = queued.rpartition(" ")[2]
        line = system.postfix.wait_for_log(rf"{queue_id}: to=<(.*?)>, (orig_to=|relay=)")
        resolved[spelling] = canonical(line[1])
    return resolved


@pytest.fixture
def attach(
    system: MailSystem, mailboxes: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], None]]:
    """Attach one plane; all mailboxes that are to be locked are."""
    postfix, gate = system.postfix, system.gate
    assert mailboxes
    done = gate.run("lock", *LOCKED)
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("MAIL_CONFIG", str(postfix.config))

    def plane(name: str) -> None:
        table = f"lmdb:{postfix.config}/locks"
        if name == "table":
            done = gate.run("map", "export", table)
            assert done.returncode == 0, done.stderr
        settings = {
            "milter": {"smtpd_milters": "unix:bouncegate/milter.sock"},
            "map": {"transport_maps": "socketmap:unix:bouncegate/map.sock:transport"},
            "table": {"smtpd_recipient_restrictions": f"check_recipient_access {table}"},
        }
        postfix.set(**settings[name])
        postfix.reload()

    yield plane
    postfix.reset("smtpd_milters", "transport_maps", "smtpd_recipient_restrictions")
    gate.run("unlock", "--force", *LOCKED)


def refused(postfix: Postfix, spellings: tuple[str, ...]) -> dict[str, bool]:
    answers = {}
    for spelling in spellings:
        with Client(postfix.submission_port) as client:
            client.say("EHLO client.example")
            client.say(f"MAIL FROM:<{SENDER}> SMTPUTF8")
            reply = client.say(f"RCPT TO:<{spelling}>")
        assert reply.code in (250, 550), reply
        answers[spelling] = reply.code == 550
    return answers


@pytest.mark.parametrize("plane", ["milter", "map", "table"])
def test_each_spelling_is_answered_for_the_mailbox_that_postfix_resolves(
    system: MailSystem, mailboxes: dict[str, str], attach: Callable[[str], None], plane: str
) -> None:
    attach(plane)
    locked = {canonical(address) for address in LOCKED}
    expected = {spelling: mailboxes[spelling] in locked for spelling in SPELLINGS}
    assert sum(expected.values()) > 25
    if plane == "table":
        expected |= dict.fromkeys(NOT_IN_TABLES, False)
    assert refused(system.postfix, SPELLINGS) == expected


@pytest.mark.parametrize("plane", ["milter", "map", "table"])
def test_an_extension_is_answered_alike_where_settings_agree(
    system: MailSystem, attach: Callable[[str], None], plane: str
) -> None:
    attach(plane)
    asked = {
        "ann+news@r.example": True,
        "ann+a+b@r.example": True,
        "ann+@r.example": True,
        f"ann+news%r.example@{HOSTNAME}": True,
        '"a b+c"@r.example': True,
        "+ann@r.example": False,
        "+ann+x@r.example": False,
        "bob+ann@r.example": False,
        "ann-news@r.example": False,
    }
    assert refused(system.postfix, tuple(asked)) == asked
