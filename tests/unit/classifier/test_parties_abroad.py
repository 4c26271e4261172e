"""Who is named as unknown or closed is blamed, in other languages than English too."""

# ruff: noqa: RUF001 - letters of other scripts are meant as such

from itertools import product
from typing import NamedTuple

import pytest

from bouncegate.classifier.classifier import Classifier


class Words(NamedTuple):
    """Names of the sending side, of a recipient, and failures that either may have."""

    senders: tuple[str, ...]
    recipients: tuple[str, ...]
    failures: tuple[str, ...]


LANGUAGES = {
    "German": Words(
        ("Die Rückadresse", "Ihr Benutzerkonto", "Der sendende Server", "Die Absenderdomain"),
        ("Das Benutzerkonto", "Die Empfängeradresse"),
        ("existiert nicht", "wurde nicht gefunden", "ist unbekannt"),
    ),
    "Dutch": Words(
        ("De afzender", "Uw postvak", "Het account van de afzender"),
        ("De ontvanger", "Het postvak"),
        ("bestaat niet", "is onbekend", "is opgeheven"),
    ),
    "French": Words(
        ("L'adresse de retour", "Votre compte", "Le compte de l'expéditeur", "L'émetteur"),
        ("Le destinataire", "Ce compte"),
        ("n'existe pas", "est introuvable", "est inconnu"),
    ),
    "Spanish": Words(
        ("El remitente", "Su cuenta", "La dirección de retorno", "El usuario autenticado"),
        ("El destinatario", "La cuenta"),
        ("no existe", "ha sido eliminada", "es desconocida"),
    ),
    "Portuguese": Words(
        ("O remetente", "Sua conta", "O endereço de retorno"),
        ("O destinatário", "A conta"),
        ("não existe", "foi desativada"),
    ),
    "Italian": Words(
        ("Il mittente", "Il tuo account", "La casella del mittente"),
        ("Il destinatario", "La casella"),
        ("non esiste", "è stata eliminata"),
    ),
    "Polish": Words(
        ("Nadawca", "Konto nadawcy", "Twoja domena"),
        ("Odbiorca", "Użytkownik"),
        ("nie istnieje",),
    ),
    "Czech": Words(
        ("Odesílatel", "Váš účet", "Schránka odesílatele"),
        ("Příjemce", "Uživatel"),
        ("neexistuje",),
    ),
    "Russian": Words(
        ("Отправитель", "Обратный адрес", "Ваш почтовый ящик", "Аккаунт отправителя"),
        ("Получатель", "Почтовый ящик"),
        ("не существует", "заблокирован"),
    ),
    "Turkish": Words(
        ("Gönderen adresi", "Hesabınız"),
        ("Alıcı", "Kullanıcı"),
        ("bulunamadı", "mevcut değil"),
    ),
    "Chinese": Words(
        ("发件人邮箱", "您的账号", "寄件者帳號"), ("收件人", "用户"), ("不存在", "找不到")
    ),
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_fault_of_the_sender_locks_a_recipient(classifier: Classifier, language: str) -> None:
    words = LANGUAGES[language]
    texts = [
        f"550 5.7.1 {who} {failure}" for who, failure in product(words.senders, words.failures)
    ]
    verdicts = {text: classifier.classify_reply(text) for text in texts}
    assert [text for text, v in verdicts.items() if v.category == "address"] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_recipient_that_is_named_is_locked(classifier: Classifier, language: str) -> None:
    words = LANGUAGES[language]
    texts = [f"550 5.7.1 {who} {words.failures[0]}" for who in words.recipients]
    verdicts = {text: classifier.classify_reply(text) for text in texts}
    assert [text for text, v in verdicts.items() if v.category != "address"] == []
