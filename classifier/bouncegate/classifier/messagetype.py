"""The type of a message, before its recipients are read: a bounce, or mail that must not count.

The evidence is in the header and cheap to check, so that ordinary mail is skipped fast.
"""

from typing import Final

from bouncegate.classifier.message import Message
from bouncegate.classifier.notification import STATUS_KINDS
from bouncegate.classifier.phrases import Phrases
from bouncegate.classifier.report import MessageType

# Subjects of notices of failure.
_FAILURE: Final = (
    r"undeliver|return(?:ed|ing) (?:mail|e-?mail|message|to sender)|failure notice",
    (
        r"^\W*(?:re:? ?)?bounced?\b|bounced? (?:mail|e-?mail|message|notif|from|back|action)"
        r"|(?:mail|message|system|systems)s? (?:has |was |have )?bounced?"
    ),
    r"deliver\w*(?: \w+)? (?:fail|error|problem|notif|report|status|incomplete|impossible|unsucc)",
    (
        r"(?:delivery|mail|message|e-?mail|transport|processing|sending) (?:has )?"
        r"(?:fail|error|status|problem|notification|rejected|blocked|returned|not sent)"
    ),
    (
        r"fail\w* (?:to |of |mail)(?:deliver|to\b)?|(?:not|never|n'?t be"
        r"|cannot be) (?:be )?(?:deliver|sent)"
    ),
    r"non.?deliver|mail (?:system|delivery) (?:error|fail)|there was an error sending your mail",
    r"mailbox (?:is )?(?:full|unavailable)|message (?:you sent )?(?:was )?(?:blocked|rejected)",
    r"user unknown|unknown (?:user|recipient|address)|address (?:not found|unknown|error|change)",
    (
        r"rejected (?:mail|message)|reject mail|not member article|loop alert|(?:mail"
        r"|message) is rejected|mail (?:was )?rejected|quota exceeded|nameserver error report"
    ),
    r"unzustellbar|nicht zugestellt|zustellung|zurückgewiesen",
    r"non (?:remis|distribu|délivr)|échec|impossible de remettre|message non",
    r"no (?:se ha |se pudo )?(?:entregad|podido entregar|entregar)|devuelto|rechazad",
    r"n[ãa]o (?:foi )?entreg|devolvid|falha",
    r"non recapitat|mancat[ao] (?:consegna|recapito)|impossibile",
    r"недоставлен|не (?:было )?доставлен|невозможно доставить|возвращ|ошибка",
    r"niedostarcz|nie (?:została |można )?dostarcz|zwrot|błąd|nedoručiteln",
    r"retour de courrier|nelivrat|αποτυχία παράδοσης|bezorging mislukt|nie dostarczono|未配達",
    r"onbestelbaar|niet (?:be|af)gelever|kunde inte|kunne ikke|toimittaminen",
    r"送信エラー|配信|エラー|不達|送达|退信|退件|失败|失敗|無法|无法",
)
# Authors of notices. Ordinary mail of such authors has no failed recipient.
_DAEMON: Final = (
    (
        r"mailer.?daemon|mail.?daemon|post.?master|mail delivery|delivery (?:sub)?system"
        r"|mail.{0,3}system"
    ),
    r"mail admin|system admin|(?:^|<)mdaemon|<>|mmdf|microsoft ?exchange|sns\.amazonaws",
    r"\bmailer\b|mail router|returned mail|(?:^|[<\s\"])bounces?@",
    (
        r"(?:mail|smtp) ?(?:gateway|server|relay)|internet mail|e-?mail system|delivery agent"
        r"|mail transfer|\bpmdf\b|undeliver|mail administrator|delivery notification"
    ),
)
_AUTO: Final = (
    r"out of (?:the )?office|auto(?:mat\w+)?.?(?:repl|respon|antwort|answer)|abwesen|vacation",
    r"away from|on (?:holiday|leave)|absence|réponse automatique|respuesta automática",
    r"risposta automatica|автоответ|автоматический ответ|autoodpowied|odpowiedź automatyczna",
    r"fuera de (?:la )?oficina|fuori (?:sede|ufficio)|resposta automática|fora do escritório",
    r"afwezig|autosvar|automatisk(?:t)? svar|frånvaro|fraværs|ikke på kontoret|poissaolo",
    r"automaattinen vastaus|automatyczna odpowiedź|nieobecn|в отпуске|отсутств(?:ую|ие)",
    r"otomatik yan|ofis d.ş|automatická odpověď|mimo kancelář|automatikus válasz|házon kívül",
    r"en vacances|en congé|(?:^|: ?)absente?\b|abwesend|im urlaub|de vacaciones|in ferie|de férias",
    r"自動回覆|不在办公室|외출|부재중|αυτόματη απάντηση",
    r"不在|自動応答|自動返信|自动回复|automatisch antwoord|i am away|currently away|\booo\b",
)
_CHALLENGE: Final = (
    (
        r"(?:confirm|verify) (?:your|that|the|you) ?(?:\w+ ){0,2}(?:message|e-?mail|sender|delivery"
        r"|address|mail|human|identity)"
    ),
    r"confirmation required|challenge.?response|requires? (?:sender )?(?:verif|confirm|authoriz)",
    r"spamarrest|boxbe|tmda|waiting list|awaiting (?:your )?confirm",
    r"\(verification\)|verification (?:required|needed|request)|sender verification",
)
# A person forwards or answers a notice, which has already been counted.
_FORWARDED: Final = r"^\s*(?:fwd?|wg|tr|rv|vs|enc|re|aw|sv|i|r|転送)\s?:"
# How notices begin that a list manager forwards with the header fields of a list.
_NOTICE: Final = (
    r"^(?:\[[^\]]{1,80}\] ?)?(?:undeliver(?:able|ed)\b|returned (?:mail|message)|failure notice"
    r"|(?:permanent )?delivery (?:status notification|failure|has failed|report)|non-?delivery"
    r"|mail (?:delivery (?:failed|failure|problem|error)|system error)|unzustellbar)"
)
_REFUSAL: Final = r"automatically rejected|rejected mail|mail rejected"
_SUBJECTS: Final = Phrases(
    ("|".join(_AUTO), "|".join(_FAILURE), "|".join(_CHALLENGE), _FORWARDED, _REFUSAL, _NOTICE)
)
_IS_AUTO, _IS_FAILURE, _IS_CHALLENGE, _IS_FORWARDED, _IS_REFUSAL, _IS_NOTICE = range(6)
_AUTHORS: Final = Phrases(_DAEMON)
_AUTOMATIC_PRECEDENCE: Final = frozenset({"auto_reply", "auto-reply"})
_AUTOMATIC_FIELDS: Final = (
    "x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", "x-vacation",
)  # fmt: skip


