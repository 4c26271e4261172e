"""Mail from sendmail(1) that a real Postfix shows to the milter: nothing jams, the sender is told.

A refusal would leave the message in maildrop for ever; REJECT at its end would bounce it for the
innocent as well. So the recipient is left out, and a notice of ours says so.
"""

import re
from collections.abc import Callable, Iterator

import pytest
from tests.postfix.lines import follow
from tests.postfix.test_map import delivered, notices
from tests.postfix.test_milter import lock

from lab.bouncegate import Bouncegate, Sections
from lab.postfix import Postfix
from lab.remote import Remote
from lab.smtp import message
from lab.system import SENDER, MailSystem
from lab.waiting import wait_for

Address = Callable[[str], str]
pytestmark = pytest.mark.usefixtures("judged")
DAEMON = "MAILER-DAEMON@mail.sender.test"


def judging(postfix: Postfix, **more: object) -> dict[str, dict[str, object]]:
    return {"local": {"judge": True, "server": f"inet:127.0.0.1:{postfix.port}", **more}}


def restart(gate: Bouncegate, sections: Sections) -> None:
    assert gate.milter is not None
    gate.milter.stop()
    gate.configure(sections)
    gate.start_milter()


@pytest.fixture(scope="module")
def judged(system: MailSystem) -> Iterator[MailSystem]:
    """The mail system with sendmail(1)'s mail judged and notices sent, and as it was after that."""
    restart(system.gate, judging(system.postfix))
    system.gate.start_notices()
    follow("Filter mail from sendmail", system.postfix)
    system.postfix.reload()
    yield system
    system.postfix.reset("non_smtpd_milters")
    system.postfix.reload()
    assert system.gate.notices is not None
    system.gate.notices.stop()
    restart(system.gate, {})


@pytest.fixture
def notices_daemon(judged: MailSystem) -> Iterator[None]:
    """Both daemons run, also after the test, with the settings of this module."""
    yield
    restart(judged.gate, judging(judged.postfix))
    if judged.gate.notices is None or judged.gate.notices.returncode is not None:
        judged.gate.start_notices()


def told(remote: Remote, sender: str) -> list[str]:
    return [str(m["content"]) for m in remote.messages() if sender in m["recipients"]]


def named(dsn: str) -> list[str]:
    return re.findall(r"^Final-Recipient: \S+; (.+?)\r?$", dsn, re.MULTILINE)


