"""Notices in the languages of Exchange and Microsoft 365, in words alone: who failed, and why."""

# ruff: noqa: RUF001 - letters of other scripts are meant as such

import pytest
from tests.unit.classifier.builder import mail

from bouncegate.classifier.classified import classify

# Not delivered, not found, mailbox full, the subject of these, and a delay.
NOTICES = {
    "German": (
        "Ihre Nachricht an {a} konnte nicht zugestellt werden.",
        "{u} wurde in {d} nicht gefunden.",
        "Das Postfach des Empfängers ist voll und kann derzeit keine Nachrichten annehmen.",
        "Unzustellbar: News",
        "Die Zustellung an diese Empfänger oder Gruppen verzögert sich:",
    ),
    "French": (
        "Votre message à {a} n'a pas pu être remis.",
        "{u} est introuvable dans {d}.",
        "La boîte aux lettres du destinataire est pleine et ne peut pas accepter de messages.",
        "Non remis : News",
        "La remise à ces destinataires ou groupes est retardée :",
    ),
    "Spanish": (
        "No se pudo entregar el mensaje a {a}.",
        "No se encontró {u} en {d}.",
        "El buzón del destinatario está lleno y no puede aceptar mensajes en este momento.",
        "No se puede entregar: News",
        "La entrega a estos destinatarios o grupos se ha retrasado:",
    ),
    "Portuguese": (
        "Sua mensagem para {a} não pôde ser entregue.",
        "{u} não foi encontrado em {d}.",
        "A caixa de correio do destinatário está cheia e não pode aceitar mensagens agora.",
        "Não é possível entregar: News",
        "A entrega para estes destinatários ou grupos está atrasada:",
    ),
    "Italian": (
        "Non è stato possibile recapitare il messaggio a {a}.",
        "{u} non è stato trovato in {d}.",
        "La cassetta postale del destinatario è piena e al momento non può accettare messaggi.",
        "Non recapitabile: News",
        "Il recapito a questi destinatari o gruppi è in ritardo:",
    ),
    "Dutch": (
        "Uw bericht aan {a} kan niet worden bezorgd.",
        "{u} is niet gevonden op {d}.",
        "Het postvak van de geadresseerde is vol en kan nu geen berichten accepteren.",
        "Onbestelbaar: News",
        "De bezorging aan deze geadresseerden of groepen is vertraagd:",
    ),
    "Polish": (
        "Nie można dostarczyć wiadomości do {a}.",
        "Nie znaleziono {u} w {d}.",
        "Skrzynka pocztowa adresata jest pełna i nie może teraz przyjmować wiadomości.",
        "Niedostarczone: News",
        "Dostarczanie do tych adresatów lub grup jest opóźnione:",
    ),
    "Czech": (
        "Vaši zprávu pro {a} se nepodařilo doručit.",
        "{u} nebyl na {d} nalezen.",
        "Poštovní schránka příjemce je plná a nemůže nyní přijímat zprávy.",
        "Nedoručitelné: News",
        "Doručení těmto příjemcům nebo skupinám je zpožděno:",
    ),
    "Swedish": (
        "Det gick inte att leverera ditt meddelande till {a}.",
        "{u} hittades inte på {d}.",
        "Mottagarens postlåda är full och kan inte ta emot meddelanden just nu.",
        "Oleverbart: News",
        "Leveransen till dessa mottagare eller grupper är försenad:",
    ),
    "Danish": (
        "Din meddelelse til {a} kunne ikke leveres.",
        "{u} blev ikke fundet på {d}.",
        "Modtagerens postkasse er fuld og kan ikke modtage meddelelser nu.",
        "Kan ikke leveres: News",
        "Levering er forsinket til disse modtagere eller grupper:",
    ),
    "Norwegian": (
        "Meldingen til {a} kunne ikke leveres.",
        "Finner ikke {u} på {d}.",
        "Mottakerens postboks er full og kan ikke motta meldinger nå.",
        "Kan ikke leveres: News",
        "Leveringen er forsinket til disse mottakerne eller gruppene:",
    ),
    "Finnish": (
        "Viestiäsi vastaanottajalle {a} ei voitu toimittaa.",
        "{u} ei löytynyt kohteesta {d}.",
        "Vastaanottajan postilaatikko on täynnä eikä voi vastaanottaa viestejä.",
        "Toimittamaton: News",
        "Toimitus näille vastaanottajille tai ryhmille viivästyy:",
    ),
    "Hungarian": (
        "A(z) {a} címre küldött üzenete nem kézbesíthető.",
        "{u} nem található a következő helyen: {d}.",
        "A címzett postaládája megtelt, és most nem fogadhat üzeneteket.",
        "Kézbesíthetetlen: News",
        "A kézbesítés késik a következő címzettek vagy csoportok számára:",
    ),
    "Turkish": (
        "{a} adresine gönderdiğiniz ileti teslim edilemedi.",
        "{u}, {d} konumunda bulunamad\u0131.",
        "Al\u0131c\u0131n\u0131n posta kutusu dolu ve şu anda ileti kabul edemiyor.",
        "Teslim edilemedi: News",
        "Bu al\u0131c\u0131lara veya gruplara teslim gecikti:",
    ),
    "Russian": (
        "Ваше сообщение для {a} не удалось доставить.",
        "Пользователь {u} не найден в {d}.",
        "Почтовый ящик получателя переполнен и не может сейчас принимать сообщения.",
        "Недоставленное: News",
        "Доставка этим получателям или группам задерживается:",
    ),
    "Ukrainian": (
        "Ваше повідомлення до {a} не вдалося доставити.",
        "Користувача {u} не знайдено в {d}.",
        "Поштова скринька одержувача переповнена.",
        "Недоставлене: News",
        "Доставку цим одержувачам затримано:",
    ),
    "Japanese": (
        "{a} へのメッセージを配信できませんでした。",
        "{u} は {d} で見つかりませんでした。",
        "受信者のメールボックスがいっぱいのため、現在メッセージを受信できません。",
        "配信不能: News",
        "次の受信者またはグループへの配信が遅延しています:",
    ),
    "Chinese": (
        "您发送给 {a} 的邮件无法送达。",
        "在 {d} 找不到 {u}。",
        "收件人的邮箱已满,现在无法接受邮件。",
        "未传递: News",
        "发送到这些收件人或通讯组的邮件已延迟:",
    ),
    "Chinese, Taiwan": (
        "您傳送給 {a} 的郵件無法傳遞。",
        "在 {d} 找不到 {u}。",
        "收件者的信箱已滿,目前無法接受郵件。",
        "無法傳遞: News",
        "傳遞至這些收件者或群組的郵件延遲:",
    ),
    "Korean": (
        "{a}에게 보낸 메시지를 배달할 수 없습니다.",
        "{d}에서 {u}을(를) 찾을 수 없습니다.",
        "받는 사람의 사서함이 꽉 차서 지금은 메시지를 받을 수 없습니다.",
        "배달되지 않음: News",
        "다음 받는 사람 또는 그룹에 대한 배달이 지연되었습니다:",
    ),
    "Romanian": (
        "Mesajul dvs. către {a} nu a putut fi livrat.",
        "{u} nu a fost găsit la {d}.",
        "Cutia poștală a destinatarului este plină.",
        "Nelivrabil: News",
        "Livrarea către acești destinatari sau grupuri este întârziată:",
    ),
    "Greek": (
        "Δεν ήταν δυνατή η παράδοση του μηνύματός σας προς {a}.",
        "Το {u} δεν βρέθηκε στο {d}.",
        "Το γραμματοκιβώτιο του παραλήπτη είναι πλήρες.",
        "Δεν είναι δυνατή η παράδοση: News",
        "Η παράδοση σε αυτούς τους παραλήπτες καθυστερεί:",
    ),
    "Slovak": (
        "Vašu správu pre {a} sa nepodarilo doručiť.",
        "{u} sa na {d} nenašiel.",
        "Poštová schránka príjemcu je plná.",
        "Nedoručiteľné: News",
        "Doručenie týmto príjemcom sa oneskorilo:",
    ),
    "Croatian": (
        "Vašu poruku za {a} nije bilo moguće isporučiti.",
        "{u} nije pronađen na {d}.",
        "Poštanski sandučić primatelja je pun.",
        "Nije moguće isporučiti: News",
        "Isporuka ovim primateljima kasni:",
    ),
    "Bulgarian": (
        "Вашето съобщение до {a} не можа да бъде доставено.",
        "{u} не е намерен в {d}.",
        "Пощенската кутия на получателя е пълна.",
        "Неуспешна доставка: News",
        "Доставката до тези получатели се забавя:",
    ),
    "Arabic": (
        "تعذر تسليم رسالتك إلى {a}.",
        "لم يتم العثور على {u} في {d}.",
        "علبة بريد المستلم ممتلئة.",
        "تعذر التسليم: News",
        "تم تأخير التسليم إلى هؤلاء المستلمين:",
    ),
    "Hebrew": (
        "לא ניתן היה למסור את ההודעה שלך אל {a}.",
        "{u} לא נמצא ב- {d}.",
        "תיבת הדואר של הנמען מלאה.",
        "לא ניתן למסירה: News",
        "המסירה לנמענים אלה מתעכבת:",
    ),
    "Vietnamese": (
        "Không thể gửi thư của bạn tới {a}.",
        "Không tìm thấy {u} tại {d}.",
        "Hộp thư của người nhận đã đầy.",
        "Không thể gửi: News",
        "Việc gửi tới những người nhận này bị chậm trễ:",
    ),
    "Indonesian": (
        "Pesan Anda ke {a} tidak dapat dikirim.",
        "{u} tidak ditemukan di {d}.",
        "Kotak surat penerima penuh.",
        "Tidak terkirim: News",
        "Pengiriman ke penerima ini tertunda:",
    ),
    "Thai": (
        "ไม่สามารถส่งข้อความของคุณถึง {a} ได้",
        "ไม่พบ {u} ที่ {d}",
        "กล่องจดหมายของผู้รับเต็ม",
        "ไม่สามารถส่งได้: News",
        "การส่งถึงผู้รับเหล่านี้ล่าช้า:",
    ),
    "Catalan": (
        "No s'ha pogut lliurar el missatge a {a}.",
        "No s'ha trobat {u} a {d}.",
        "La bústia del destinatari és plena.",
        "No es pot lliurar: News",
        "El lliurament a aquests destinataris s'ha endarrerit:",
    ),
}  # fmt: skip
ADDRESS = "kim@recipient.example"


