"""Whether a notice in prose only reports a delay: the message is still in a queue."""

from typing import Final

from bouncegate.classifier.notification import Notification
from bouncegate.classifier.phrases import Phrases

_SUBJECT: Final = Phrases(
    (
        (
            r"\bdelay(?:ed)?\b|warning: (?:could not send|message|delayed)|\(warning\)"
            r"|notification: warning"
        ),
        r"still trying|not (?:yet )?delivered (?:for|after) \d|could not send message for past",
        r"verzögert|verspätet|retard[ée]|retras|задерж|opóźnion|遅延|延迟",
    )
)
_WAITING: Final = (
    r"warning (?:message )?only|(?:do not|don.t) need to re-?send|no action is required"
    r"|will (?:be retried|keep trying|continue (?:to try|trying)|try again|retry)"
    r"|(?:has been|is) delayed|delivery attempts will continue|will be (?:re-?)?attempted"
    r"|is still (?:trying|in the queue)|not yet been delivered|temporary failure report"
    r"|temporary problem[^.]{0,80}retr|weiterhin versuch|erneut versuch"
    r"|sera (?:à nouveau )?(?:réessay|tent)"
)
_ENDED: Final = (
    r"permanent|gave up|given up|giving up|undeliverable|returned to sender|fatal"
    r"|could not be delivered for|will be deleted|has been (?:removed|deleted)"
    r"|no further attempts|too long"
)
_NOTICE: Final = Phrases((_WAITING, _ENDED))


def is_delay(notification: Notification) -> bool:
    """Whether the notice says that delivery continues, and not that it has ended."""
    if _SUBJECT.occur(notification.message.subject):
        return True
    return _NOTICE.found(notification.line) == [0]
