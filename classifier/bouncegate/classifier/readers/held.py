"""Whether a notice only says that a message is held: for a moderator, in a quarantine, or until its
sender proves to be a person.

The message may still be delivered, so nobody has failed; if it is refused in the end, a bounce of
its own says so. A notice that quotes a permanent reply of a server reports a failure.
"""

import re
from typing import Final

from bouncegate.classifier.notification import Notification
from bouncegate.classifier.phrases import Phrases, Vocabulary
from bouncegate.classifier.readers import addressee, failedrecipients, prose, rfc3464
from bouncegate.classifier.report import Report

_HELD: Final = (
    # English
    (
        r"(?:message|mail|e-?mail|post|posting|submission|it)\b[^.\n]{0,100} "
        r"(?:(?:is|was|has been|have been|will be|being|been) )+(?:currently |now |temporarily )?"
        r"(?:(?:put |placed )?on hold|held\b|quarantined|(?:put|placed|moved|sent) (?:in|into|to) "
        r"(?:a |the |\w+ )?(?:quarantine|moderation|holding)|detained)"
    ),
    (
        r"(?:await|pending|waiting for|subject to|queued for"
        r"|held for)\w* (?:\w+.?\w* ){0,2}(?:moderat|approv|confirm|review|verif|authori[sz]"
        r"|release)"
    ),
    (
        r"(?:confirm|verify|prove|show|certify) (?:to us )?(?:that )?(?:you(?:.re| are|rself)"
        r"|your (?:identity|message|e-?mail|mail|delivery|address)|this (?:message|e-?mail|mail"
        r"|delivery)"
        r"|it (?:by|within|here)|delivery|sending)"
    ),
    (
        r"captcha|not a (?:robot|spammer|machine)|challenge.response|guest list"
        r"|not (?:yet )?pre-?approved"
    ),
    (
        r"(?:click|follow|visit|open|use|reply)\b[^.]{0,80} (?:to|and) (?:have (?:your|this)"
        r"|deliver|release"
        r"|confirm|verify|authenticate|complete|add yourself|be added)"
    ),
    (
        r"one.time (?:verification|confirmation|registration)|release (?:the|your|this) (?:message"
        r"|mail|e-?mail)"
    ),
    # German
    (
        r"(?:wird|wurde|ist|bleibt|worden) (?:\pL+ ){0,4}(?:zurückgehalten|angehalten|festgehalten"
        r"|zurückgestellt"
        r"|in (?:der |die |eine )?quarantäne|in (?:der )?warteschleife)|in quarantäne"
        r"|zurückgehalten"
    ),
    (
        r"wartet auf (?:\pL+ ){0,2}(?:freigabe|bestätigung|genehmigung|moderation|prüfung"
        r"|freischaltung)|zur (?:prüfung|moderation|freigabe)\b"
    ),
    (
        r"bestätigen sie (?:sie\b|es\b|bitte|dass|diese|ihre|den versand|die zustellung|durch|mit"
        r"|innerhalb|über|hier)|kein (?:roboter|spammer)"
    ),
    # French
    (
        r"(?:est|été|sera) (?:\pL+ ){0,3}(?:retenue?|mise? en (?:attente|quarantaine)|placée? en"
        r"|bloquée? en attente)|en quarantaine"
    ),
    (
        r"(?:en attente|dans l.attente) (?:de |d.)(?:\pL+ ){0,2}(?:validation|modération"
        r"|approbation|confirmation|vérification)"
    ),
    r"(?:veuillez|merci de|pour) (?:confirmer|valider) (?:que|votre|cet|l.envoi)|pas un robot",
    r"(?:pour|doit|veut|souhaite)[^.]{0,20} vous (?:identifier|authentifier)",
    # Spanish and Portuguese
    (
        r"(?:ha sido |está |fue |foi |fica |ficou )retenid[ao]|retid[ao] (?:para|até|pel)|(?:en"
        r"|em) cuarentena|em quarentena|en espera de"
    ),
    (
        r"(?:pendiente|pendente|a la espera|à espera|aguarda(?:ndo)?|en espera) (?:de |da "
        r"|por )?(?:\pL+ )?"
        r"(?:aprobaci|aprovaç|moderaci|moderaç|confirmaci|confirmaç|revis|verificaci|verificaç"
        r"|liberaç)"
    ),
    (
        r"confirme (?:que|su |seu |sua |el env|o env|la entrega|a entrega)|(?:para"
        r"|por favor) confirmar (?:que|su |seu |sua )|no es un robot|não é um robô"
    ),
    # Italian
    (
        r"trattenut[oa]|in quarantena|in attesa (?:di |della |dell.)(?:\pL+ )?(?:approvazione"
        r"|moderazione|conferma|verifica|revisione)"
    ),
    (
        r"(?:confermi|confermare|conferma) (?:che|il suo|la sua|il tuo|la tua|l.invio|di essere)"
        r"|non è un robot"
    ),
    # Dutch, Scandinavian, Finnish
    (
        r"vastgehouden|in (?:de )?(?:quarantaine|wacht)\b|wacht op (?:\pL+ )?(?:goedkeuring"
        r"|bevestiging|moderatie|controle)|bevestig (?:dat|uw|je)|geen robot"
    ),
    (
        r"hålls (?:kvar|i)|i karantän|väntar på (?:\pL+ )?(?:godkännande|bekräftelse|moderering"
        r"|granskning)|bekräfta (?:att|ditt)"
    ),
    (
        r"i karant[æe]ne|(?:afventer|venter på) (?:\pL+ )?(?:godkend|godkjenn|bekræft|bekreft"
        r"|moder)|(?:bekræft|bekreft) (?:at|din|venligst)|holdes tilbake|tilbageholdt"
    ),
    r"karanteeni|odottaa (?:\pL+ )?(?:hyväksy|vahvist|tarkist|moder)|vahvista (?:että|viesti)",
    # Polish, Czech, Hungarian, Turkish
    (
        r"wstrzyman|kwarantann|(?:oczekuje|czeka) na (?:\pL+ )?(?:zatwierdz|akcept|moder|potwierdz"
        r"|weryfik)|(?:proszę|prosimy|aby) potwierdz|potwierdź"
    ),
    (
        r"(?:po|za)držen|karantén|čeká na (?:\pL+ )?(?:schvál|potvrz|moder)|potvrďte (?:prosím|že)"
        r"|karantén|jóváhagyásra vár|erősítse meg"
    ),
    r"karantina|onay(?:.|.n.z.)? bekl|bekletiliyor|onaylay.n|robot olmad.ğ.n.z",
    # Russian and Ukrainian
    (
        r"карантин|(?:ожидает|ждет|ждёт) (?:\pL+ )?(?:подтвержд|одобр|провер|модера)"
        r"|подтвердите,? (?:что|отправ|сво)|придержан|удержан|підтвердіть|очікує"
    ),
    # Japanese, Chinese, Korean
    (
        r"保留(?:され|中)|隔離|承認(?:待ち|を待|が必要)|ロボットではない|隔离|(?:等待|待)(?:审核"
        r"|批准|确认|審核|核准|確認)|请确认您|請確認您|验证码|驗證碼"
    ),
    r"격리|보류|승인(?:을)? (?:대기|기다)|확인해 주",
)
# A server has refused for good: `550 5.7.1 ...`, `said: 554 ...`, `(#5.1.1)`.
_REFUSED: Final = (
    r"(?:^|[\s(<:\"'])5[0-5]\d[ -][<(\"']?(?:#?5\.\d|\pL)|\b5\.\d\.\d{1,3}\b|user unknown"
)
_NOTICE: Final = Vocabulary(enumerate(_HELD))
_REPLY: Final = Phrases((_REFUSED,))


