"""Mail of people, desks, trackers and monitors that quotes or repeats a bounce accuses nobody."""

import pytest
from tests.unit.classifier.builder import dsn, failed, mail

from bouncegate.classifier.parse import read
from bouncegate.classifier.report import MessageType

QUOTED = (
    "<ann@recipient.example>: host mx.recipient.example[192.0.2.25] said: 550 5.1.1\n"
    "    <ann@recipient.example>: Recipient address rejected: User unknown\n"
)
DESK = {"From": "Care <care@desk.example>", "Subject": "Undelivered Mail Returned to Sender"}
OWN = {"Return-Path": "<care@desk.example>"}
NUMBERED = {"Subject": "[Case #8812] Undelivered Mail Returned to Sender"}

CORRESPONDENCE = {
    "a desk with a return path of its own": DESK | OWN,
    "a desk that gives a number": DESK | NUMBERED,
    "a desk that gives a number, and takes no bounces": DESK | NUMBERED | {"Return-Path": "<>"},
    "a desk in the name of a daemon":
        DESK | OWN | NUMBERED | {"From": "Mail Delivery System <care@desk.example>"},
    "a desk in the name of a daemon, without a number":
        DESK | OWN | {"From": "Mail Delivery System <support@desk.example>"},
    "a postmaster who answers":
        DESK | {"From": "postmaster@desk.example", "Return-Path": "<postmaster@desk.example>",
                "Subject": "Re: Undelivered Mail Returned to Sender", "References": "<1@x.test>"},
    "a report on DMARC":
        DESK | {"Return-Path": "<>", "Subject": "Report Domain: x.example Submitter: y.example"},
    "a tracker by its own fields": DESK | {"Return-Path": "<>", "X-Redmine-Host": "t.example"},
    "a program that confirms what it got":
        DESK | {"Auto-Submitted": "auto-generated", "Subject": "Thank you: mail delivery failed"},
    "an acknowledgement in German":
        DESK | {"Subject": "Anfrage 20260017: Zustellung", "Return-Path": "<>"},
    "an acknowledgement in Polish":
        DESK | {"Subject": "Zgłoszenie nr 4711: zwrot", "Return-Path": "<>"},
    "a desk that signs as the mailer":
        DESK | {"Return-Path": "<>", "Subject": "[Request received] Undeliverable: News",
                "X-Mailer": "Zendesk Mailer"},
    "an acknowledgement in French":
        DESK | {"Subject": "Accusé de réception : échec de remise", "Return-Path": "<>"},
    "an acknowledgement in Spanish":
        DESK | {"Subject": "Hemos recibido su mensaje: correo devuelto", "Return-Path": "<>"},
    "a monitor": DESK | {"Subject": "PROBLEM: mail delivery failed on mx1", "Return-Path": "<>"},
    "an answer": DESK | {"In-Reply-To": "<bounce@mx.sender.example>"},
    "an answer to several": DESK | {"References": "<bounce@mx.sender.example>"},
    "a letter": DESK | {"User-Agent": "Mozilla Thunderbird"},
    "a letter with a return path of its own": DESK | {"Return-Path": "<bob@desk.example>"},
}  # fmt: skip


@pytest.mark.parametrize("header", CORRESPONDENCE.values(), ids=CORRESPONDENCE.keys())
def test_who_quotes_a_bounce_accuses_nobody(header: dict[str, str]) -> None:
    reading = read(mail(header, QUOTED))
    assert reading.reports == ()
    assert reading.type in {MessageType.ORDINARY, MessageType.AUTO_REPLY}


NOTICES = {
    "a gateway that signs as nobody in particular": DESK,
    "with the null return path": DESK | {"Return-Path": "<>"},
    "an automatic notice": DESK | {"Return-Path": "<>", "Auto-Submitted": "auto-replied"},
    "a daemon with a return path of its own":
        DESK | {"From": "MAILER-DAEMON@mx.example", "Return-Path": "<postmaster@mx.example>"},
    "the original subject had a number":
        DESK | {"Return-Path": "<>", "Subject": "Undeliverable: [Case #8812] your order"},
    "a list passes it on": DESK | OWN | {"List-Id": "<talk.lists.example>"},
}  # fmt: skip


@pytest.mark.parametrize("header", NOTICES.values(), ids=NOTICES.keys())
def test_a_notice_without_a_report_is_still_a_bounce(header: dict[str, str]) -> None:
    assert [r.recipient for r in read(mail(header, QUOTED)).reports] == ["ann@recipient.example"]


def test_a_report_is_a_bounce_whoever_signs_it() -> None:
    raw = dsn([failed("ann@recipient.example")], header=DESK | OWN | NUMBERED)
    assert [r.recipient for r in read(raw).reports] == ["ann@recipient.example"]


@pytest.mark.parametrize(
    "own",
    [
        {"Subject": "Fwd: Undelivered Mail"} | OWN,
        {"Subject": "Fwd: Undelivered Mail", "Return-Path": ""},
        {"X-Zammad-Ticket": "1"},
    ],
)
def test_the_parts_of_a_report_that_somebody_hands_on_accuse_nobody(own: dict[str, str]) -> None:
    header = {"From": "Bob <bob@desk.example>", "Content-Type": 'multipart/mixed; boundary="b"'}
    reading = read(dsn([failed("ann@recipient.example")], header=header | own))
    assert (reading.type, reading.reports) == (MessageType.ORDINARY, ())


@pytest.mark.parametrize(
    "subject",
    ["Read: Winter news", "Gelesen: Winter news", "Lida: News", "Прочитано: News", "開封済み: 冬"],
)
def test_a_receipt_in_words_is_no_bounce(subject: str) -> None:
    reading = read(mail({"From": "Ann <ann@x.example>", "Subject": subject, "Return-Path": "<>"},
                        "Your message to ann@x.example could not be kept.\n"))  # fmt: skip
    assert (reading.type, reading.reports) == (MessageType.MDN, ())


@pytest.mark.parametrize("prefix", [
    "Fwd", "WG", "TR", "RV", "ENC", "I", "VS", "VL", "VB", "PD", "Doorst", "Přepos", "TVS", "Ynt",
    "\u0130lt", "ΠΡΘ", "Пересл", "転送", "转发", "轉寄", "전달", "הועבר", "Re[2]", "AW",
])  # fmt: skip
def test_a_forwarded_notice_accuses_nobody(prefix: str) -> None:
    raw = mail(DESK | {"Subject": f"{prefix}: Undelivered Mail Returned to Sender"}, QUOTED)
    assert (read(raw).type, read(raw).reports) == (MessageType.ORDINARY, ())


def test_a_report_on_tls_is_ordinary() -> None:
    header = {"From": "tls@x.example", "Return-Path": "<>", "Subject": "Report Domain: y.example",
              "Content-Type": "multipart/report; report-type=tlsrpt; boundary=o"}  # fmt: skip
    body = "--o\nContent-Type: text/plain\n\nfailure for ann@recipient.example\n--o--\n"
    assert read(mail(header, body)).type is MessageType.ORDINARY
