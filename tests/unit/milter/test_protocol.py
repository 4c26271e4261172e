"""The daemon as an MTA sees it, over its socket and in the milter protocol."""

import re
import time
from pathlib import Path

import pytest
from tests.unit.milter.daemon import Daemon, Section
from tests.unit.milter.locks import put_locks
from tests.unit.milter.mta import (
    ADDHDRS,
    DELRCPT,
    NO_BODY,
    NO_CONNECT,
    NO_DATA,
    NO_EOH,
    NO_HEADERS,
    NO_HELO,
    NO_MAIL,
    NO_RCPT,
    NO_REPLY_CONNECT,
    NO_REPLY_MAIL,
    NO_UNKNOWN,
    SETSYMLIST,
    Answer,
    Mta,
)

from bouncegate.config.settings import StoreSettings
from bouncegate.store.installationmark import known_mark
from bouncegate.store.layout import LOCKS, open_environment

PASSES = Answer("c")
GONE = b"<Gone@example.com>"
SENDER = "news@sender.test"
SESSION = {
    "i": "4Zx8Gk2l1vz",
    "{auth_authen}": "newsletter",
    "{client_addr}": "192.0.2.1",
    "{daemon_name}": "mail.sender.test",
    "{mail_addr}": SENDER,
    "{rcpt_mailer}": "smtp",
}


def ask(
    daemon: Daemon,
    *recipients: bytes,
    without: str = "",
    honours_request: bool = True,
    **changed: str,
) -> list[Answer]:
    """The answers to one message; `changed` are macros without their braces."""
    braced = {f"{{{name}}}": value for name, value in changed.items()}
    macros = {name: value for name, value in {**SESSION, **braced}.items() if name != without}
    with Mta(daemon.socket, honours_request=honours_request) as mta:
        mta.connect(macros, macros.get("{client_addr}", "192.0.2.1"))
        mta.mail(macros, macros.get("{mail_addr}", SENDER))
        answers = [mta.rcpt(macros, recipient) for recipient in recipients]
        if PASSES in answers:
            assert mta.end_of_message() == PASSES
    return answers


def refused(answer: Answer) -> bool:
    return answer.verdict == "y" and answer.text.startswith("550 5.1.1 ")


def test_a_lock_of_one_group_is_refused_to_this_group_alone(daemon: Daemon) -> None:
    put_locks(daemon.store, "gone@example.com", group="sender.test")
    daemon.start()
    assert [refused(answer) for answer in ask(daemon, GONE)] == [True]
    assert ask(daemon, GONE, mail_addr="news@other.test") == [PASSES]


@pytest.mark.parametrize("honours_request", [True, False])
def test_of_five_recipients_the_one_with_a_live_lock_is_refused(
    daemon: Daemon, honours_request: bool
) -> None:
    put_locks(daemon.store, "gone@example.com")
    put_locks(daemon.store, "freed@example.com", until=int(time.time()) - 1)
    daemon.start()
    recipients = (b"<a@x.test>", b"<Gone@Example.COM>", b"<freed@example.com>", b"<b@x.test>")
    answers = ask(daemon, *recipients, b"<c@x.test>", honours_request=honours_request)
    assert [refused(answer) for answer in answers] == [False, True, False, False, False]
    assert re.fullmatch(
        r"550 5\.1\.1 Recipient address rejected: locked after a hard bounce "
        r"\(address, user-unknown\) until \d{4}-\d\d-\d\d, ref=\d+ \[bouncegate [0-9a-f]{8}\]",
        answers[1].text,
    )
    line = next(line for line in daemon.text().splitlines() if ": reject: " in line)
    assert line.partition("]: ")[2].startswith(
        "4Zx8Gk2l1vz: reject: RCPT from [192.0.2.1]: 550 5.1.1 <gone@example.com>: "
    )
    assert "from=<news@sender.test> to=<gone@example.com> reason=user-unknown until=" in line