def poses_as_report(message: Message) -> bool:
    """Whether more than its subject makes it a bounce: a daemon's name, a null path, a report."""
    fields = message.fields
    return_path = fields.get("return-path").lower()
    return (
        return_path in {"<>", ""}
        or "mailer-daemon" in return_path
        or "x-failed-recipients" in fields
        or "report" in message.root.type_field.lower()
        or _AUTHORS.occur(message.author)
    )


def type_of(message: Message) -> MessageType:
    """The type of the message, by its header and the types of its parts."""
    kinds = {part.kind for part in message.parts}
    if "message/feedback-report" in kinds:
        return MessageType.COMPLAINT
    if kinds & STATUS_KINDS:
        return MessageType.BOUNCE
    report_type = message.root.type_field.lower()
    found = _SUBJECTS.found(message.subject) if message.subject else []
    if "message/disposition-notification" in kinds or "disposition-notification" in report_type:
        # Dovecot and Sieve (RFC 5429) refuse a message by an MDN.
        refused = "rejected" in message.fields.get("auto-submitted") or _IS_REFUSAL in found
        return MessageType.BOUNCE if refused else MessageType.MDN
    return _by_header(message, report_type, found)


def _by_header(message: Message, report_type: str, found: list[int]) -> MessageType:
    """The type of the message, by subject, author and return path."""
    fields = message.fields
    return_path = fields.get("return-path").lower()
    daemon = _AUTHORS.occur(message.author) or "mailer-daemon" in return_path
    failure = _IS_FAILURE in found
    if _IS_AUTO in found and not (daemon and failure):
        return MessageType.AUTO_REPLY
    is_report = "multipart/report" in report_type or "x-failed-recipients" in fields
    if is_report or (daemon and (failure or not _is_answer(message, return_path))):
        return MessageType.BOUNCE
    if _IS_CHALLENGE in found:
        return MessageType.CHALLENGE
    automatic = _is_automatic(message)
    if _IS_FORWARDED in found or ("list-unsubscribe" in fields and _IS_NOTICE not in found):
        return MessageType.AUTO_REPLY if automatic else MessageType.ORDINARY
    if failure or (return_path == "<>" and not automatic):
        return MessageType.BOUNCE
    return MessageType.AUTO_REPLY if automatic else MessageType.ORDINARY


def _is_answer(message: Message, return_path: str) -> bool:
    """Whether it answers a message (RFC 5322, 3.6.4) and could be answered itself.

    A bounce has the null return path (RFC 5321, 4.5.5), or that of a list that forwards it.
    """
    answered = "in-reply-to" in message.fields
    return answered and return_path not in {"", "<>"} and "mailer-daemon" not in return_path


def _is_automatic(message: Message) -> bool:
    """Whether it is an automatic reply (RFC 3834, 5, and earlier conventions)."""
    fields = message.fields
    return (
        fields.get("auto-submitted").lower().startswith("auto-replied")
        or fields.get("precedence").lower() in _AUTOMATIC_PRECEDENCE
        or any(name in fields for name in _AUTOMATIC_FIELDS)
    )