def test_the_locked_one_is_left_out_the_others_get_it_and_the_sender_is_told(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    locked, *others = address("locked"), address("one"), address("two")
    sender = address("writer")
    lock(gate, locked)
    postfix.sendmail(message("News"), sender, [others[0], locked, others[1]])
    wait_for("the mail and the notice", lambda: delivered(remote, *others, sender))
    postfix.wait_until_empty()
    assert locked not in remote.accepted()
    assert list((postfix.queue / "maildrop").iterdir()) == []
    (dsn,) = told(remote, sender)
    assert named(dsn) == [locked]
    assert "Subject: News" in dsn
    assert DAEMON in dsn
    assert [m["sender"] for m in remote.messages() if sender in m["recipients"]] == ["<>"]


def test_mail_for_locked_recipients_alone_is_not_sent_and_its_sender_is_told_once(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    locked, again, sender = address("locked"), address("again"), address("writer")
    lock(gate, locked, again)
    postfix.sendmail(message("News"), sender, [locked, again])
    wait_for("the notice", lambda: told(remote, sender))
    postfix.wait_until_empty()
    (dsn,) = told(remote, sender)
    assert named(dsn) == [locked, again]
    assert not {locked, again} & set(remote.accepted())


def test_every_way_to_write_a_locked_recipient_is_left_out(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    local = address("jürgen").partition("@")[0]
    plain, sender, other = address("ann"), address("writer"), address("other")
    lock(gate, plain, f"{local}@bücher.example", f'"{local} x"@recipients.example')
    forms = [plain.upper(), f"{local}@bücher.example", f'"{local} x"@recipients.example']
    postfix.sendmail(message("News"), sender, [*forms, other])
    wait_for("the mail and the notice", lambda: delivered(remote, other, sender))
    (dsn,) = told(remote, sender)
    assert sorted(named(dsn)) == sorted(forms)
    assert [to for to in remote.accepted() if local in to or to.lower() == plain] == []


def test_a_locked_recipient_that_sendmail_was_given_with_an_operator_is_left_out(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    """cleanup(8) shows it rewritten, and takes out what it has queued as it was given."""
    locked = [address(f"way{number}") for number in range(3)]
    sender, other = address("writer"), address("other")
    lock(gate, *locked)
    (dotted, bang, percent) = (one.split("@") for one in locked)
    forms = ["@".join(dotted) + ".", "!".join(reversed(bang)), "%".join(percent)]
    postfix.sendmail(message("News"), sender, [*forms, other])
    wait_for("the mail and the notice", lambda: delivered(remote, other, sender))
    postfix.wait_until_empty()
    assert not set(locked) & set(remote.accepted())
    (dsn,) = told(remote, sender)
    assert named(dsn) == locked


def test_a_notice_to_a_return_path_of_ours_never_counts(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    """Otherwise a lock would renew itself."""
    locked = address("locked")
    lock(gate, locked)
    before = len(notices(gate))
    postfix.sendmail(message("News"), SENDER, [locked])
    line = wait_for("the notice", lambda: notices(gate)[before:])[0]
    assert f"to=<{locked}>" in line
    assert line.endswith("not counted: own-refusal")


@pytest.mark.parametrize("answer", [False, True])
def test_who_must_not_be_told_is_sent_what_he_wrote_to_whomever(
    postfix: Postfix,
    remote: Remote,
    gate: Bouncegate,
    address: Address,
    answer: bool,
) -> None:
    """To the null sender and to an answering machine no DSN may go: nothing may vanish either."""
    locked, sender = address("locked"), address("writer") if answer else ""
    lock(gate, locked)
    mail = message("Away")
    if answer:
        mail["Auto-Submitted"] = "auto-replied"
    postfix.sendmail(mail, sender, [locked])
    wait_for("the mail", lambda: delivered(remote, locked))
    postfix.wait_until_empty()
    assert told(remote, sender) == []


def test_exempt_recipients_and_aliases_get_their_mail(
    postfix: Postfix,
    remote: Remote,
    gate: Bouncegate,
    address: Address,
) -> None:
    """An alias is expanded only after the milter has spoken: that is what the map is for."""
    domain = address("x").replace("@", ".")
    target, alias = address("target"), address("alias").replace("recipients.", "aliases.")
    lock(gate, f"@{domain}", target)
    postfix.set(
        virtual_alias_domains="aliases.example", virtual_alias_maps=f"inline:{{ {alias}={target} }}"
    )
    postfix.reload()
    try:
        sender = address("writer")
        postfix.sendmail(message("News"), sender, [f"postmaster@{domain}", alias, f"a@{domain}"])
        wait_for("it all", lambda: delivered(remote, f"postmaster@{domain}", target, sender))
        assert named(told(remote, sender)[0]) == [f"a@{domain}"]
    finally:
        postfix.reset("virtual_alias_domains", "virtual_alias_maps")
        postfix.reload()


@pytest.mark.usefixtures("notices_daemon")
def test_a_notice_outlives_the_daemons_and_is_sent_when_they_are_back(
    postfix: Postfix,
    remote: Remote,
    gate: Bouncegate,
    address: Address,
) -> None:
    """What was left out of a message, its sender must learn, whatever crashes in between."""
    locked, sender = address("locked"), address("writer")
    lock(gate, locked)
    assert gate.notices is not None
    gate.notices.kill()
    postfix.sendmail(message("News"), sender, [locked])
    wait_for("the notice to wait", lambda: list((gate.store / "notices").glob("*")))
    postfix.wait_until_empty()  # killed before it answers, the milter leaves nobody out
    assert gate.milter is not None
    gate.milter.kill()
    gate.configure(judging(postfix))
    gate.start_milter()
    assert told(remote, sender) == []
    gate.start_notices()
    wait_for("the notice", lambda: told(remote, sender))
    assert locked not in remote.accepted()


@pytest.mark.usefixtures("notices_daemon")
def test_with_no_room_for_a_notice_the_recipient_stays_in_the_message(
    postfix: Postfix,
    remote: Remote,
    gate: Bouncegate,
    address: Address,
) -> None:
    """One bounce more is better than a message of which nobody hears again."""
    first, second, sender = address("first"), address("second"), address("writer")
    lock(gate, first, second)
    assert gate.notices is not None
    gate.notices.stop()
    restart(gate, judging(postfix, notices_waiting=1))
    postfix.sendmail(message("News"), sender, [first])
    wait_for("the notice to wait", lambda: list((gate.store / "notices").glob("*")))
    postfix.sendmail(message("News"), sender, [second])
    wait_for("the mail", lambda: delivered(remote, second))
    assert gate.milter is not None
    assert "error: END-OF-MESSAGE: SpoolFull: " in gate.milter.log.read_text()
    assert first not in remote.accepted()


@pytest.mark.usefixtures("notices_daemon")
def test_discard_tells_nobody_here_either(
    postfix: Postfix,
    remote: Remote,
    gate: Bouncegate,
    address: Address,
) -> None:
    locked, other, sender = address("locked"), address("other"), address("writer")
    lock(gate, locked)
    wait_for("the notices of others to go", lambda: not list((gate.store / "notices").glob("*")))
    restart(gate, {**judging(postfix), "reply": {"action": "discard"}})
    postfix.sendmail(message("News"), sender, [locked, other])
    wait_for("the mail", lambda: delivered(remote, other))
    postfix.wait_until_empty()
    assert locked not in remote.accepted()
    assert list((gate.store / "notices").glob("*")) == []


@pytest.mark.usefixtures("notices_daemon")
@pytest.mark.parametrize("action", ["accept", "tempfail"])
def test_while_the_milter_is_dead_mail_passes_or_waits_and_is_judged_later(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address, action: str
) -> None:
    """Postfix tries again what waits in maildrop: that is no jam, since the milter comes back."""
    locked, other, sender = address("locked"), address("other"), address("writer")
    lock(gate, locked)
    attached = postfix.command("postconf", "-c", postfix.config, "-h", "non_smtpd_milters").strip()
    milter = f"{{ unix:bouncegate/milter.sock, default_action={action} }}"
    postfix.set(non_smtpd_milters=milter)
    postfix.reload()
    assert gate.milter is not None
    gate.milter.kill()
    postfix.sendmail(message("News"), sender, [locked, other])
    try:
        if action == "accept":
            wait_for("the mail", lambda: delivered(remote, locked, other))
            return
        postfix.wait_for_log(r"milter-reject: .*Service unavailable")
        assert not {locked, other} & set(remote.accepted())
        gate.configure(judging(postfix))
        gate.start_milter()
        wait_for("the mail and the notice", lambda: delivered(remote, other, sender))
        assert locked not in remote.accepted()
    finally:
        postfix.set(non_smtpd_milters=attached)
        postfix.reload()