# Families that name themselves report failures alone. Words of the original subject, which they
# quote, must not make their notices look held.
_READERS: Final = frozenset({rfc3464.NAME, failedrecipients.NAME, prose.NAME, addressee.NAME})
_SUBJECT: Final = re.compile(
    r"^[ \t>*|'\"(-]{0,24}(?:subject|betreff|objet|asunto|assunto|oggetto|onderwerp|temat|ämne"
    r"|emne|tema|тема|konu"
    r"|předmět|tárgy|aihe|件名|主题|主旨|제목)[ \t]*[:\uff1a].*$",
    re.IGNORECASE | re.MULTILINE,
)


def is_held(notification: Notification, reports: list[Report]) -> bool:
    """Whether the notice with these reports says that the message is held, and not refused."""
    if not all(report.reader in _READERS and _is_open(report) for report in reports):
        return False
    line = notification.line
    return (
        _NOTICE.occur(line)
        and not _REPLY.occur(line)
        and _NOTICE.occur(_without_subject(notification))
    )


def _is_open(report: Report) -> bool:
    """Whether a report leaves it open that the message is delivered: no server has replied."""
    return not report.reply_code and not report.status.startswith("5")


def _without_subject(notification: Notification) -> str:
    """The notice on one line without the subject of the message that it is about."""
    subject = " ".join(notification.returned_fields.words("subject").split())
    line = " ".join(_SUBJECT.sub("", notification.notice).split())
    return line.replace(subject, "") if subject else line
