"""Whether a notice in prose only reports a delay: the message is still in a queue."""

from typing import Final

from bouncegate.classifier.notification import Notification
from bouncegate.classifier.phrases import Phrases
from bouncegate.classifier.subjects import IS_NOTICE, SUBJECTS

_SUBJECT: Final = Phrases(
    (
        (
            r"\bdelay(?:ed)?\b|warning: (?:could not send|message|delayed)|\(warning\)"
            r"|notification: warning"
        ),
        r"still trying|not (?:yet )?delivered (?:for|after) \d|could not send message for past",
        r"verzöger|verspätet|retard[ée]|retras|atrasad|ritard|vertraag|försen|fördröj|forsink",
        r"viiväst|opóźnion|zpožd|zpoždě|oneskor|kašnjen|késik|késleltet|gecik|întârzi|καθυστερ",
        (
            r"задерж|отложен|відкладен|затрим|забав|遅延|遅れ|延迟|延遲|지연|تأخير|מתעכב"
            r"|ล่าช้า|tertunda|chậm trễ"
        ),
    )
)
_WAITING: Final = (
    r"warning (?:message )?only|(?:do not|don.t) need to re-?send|no action is required"
    r"|will (?:be retried|keep trying|continue (?:to try|trying)|try again|retry)"
    r"|(?:has been|is) delayed|delivery attempts will continue|will be (?:re-?)?attempted"
    r"|is still (?:trying|in the queue)|not yet been delivered|temporary failure report"
    r"|temporary problem[^.]{0,80}retr|weiterhin versuch|erneut versuch"
    r"|sera (?:à nouveau )?(?:réessay|tent)|verzögert sich|wird weiterhin|noch nicht zugestellt"
    r"|est retardée|n.a pas encore été (?:remis|distribu)|se (?:ha retrasado|seguirá intentando)"
    r"|aún no se ha entregado|está atrasada|ainda não foi entregue|(?:in ritardo|ritardat[oa])\b"
    r"|non è ancora stato|is vertraagd|nog niet (?:bezorgd|afgeleverd)|är försenad|har fördröjts"
    r"|har ännu inte levererats|(?:er|blev) forsinket|(?:ennå|endnu) ikke lever"
    r"|viivästy|ei ole vielä toimitettu|jest opóźnion|nie została jeszcze dostarcz|je zpožděn"
    r"|ještě nebyl\pL* doručen|sa oneskoril|késik|még nem (?:sikerült )?kézbesít|gecik|henüz teslim"
    r"|задерживается|задержана?\b|отложена|ещ[её] не доставлен|затримано|ще не доставлено|забавя"
    r"|întârzi|nu a fost (?:încă )?livrat încă|καθυστερεί|kasni|s.ha endarrerit"
    r"|遅延してい|まだ配信され|再試行|延迟|延遲|尚未(?:送达|送達|传递|傳遞)|지연되|아직 배달되지"
    r"|تأخير|מתעכב|bị chậm trễ|tertunda|ล่าช้า"
)
_ENDED: Final = (
    r"permanent|gave up|given up|giving up|undeliverable|returned to sender|fatal"
    r"|could not be delivered for|will be deleted|has been (?:removed|deleted)"
    r"|no further attempts|too long"
)
_NOTICE: Final = Phrases((_WAITING, _ENDED))


def is_delay(notification: Notification) -> bool:
    """Whether the notice says that delivery continues, and not that it has ended."""
    subject = notification.message.subject
    if _SUBJECT.occur(subject) and not _is_of_original(subject):
        return True
    return _NOTICE.found(notification.line) == [0]


def _is_of_original(subject: str) -> bool:
    """Whether the words stand behind the colon of a notice, in the subject of the original."""
    title, colon, _ = subject.partition(":")
    return bool(colon) and IS_NOTICE in SUBJECTS.found(subject) and not _SUBJECT.occur(title)