def test_a_locked_domain_refuses_every_address_in_it_and_no_other(daemon: Daemon) -> None:
    put_locks(daemon.store, "@dead.example", "@xn--bcher-kva.example")
    put_locks(daemon.store, "freed@dead.example", until=int(time.time()) - 1)
    daemon.start()
    recipients = (
        b"<anybody@dead.example>",
        b"<freed@dead.example>",
        "<ä@bücher.example>".encode(),
        b"<a@sub.dead.example>",
        b'<a"b@dead.example>',
        b"<@dead.example>",
    )
    answers = ask(daemon, *recipients)
    assert [refused(answer) for answer in answers] == [True, True, True, False, False, False]


@pytest.mark.parametrize("honours_request", [True, False])
@pytest.mark.parametrize(
    ("macro", "value", "outcome"),
    [
        ("mail_addr", "", "null-sender"),
        ("rcpt_mailer", "local", "delivered-here"),
        ("auth_authen", "", "not-outbound"),
    ],
)
def test_who_passes_in_spite_of_a_lock(
    daemon: Daemon, honours_request: bool, macro: str, value: str, outcome: str
) -> None:
    put_locks(daemon.store, "gone@example.com")
    daemon.start()
    answers = ask(daemon, b"<gone@example.com>", honours_request=honours_request, **{macro: value})
    assert answers == [PASSES]
    daemon.wait_for_log(f"pass: RCPT from [192.0.2.1]: {outcome}; ")


def test_a_client_in_our_networks_is_known_by_its_connection_if_by_nothing_else(
    daemon: Daemon,
) -> None:
    put_locks(daemon.store, "gone@example.com")
    daemon.start()
    loopback = {"auth_authen": "", "client_addr": "127.0.0.1"}
    for honours_request in (False, True):
        answers = ask(daemon, b"<gone@example.com>", honours_request=honours_request, **loopback)
        assert refused(answers[0])


def test_mail_from_sendmail_is_never_refused(daemon: Daemon) -> None:
    """A refusal there would leave the whole message in maildrop, tried again for ever."""
    put_locks(daemon.store, "gone@example.com")
    daemon.start()
    assert ask(daemon, b"gone@example.com", without="{rcpt_mailer}") == [PASSES]


def test_plain_locking_needs_no_step_but_rcpt_and_an_early_end(daemon: Daemon) -> None:
    """Every other step would cost each message a round trip, and no DATA a second reading."""
    put_locks(daemon.store, "gone@example.com")
    daemon.start(milter={"workers": 1})
    assert refused(ask(daemon, b"<gone@example.com>")[0])
    with Mta(daemon.socket) as mta:
        needless = NO_CONNECT | NO_HELO | NO_MAIL | NO_HEADERS | NO_EOH | NO_BODY | NO_UNKNOWN
        assert mta.steps & (needless | NO_RCPT | NO_DATA) == needless
        assert mta.asked["M"] == ("{mail_addr}",)
        assert set(mta.asked["R"]) == set(SESSION) - {"{mail_addr}"} | {"{rcpt_addr}"}


def test_the_sender_is_the_one_of_the_message_and_not_of_the_one_before(daemon: Daemon) -> None:
    """The null sender must always pass, also behind a message that had a sender."""
    put_locks(daemon.store, "gone@example.com")
    daemon.start(milter={"workers": 1})
    with Mta(daemon.socket) as mta:
        mta.connect(SESSION)
        for sender, is_refused in ((SENDER, True), ("", False), (SENDER, True)):
            mta.mail({**SESSION, "{mail_addr}": sender}, sender)
            assert refused(mta.rcpt(SESSION, GONE)) is is_refused
            mta.abort()