def told(subject: str, *paragraphs: str) -> list[tuple[str, str, str]]:
    local, _, domain = ADDRESS.partition("@")
    words = "\n\n".join(paragraphs).format(a=ADDRESS, u=local, d=domain)
    header = {
        "From": "postmaster@recipient.example", "Return-Path": "<>", "To": "bounce@sender.example",
        "Subject": subject, "Content-Type": "text/plain; charset=utf-8",
    }  # fmt: skip
    return [(r.recipient, r.action, r.reason) for r in classify(mail(header, f"{words}\n")).reports]


@pytest.mark.parametrize("language", NOTICES)
def test_a_notice_says_who_is_not_found(language: str) -> None:
    failed, not_found, _, subject, _ = NOTICES[language]
    assert told(subject, failed, not_found) == [(ADDRESS, "failed", "user-unknown")]


@pytest.mark.parametrize("language", NOTICES)
def test_a_notice_says_whose_mailbox_is_full(language: str) -> None:
    failed, _, full, subject, _ = NOTICES[language]
    assert told(subject, failed, full) == [(ADDRESS, "failed", "mailbox-full")]


@pytest.mark.parametrize("language", NOTICES)
def test_a_delay_is_no_failure(language: str) -> None:
    delay = NOTICES[language][-1]
    assert told("News", delay, "{a}") == [(ADDRESS, "delayed", "not-a-failure")]


