"""A message that is held, for a moderator or until its sender acts, has not failed."""

import pytest
from tests.unit.classifier.builder import dsn, failed, mail

from bouncegate.classifier.parse import read
from bouncegate.classifier.report import MessageType

GUARD = {"From": "Mail Guard <guard@shield.example>", "Return-Path": "<>"}
SUBJECT = {"Subject": "Message to ann@recipient.example was not delivered"}
DAEMON = SUBJECT | {"From": "MAILER-DAEMON@shield.example", "Return-Path": "<>"}

HELD = (
    "Your message to ann@recipient.example is on hold. Please confirm that you are a person.",
    "The mail was quarantined and could not be delivered to ann@recipient.example yet.",
    "Not delivered to ann@recipient.example: it awaits approval by the moderator.",
    "To have it delivered to ann@recipient.example, solve the captcha. It was not delivered.",
    "Ihre Nachricht an ann@recipient.example wurde nicht zugestellt: sie wird zurückgehalten.",
    "Nicht zugestellt an ann@recipient.example; die Nachricht wartet auf Freigabe.",
    "Votre message à ann@recipient.example n'a pas été remis, il est en attente de validation.",
    "Non remis à ann@recipient.example : cliquez sur le lien pour vous authentifier.",
    "No se pudo entregar a ann@recipient.example: el mensaje está en cuarentena.",
    "Não foi entregue a ann@recipient.example: a mensagem aguarda aprovação.",
    "Impossibile recapitare a ann@recipient.example: il messaggio è in quarantena.",
    "Het bericht aan ann@recipient.example is niet bezorgd en wacht op goedkeuring.",
    "Kunde inte levereras till ann@recipient.example: meddelandet väntar på godkännande.",
    "Kunne ikke leveres til ann@recipient.example: beskeden afventer godkendelse.",
    "Nie dostarczono do ann@recipient.example: wiadomość oczekuje na zatwierdzenie.",
    "Письмо не удалось доставить ann@recipient.example: письмо ожидает подтверждения.",
    "ann@recipient.example には配信できませんでした。メッセージは保留されています。",
    "无法投递到 ann@recipient.example ,邮件已被隔离。",
)


@pytest.mark.parametrize("words", HELD)
def test_a_held_message_accuses_nobody(words: str) -> None:
    reading = read(mail(DAEMON, f"{words}\n"))
    assert (reading.type, reading.reports) == (MessageType.CHALLENGE, ())


@pytest.mark.parametrize("subject", [
    "Your message to ann@recipient.example is on hold",
    "Message to ann@recipient.example awaits moderator approval",
    "Bitte bestätigen: Ihre Nachricht an ann@recipient.example",
    "Veuillez confirmer votre message",
    "Sua mensagem está em quarentena",
])  # fmt: skip
def test_a_subject_is_enough(subject: str) -> None:
    body = "Your message could not be delivered to ann@recipient.example yet.\n"
    reading = read(mail(GUARD | {"Subject": subject}, body))
    assert (reading.type, reading.reports) == (MessageType.CHALLENGE, ())


REFUSED = (
    "ann@recipient.example: 550 5.7.1 message was quarantined",
    "The mail could not be delivered to ann@recipient.example: the account is on hold.",
    "ann@recipient.example: user unknown. Please verify the recipient's address.",
    "Subject: your order awaits confirmation\n\ncould not be delivered to ann@recipient.example",
)


@pytest.mark.parametrize("words", REFUSED)
def test_a_refusal_that_has_such_words_is_a_bounce(words: str) -> None:
    assert [r.recipient for r in read(mail(DAEMON, f"{words}\n")).reports] == [
        "ann@recipient.example"
    ]


def test_the_subject_of_a_returned_message_holds_nothing() -> None:
    returned = (
        "From: a@sender.example\nTo: ann@recipient.example\nSubject: It awaits approval\n\nx\n"
    )
    group = failed("ann@recipient.example") | {"Status": "4.4.7"}
    notice = "Not delivered to ann@recipient.example: It awaits approval.\n"
    assert len(read(dsn([group], notice=notice, returned=returned)).reports) == 1


def test_a_challenge_in_the_form_of_a_report_is_a_challenge() -> None:
    group = failed("ann@recipient.example") | {"Status": "4.7.0"}
    notice = "I do not know you yet. Click here to add yourself to my guest list.\n"
    assert read(dsn([group], notice=notice)).type is MessageType.CHALLENGE


def test_a_reply_of_a_server_is_no_challenge() -> None:
    group = failed("ann@recipient.example", Diagnostic_Code="smtp; 452 4.2.2 over quota")
    notice = "Your message was queued for review of the quota; it was not delivered.\n"
    assert len(read(dsn([group | {"Status": "4.2.2"}], notice=notice)).reports) == 1