@pytest.mark.parametrize(
    ("action", "change", "allowed"),
    [
        ("discard", ("-", b"Gone@example.com\x00"), DELRCPT),
        ("tag", ("h", b"X-Bouncegate-Locked\x00recipients=1; refs=1; "), ADDHDRS),
    ],
)
def test_only_a_message_with_a_locked_recipient_waits_for_its_end(
    daemon: Daemon, action: str, change: tuple[str, bytes], allowed: int
) -> None:
    """DISCARD or a tag is no reason for Postfix to read every other message twice."""
    put_locks(daemon.store, "gone@example.com")
    daemon.start(milter={"workers": 1}, reply={"action": action})
    assert ask(daemon, b"<first@x.test>") == [PASSES]  # RCPT alone will do from now on
    with Mta(daemon.socket) as mta:
        assert mta.actions == SETSYMLIST | allowed
        assert mta.steps & (NO_CONNECT | NO_MAIL | NO_HEADERS | NO_BODY | NO_DATA) == (
            NO_CONNECT | NO_MAIL | NO_HEADERS | NO_BODY
        )
        for recipients, verdict in (([b"<a@x.test>"], "a"), ([b"<a@x.test>", GONE], "c")):
            mta.mail(SESSION, SENDER)
            assert [mta.rcpt(SESSION, to) for to in recipients] == [PASSES] * len(recipients)
            assert mta.data().verdict == verdict
        ((kind, value),) = mta.changes(SESSION)
        assert kind == change[0]
        assert value.startswith(change[1])
        assert mta.rcpt(SESSION, b"<a@x.test>") == PASSES
        assert mta.data() == Answer("a"), "what was held for one message is not for the next"
    daemon.wait_for_log(f": {action}: RCPT from [192.0.2.1]: 550 5.1.1 <gone@example.com>: ")


def test_a_message_that_is_given_up_leaves_nothing_held(daemon: Daemon) -> None:
    put_locks(daemon.store, "gone@example.com")
    daemon.start(milter={"workers": 1}, reply={"action": "discard"})
    with Mta(daemon.socket) as mta:
        mta.connect(SESSION)
        mta.mail(SESSION, SENDER)
        assert mta.rcpt(SESSION, GONE) == PASSES
        mta.abort()
        assert mta.rcpt(SESSION, b"<a@x.test>") == PASSES
        assert mta.data() == Answer("a")


def test_defer_answers_for_the_time_being(daemon: Daemon) -> None:
    put_locks(daemon.store, "gone@example.com")
    daemon.start(reply={"action": "defer"})
    (answer,) = ask(daemon, GONE)
    assert answer.verdict == "y"
    assert answer.text.startswith("450 4.2.1 ")


def test_an_mta_that_ignores_the_asked_for_macros_is_asked_for_two_steps_more(
    daemon: Daemon,
) -> None:
    """Without them the milter would know neither client nor sender, and refuse nobody."""
    put_locks(daemon.store, "gone@example.com")
    daemon.start(milter={"workers": 1})
    assert refused(ask(daemon, b"<gone@example.com>", honours_request=False)[0])
    with Mta(daemon.socket, honours_request=False) as mta:
        assert not mta.steps & (NO_CONNECT | NO_MAIL)
        assert mta.steps & (NO_REPLY_CONNECT | NO_REPLY_MAIL) == NO_REPLY_CONNECT | NO_REPLY_MAIL


def test_an_mta_of_the_other_kind_is_noticed_at_its_first_locked_recipient(
    daemon: Daemon,
) -> None:
    """Two MTAs may share one milter; neither may go without refusals for good."""
    put_locks(daemon.store, "gone@example.com")
    daemon.start(milter={"workers": 1})
    assert refused(ask(daemon, b"<gone@example.com>")[0])
    assert ask(daemon, b"<gone@example.com>", honours_request=False) == [PASSES]
    for honours_request in (False, True, False):
        answers = ask(daemon, b"<gone@example.com>", honours_request=honours_request)
        assert refused(answers[0])


def test_an_mta_that_sends_no_macros_of_unwanted_steps_is_noticed_at_its_first_locked_recipient(
    daemon: Daemon,
) -> None:
    """Sendmail honours requests, and sends the sender's macro only to who wants MAIL."""
    put_locks(daemon.store, "gone@example.com")
    daemon.start(milter={"workers": 1})
    answers = []
    for _ in range(4):
        with Mta(daemon.socket, tells_opted_out=False) as mta:
            mta.connect(SESSION)
            mta.mail(SESSION, SENDER)
            answers.append(refused(mta.rcpt(SESSION, b"<gone@example.com>")))
    assert answers == [True, False, True, True]


