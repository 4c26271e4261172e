"""What a message is before anybody reads its recipients: a bounce, or what must not count as one.

The signs are cheap and stand in the header, so that ordinary mail is passed over fast.
"""

import re
from typing import Final

from bouncegate.classifier.message import Message
from bouncegate.classifier.notification import STATUS_KINDS, Notification
from bouncegate.classifier.report import Nature

_FAILURE_SUBJECT: Final = re.compile(
    r"undeliver|returned (?:mail|e-?mail|to sender)|failure notice|deliver\w* (?:status |problem|has )?\w* ?(?:fail|error|problem|notif|report|status)"
    r"|fail\w* (?:to |of )?deliver|(?:not|never|couldn'?t be|cannot be|can'?t be) (?:be )?deliver|non.?deliver|mail (?:system|delivery) (?:error|fail)"
    r"|(?:delivery|mail|message|email) (?:fail|error|status|problem|notification|rejected|blocked|returned)|returned mail|bounce|mailbox (?:full|unavailable)|message (?:you sent )?(?:blocked|rejected)"
    r"|user unknown|address (?:not found|unknown)|there was an error sending your mail|delivery (?:failure|status|unsuccessful|incomplete|impossible)|rejected (?:mail|message)"
    r"|unzustellbar|nicht zugestellt|zustellung|non (?:remis|distribu|délivr)|échec|impossible de remettre|no (?:se ha )?(?:entregad|podido entregar)|devuelto|rechazad|não (?:foi )?entreg|non recapitat|mancat[ao] (?:consegna|recapito)"
    r"|недоставлен|не (?:было )?доставлен|невозможно доставить|возвращ|niedostarczon|nie (?:została )?dostarcz|zwrot|onbestelbaar|niet (?:be|af)gelever|送信エラー|配信|エラー|送达|退信|退件|失败|não entregue",
    re.IGNORECASE,
)
_DAEMON: Final = re.compile(
    r"mailer.?daemon|mail.?daemon|postmaster|post_master|mail delivery|delivery (?:sub)?system|mail.{0,3}system|mail administrator|system administrator|bounce|(?:^|<)mdaemon|<>|mmdf|exchange|no.?reply|\bmailer\b"
)
_AUTO_SUBJECT: Final = re.compile(
    r"out of (?:the )?office|auto(?:mat(?:ic|ed|ische?))?.?(?:reply|response|antwort|answer)|abwesen|vacation|away from|on (?:holiday|leave)|absence|réponse automatique|respuesta automática|risposta automatica"
    r"|автоответ|автоматический ответ|autoodpowied|odpowiedź automatyczna|不在|自動応答|自動返信|自动回复|automatisch antwoord|\bautoreply\b|\bautoresponse\b",
    re.IGNORECASE,
)
_CHALLENGE: Final = re.compile(
    r"(?:please )?(?:confirm|verify|verif\w+) (?:your|that|the) ?(?:\w+ )?(?:message|e-?mail|sender|delivery|address|mail|human|identity)|confirmation required|challenge.?response|requires? (?:sender )?(?:verification|confirmation|authoriz)|spamarrest|boxbe|tmda|waiting list",
    re.IGNORECASE,
)


def nature_of(notification: Notification) -> Nature:
    """What the message is, as far as its header and the types of its parts tell."""
    message = notification.message
    kinds = {part.kind for part in message.parts}
    report_type = message.root.type_field.lower()
    if "message/feedback-report" in kinds:
        return Nature.COMPLAINT
    if kinds & STATUS_KINDS:
        return Nature.BOUNCE
    if "message/disposition-notification" in kinds or "disposition-notification" in report_type:
        return Nature.MDN
    if _AUTO_SUBJECT.search(message.subject):
        return Nature.AUTO_REPLY
    if _looks_like_bounce(message, report_type):
        return Nature.BOUNCE
    return _other_nature(message)


def _looks_like_bounce(message: Message, report_type: str) -> bool:
    if "multipart/report" in report_type or b"x-failed-recipients" in message.fields:
        return True
    if _FAILURE_SUBJECT.search(message.subject):
        return True
    return bool(_DAEMON.search(message.author)) or message.fields.get(b"return-path") == "<>"


def _other_nature(message: Message) -> Nature:
    if _CHALLENGE.search(message.subject):
        return Nature.CHALLENGE
    submitted = message.fields.get(b"auto-submitted").lower()
    if submitted.startswith("auto-replied") or b"x-autoreply" in message.fields:
        return Nature.AUTO_REPLY
    return Nature.ORDINARY