def test_the_subject_of_the_returned_message_delays_nothing() -> None:
    failed, not_found, *_ = NOTICES["German"]
    subject = "Unzustellbar: Verzögerung Ihrer Lieferung"
    assert told(subject, failed, not_found) == [(ADDRESS, "failed", "user-unknown")]


# A message that was not undelivered but sent back, or turned down.
SENT_BACK = {
    "German": "Ihre Nachricht an {a} wurde zurückgeschickt.",
    "Spanish": "El mensaje para {a} ha sido devuelto.",
    "Portuguese": "Seu e-mail para {a} foi recusado.",
    "Italian": "Il messaggio per {a} è stato respinto.",
    "Dutch": "Het bericht aan {a} werd geretourneerd.",
    "Swedish": "Meddelandet till {a} har returnerats.",
    "Danish": "Din meddelelse til {a} blev afvist.",
    "Finnish": "Viesti vastaanottajalle {a} palautettiin.",
    "Polish": "Wiadomość do {a} została odrzucona.",
    "Czech": "Zpráva pro {a} byla vrácena.",
    "Slovak": "Správa pre {a} bola odmietnutá.",
    "Russian": "Письмо для {a} было отклонено.",
    "Ukrainian": "Повідомлення для {a} повернуто.",
    "Turkish": "{a} adresine gönderilen ileti geri çevrildi.",
    "Hungarian": "Az üzenetet a szerver visszautasította: {a}",
    "Greek": "Το μήνυμα προς {a} επιστράφηκε.",
    "Romanian": "Mesajul către {a} a fost respins.",
    "Korean": "{a} 앞으로 보낸 메일이 반송되었습니다.",
    "Chinese": "发往 {a} 的邮件被拒收。",
    "Indonesian": "Pesan untuk {a} telah dikembalikan.",
    "Vietnamese": "Thư gửi đến {a} đã bị trả lại.",
}


@pytest.mark.parametrize("language", SENT_BACK)
def test_a_message_that_came_back_has_failed(language: str) -> None:
    reports = told("News", SENT_BACK[language], "550 5.1.1 <{a}>")
    assert reports == [(ADDRESS, "failed", "user-unknown")]