def test_observe_refuses_nobody_and_logs_whom_it_would_refuse(daemon: Daemon) -> None:
    put_locks(daemon.store, "gone@example.com")
    daemon.start(milter={"mode": "observe"})
    assert ask(daemon, b"<gone@example.com>") == [PASSES]
    daemon.wait_for_log(": would-reject: RCPT from [192.0.2.1]: 550 5.1.1 <gone@example.com>: ")


def test_code_and_text_of_the_refusal_are_those_of_the_settings(daemon: Daemon) -> None:
    put_locks(daemon.store, "gone@example.com")
    reply: Section = {"code": 450, "status": "4.2.1", "text": "50% of {recipient}: {reason}"}
    daemon.start(reply=reply)
    assert ask(daemon, b"<gone@example.com>") == [
        Answer("y", f"450 4.2.1 50% of gone@example.com: user-unknown {known_mark(daemon.store)}")
    ]


def test_the_case_of_a_local_part_counts_where_the_setting_says_so(daemon: Daemon) -> None:
    put_locks(daemon.store, "Gone@example.com")
    daemon.start(store={"fold_local_part": False})
    answers = ask(daemon, b"<Gone@EXAMPLE.com>", b"<gone@example.com>")
    assert [refused(answer) for answer in answers] == [True, False]


def test_exempt_senders_and_recipients_pass(daemon: Daemon) -> None:
    put_locks(daemon.store, "@dead.example")
    daemon.start(exempt={"senders": ["@trusted.test"], "recipients": ["abuse@"]})
    assert ask(daemon, b"<a@dead.example>", mail_addr="x@trusted.test") == [PASSES]
    answers = ask(daemon, b"<abuse@dead.example>", b"<a@dead.example>")
    assert [refused(answer) for answer in answers] == [False, True]


def test_a_sender_in_no_known_encoding_is_judged_all_the_same(daemon: Daemon) -> None:
    put_locks(daemon.store, "gone@example.com")
    daemon.start()
    answers = ask(daemon, b"<gone@example.com>", b"<\xff\xfe@example.com>", mail_addr="\udcfc@x")
    assert [refused(answer) for answer in answers] == [True, False]


@pytest.mark.parametrize(("on_error", "answer"), [("accept", PASSES), ("tempfail", Answer("t"))])
def test_without_a_store_everybody_is_answered_by_on_error_until_there_is_one(
    daemon: Daemon, on_error: str, answer: Answer
) -> None:
    """The first start on a new machine must neither stop the mail nor need a second start."""
    daemon.start(milter={"on_error": on_error, "workers": 1})
    assert ask(daemon, b"<gone@example.com>") == [answer]
    assert "4Zx8Gk2l1vz: error: RCPT: StoreMissing: " in daemon.text()
    put_locks(daemon.store, "gone@example.com")
    time.sleep(1.1)
    assert refused(ask(daemon, b"<gone@example.com>")[0])


def test_a_lock_takes_effect_without_a_restart(daemon: Daemon) -> None:
    put_locks(daemon.store, "other@example.com")
    daemon.start()
    assert ask(daemon, b"<gone@example.com>") == [PASSES]
    put_locks(daemon.store, "gone@example.com")
    assert refused(ask(daemon, b"<gone@example.com>")[0])


def test_a_record_that_is_damaged_is_answered_by_on_error_and_told(daemon: Daemon) -> None:
    put_locks(daemon.store, "gone@example.com")
    _damage(daemon.store, b"gone@example.com")
    daemon.start()
    assert ask(daemon, b"<gone@example.com>", b"<a@x.test>") == [PASSES, PASSES]
    assert "error: RCPT: LockRecordError: " in daemon.text()


def _damage(store: Path, key: bytes) -> None:
    environment = open_environment(StoreSettings(path=store), readonly=False)
    with environment.begin(write=True, db=environment.open_db(LOCKS)) as transaction:
        transaction.put(key, b"\xff" * 20)
    environment.close()
